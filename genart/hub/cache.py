"""What is on the disk: the Hugging Face cache, and what genart remembers of its files. It calls nobody.

The first download of a file records its revision and SHA-256, and later ones must match. Whoever deletes
a file deletes its record, so that the next download may bring a newer one.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Iterator

from genart.catalogue import Source

ORPHAN_SECONDS = 24 * 3600  # a download takes hours at most
DAMAGED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Record:
    """What the first download of a file found, and the name of the model it was for.

    `asked` is the revision that was asked for, None for any.
    """

    name: str
    repo: str
    file: str
    asked: str | None
    revision: str
    size: int
    sha256: str
    licence: str | None = None


def ours() -> Path:
    """The folder of genart beside the Hub's own in the Hugging Face cache."""
    return _home() / "genart"


def hub() -> Path:
    """The Hub's own folder in the Hugging Face cache."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(named).expanduser().absolute() if named else _home() / "hub"


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")).expanduser().absolute()


def free(place: Path) -> int:
    """The bytes that are free on the disk of a folder, which need not be there yet. SPARE_BYTES of them are nobody's to fill."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """The same, read again only when the file has changed or the process is new."""
    state = path.stat()
    return _sha256_once(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_once(path: Path, size: int, changed: int) -> str:
    return sha256_of(path)


# ---- records


def records() -> Iterator[Record]:
    """Every file whose first download is recorded; a record that cannot be read counts as none."""
    for path in sorted((ours() / "hub").glob("*.json")):
        record = _read(path)
        if record:
            yield record


def record_of(source: Source) -> Record | None:
    """The record of a file; where the source names none, that of the file once taken, or of the only one."""
    if source.file is not None:
        return _read(_record_path(source.repo, source.file, source.revision))
    found = [each for each in records() if (each.repo, each.asked) == (source.repo, source.revision)]
    taken = [each for each in found if not each.name.endswith(each.file)]
    return taken[0] if taken else found[0] if len(found) == 1 else None


def record(found: Record) -> None:
    """Keep a record."""
    put(_record_path(found.repo, found.file, found.asked), json.dumps(asdict(found)).encode())


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; the cache may be one that is only read, or full, and then nothing is kept."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with open(handle, "wb") as file:
                file.write(data)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)


def _record_path(repo: str, file: str, asked: str | None) -> Path:
    name = hashlib.sha256(f"{repo}@{asked or ''}:{file}".encode()).hexdigest()[:32]
    return ours() / "hub" / f"{name}.json"


def _read(path: Path) -> Record | None:
    try:
        return Record(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


# ---- files


def held(source: Source) -> Path | None:
    """Where the Hub's cache has the file, whole or not; None where it is not there."""
    known = record_of(source)
    file = source.file or (known.file if known else None)
    revision = known.revision if known else _revision(source)
    if file is None or revision is None:
        return None
    path = _snapshot(source.repo, revision) / file
    return path if path.is_file() else None


def _revision(source: Source) -> str | None:
    """The commit that was asked for, or to which the branch pointed when it was last seen."""
    asked = source.revision or "main"
    try:
        return (_repo(source.repo) / "refs" / asked).read_text("utf-8").strip()
    except (OSError, ValueError):
        return source.revision


def _repo(repo: str) -> Path:
    return hub() / f"models--{repo.replace('/', '--')}"


def _snapshot(repo: str, revision: str) -> Path:
    return _repo(repo) / "snapshots" / revision


def take_away(source: Source, *, damaged: bool) -> None:
    """Remove a file from the Hub's cache with its record; a damaged one is set aside and its record stays."""
    path, known = held(source), record_of(source)
    if known and not damaged:
        _record_path(known.repo, known.file, known.asked).unlink(missing_ok=True)
    if path is None:
        return
    blob = path.resolve()
    path.unlink()
    if blob != path and any(
        other.is_symlink() and other.resolve() == blob for other in _repo(source.repo).glob("snapshots/**/*")
    ):
        return  # another revision has the same file
    if damaged:
        aside = ours() / "damaged" / f"{int(time.time())}-{path.name}"
        with suppress(OSError):
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(blob, aside)
    blob.unlink(missing_ok=True)


def tidy() -> None:
    """Remove what downloads that were killed have left behind, and damaged files that nobody has looked at."""
    for path, seconds in _strays():
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > seconds:
                path.unlink()


def strays() -> list[Path]:
    """Unfinished downloads, locks and damaged files; `tidy` removes the old ones."""
    return [path for path, _ in _strays()]


def _strays() -> Iterator[tuple[Path, int]]:
    for pattern, seconds in (("models--*/blobs/*.incomplete", ORPHAN_SECONDS), (".locks/models--*/*.lock", ORPHAN_SECONDS)):
        for path in hub().glob(pattern):
            yield path, seconds
    for path in (ours() / "damaged").glob("*"):
        yield path, DAMAGED_SECONDS
    for path in (ours() / "hub").glob("*.partial"):
        yield path, ORPHAN_SECONDS
