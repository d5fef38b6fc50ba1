"""The process that talks to the Hugging Face Hub, so that it can be stopped at any moment: `python -m genart.hub.child`.

It reads a request and answers with what the repository holds; then it reads which files are wanted, or
which parts of them, and fetches those. Every line, either way, is one JSON object. When its input ends
it stops and leaves nothing half done. It says what failed as a word of its own, so that no address with
a token in it ever leaves it.
"""

import errno
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from genart.hub.cache import sha256_of
from genart.hub.parts import bring_parts

T = TypeVar("T")

PAUSES = (1, 2)  # seconds before the second and the third try
CHUNK_BYTES = 2**13  # the library's 10 MB would keep a slow download silent for minutes
TOLD_SECONDS = 0.2  # between two lines of progress
PASSING = ("network", "broken", "down", "busy")  # worth another try
BY_NAME = {  # of httpx and its successors, which the library changes between versions
    "ConnectTimeout": "silent",
    "ReadTimeout": "silent",
    "TimeoutException": "silent",
    "ConnectError": "network",
    "ProxyError": "network",
    "NetworkError": "broken",
    "ProtocolError": "broken",
    "DecodingError": "portal",
    "TooManyRedirects": "portal",
}
BY_STATUS = {401: "denied", 403: "denied", 429: "busy"}
BY_NUMBER = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "full"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "readonly"),
}


class Bar:
    """Stands in for the library's progress bar and says how many bytes are there."""

    def __init__(self, *, initial: int = 0, **_: object):
        self._bytes, self._told = initial, 0.0

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        say(bytes=self._bytes)

    def update(self, more: int) -> None:
        self._bytes += more
        if time.monotonic() - self._told > TOLD_SECONDS:
            self._told = time.monotonic()
            say(bytes=self._bytes)


def main() -> None:
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    asked = json.loads(lines.get())
    repo, seconds = asked["repo"], asked["seconds"]
    info = _patiently(lambda: HfApi().model_info(repo, revision=asked["revision"], files_metadata=True, timeout=seconds))
    card = info.card_data.to_dict() if info.card_data else {}
    say(
        found={
            "revision": info.sha,
            "licence": _licence(card, info.tags or []),
            "files": {each.rfilename: [each.size or 0, each.lfs.sha256 if each.lfs else None] for each in info.siblings or []},
        }
    )
    while True:
        wanted = json.loads(lines.get())
        for file in wanted.get("files", ()):
            path = _patiently(lambda file=file: hf_hub_download(repo, file, revision=info.sha, tqdm_class=Bar))  # type: ignore[misc, arg-type]
            say(file=file, path=path, sha256=sha256_of(Path(path)))
        for file, size, target in wanted.get("parts", ()):
            url = hf_hub_url(repo, file, revision=info.sha)
            _patiently(bring_parts, url, size, Path(target), seconds)
            say(part=file)


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")  # in one piece: two threads speak
    sys.stdout.flush()


def _listen(lines: "queue.SimpleQueue[str]") -> None:
    """Pass on what is asked, and stop everything at the end of the input."""
    for line in sys.stdin:
        lines.put(line)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes it from waiting for the network
    else:
        os._exit(1)


def _patiently(work: Callable[..., T], *given: object) -> T:
    """The result of what the network may spoil now and then."""
    for pause in PAUSES:
        try:
            return work(*given)
        except Exception as error:
            if kind_of(error) not in PASSING:
                raise
            time.sleep(pause)
    return work(*given)


def _licence(card: dict[str, Any], tags: list[str]) -> str | None:
    named = card.get("license") or next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), None)
    return str(named) if named else None


def kind_of(error: BaseException) -> str:
    """What went wrong, in a word that the parent has a sentence for."""
    if isinstance(error, GatedRepoError):
        return "waiting" if _status(error) == 403 else "gated"
    if isinstance(error, RevisionNotFoundError):
        return "revision"
    if isinstance(error, (RepositoryNotFoundError, HFValidationError)):
        return "repository"
    if isinstance(error, LocalEntryNotFoundError):  # the library hides the cause behind it
        return kind_of(error.__cause__) if error.__cause__ else "network"
    if isinstance(error, EntryNotFoundError):
        return "file"
    if isinstance(error, HfHubHTTPError):
        status = _status(error)
        return BY_STATUS.get(status, "down" if status >= 500 else "odd")
    if isinstance(error, FileMetadataError):
        return "portal"
    for parent in type(error).__mro__:
        if parent.__name__ in BY_NAME:
            return BY_NAME[parent.__name__]
    if isinstance(error, OSError):
        short = str(error).startswith("Consistency check failed")
        return "short" if short else BY_NUMBER.get(error.errno or 0, "disk")
    return "portal" if isinstance(error, (ValueError, TypeError)) else "odd"


def _status(error: HfHubHTTPError) -> int:
    return error.response.status_code if error.response is not None else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        main()
    except Exception as error:
        say(failed=kind_of(error), reason=os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "")
        sys.exit(1)
