"""The models a page may show: shipped, downloaded, opened; and the routes that fetch, open and delete them.

On a public page only the operator's models are there: what is downloaded already, and nothing is fetched.
"""

import asyncio
import logging
import shutil
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.catalogue import CHECKPOINTS, COMMERCIAL, UNKNOWN, Entry, entry_at, hub_entries, other_format, source_of
from genart.errors import BadWeights, GenartError, Refused, UnknownModel, quote
from genart.hub import Download, Downloads, Listing, cache, chosen, here, looked_into, offline
from genart.limits import SPARE_BYTES
from genart.ui.live import Live
from genart.ui.messages import UNEXPECTED, parsed, told
from genart.ui.words import in_both

if TYPE_CHECKING:
    from genart.studio import Studio
    from genart.weights.glimpse import Glimpse

log = logging.getLogger(__name__)

MAX_REQUEST = 2000
MAX_CHECKPOINT = 2 * 2**30
MAX_NAME = 200  # bytes: a file system takes 255
DROPPED_AT_ONCE = 2
SLOW_BYTES, SLOW_SECONDS = 2**20, 60.0  # 140 kbit/s, which each part of an upload has to keep up, however large the whole


class Shelf:
    """All models by name. `entries` are those with a file here; they are the studio's too."""

    def __init__(self, live: Live, studio: "Callable[[], Studio]", shipped: Mapping[str, Entry], *, public: bool):
        self.entries = {**shipped, **here()}
        self._live, self._studio, self._public = live, studio, public
        self._shipped = shipped
        self._downloads = Downloads(self._admit)
        self._room = asyncio.Semaphore(DROPPED_AT_ONCE)

    def known(self) -> dict[str, Entry]:
        """The models to show: those that are here, and in a studio those of the catalogue too."""
        return self.entries if self._public else {**self._shipped, **hub_entries(), **self.entries}

    def routes(self) -> list[BaseRoute]:
        work = {
            "list": self._route(self._list),
            "look": self._route(self._look),
            "get": self._route(self._get),
            "state": self._route(self._state),
            "stop": self._route(self._stop),
            "delete": self._route(self._delete),
            "drop": self._drop,
        }
        return [Route(f"/live/models/{name}", does, methods=["POST"]) for name, does in work.items()]

    def _route(self, does: Callable[[str], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            async def work(_: str, body: bytes) -> Response:
                return JSONResponse(await run_in_threadpool(does, str(parsed(body).get("model", ""))))

            return await self._live.answer(request, MAX_REQUEST, work)

        return answer

    def _list(self, _: str) -> dict[str, Any]:
        return {"models": [self.card(entry) for entry in self.known().values()], "public": self._public, "offline": offline()}

    def _look(self, text: str) -> dict[str, Any]:
        """What a repository holds, for a text that names one, with the card it has of itself."""
        self._refuse_public()
        entry = self._named(text)
        source = entry.source
        if source is None or entry.name in self.entries:
            return {"models": [self.card(entry)], "repo": source.repo if source else None, "card": ""}
        from genart.weights.glimpse import glimpses

        with tempfile.TemporaryDirectory(prefix="genart-") as folder:
            found, places = looked_into(source, Path(folder))
            seen = glimpses(places)
        files = found.candidates() if not source.file and found.candidates() else [chosen(source, found)]
        return {"models": [self._found(found, file, seen.get(file)) for file in files], "repo": found.repo, "card": found.card}

    def _found(self, found: Listing, file: str, seen: "Glimpse | BadWeights | None") -> dict[str, Any]:
        """What is said of a file that a repository holds: its size and what it was `seen` to be, and the repository's
        licence if no table has one."""
        entry = self._named(f"{found.repo}:{file}")
        stated = replace(entry, licence=found.licence) if found.licence and entry.licence in UNKNOWN else entry
        card = self.card(stated) | {"bytes": found.files[file][0]}
        if isinstance(seen, BadWeights):
            return card | {"refused": told(seen)}
        if seen is None:
            return card
        space = seen.space()
        return card | {"kind": seen.family.kind, "family": seen.family.title, "pixels": space and space.image_size}

    def _get(self, name: str) -> dict[str, Any]:
        """Begin to fetch a model, or join those who wait for it."""
        self._refuse_public()
        entry = self._named(name)
        return self._progress(self._downloads.get(entry))

    def _state(self, name: str) -> dict[str, Any]:
        download = self._downloads.known(name)
        if download is None:
            raise UnknownModel(name, self.entries)
        return self._progress(download)

    def _stop(self, name: str) -> dict[str, Any]:
        self._refuse_public()
        download = self._downloads.known(name)
        if download:
            download.stop()
        return {}

    def _delete(self, name: str) -> dict[str, Any]:
        self._refuse_public()
        if name in self._shipped:
            raise Refused(f"The model {name!r} comes with genart and stays; delete models that were downloaded.")
        entry = self.entries.get(name) or self._named(name)
        from genart.weights.foreign import copies

        sha256 = entry.sha256 or (cache.sha256_once(entry.path) if entry.path.is_file() else None)
        if entry.source:
            cache.take_away(entry.source, damaged=False)
        elif cache.ours() / "opened" in entry.path.parents:
            shutil.rmtree(entry.path.parent, ignore_errors=True)
        for copy, original, _ in copies():
            if original == sha256:
                copy.unlink(missing_ok=True)
        self.entries.pop(name, None)
        self._studio().remove(name)
        return {}

    async def _drop(self, request: Request) -> Response:
        """Open a checkpoint that comes as the body; it is written to a file while it streams."""

        async def work(_: str, __: bytes) -> Response:
            self._refuse_public()
            name = Path(request.query_params.get("name", "")).name
            if what := other_format(name):
                raise BadWeights(
                    f"The file {quote(name)} is {what}; genart reads safetensors and PyTorch checkpoints, "
                    "so look for one of those."
                )
            if not name.endswith(CHECKPOINTS):
                raise BadWeights(f"The file {quote(name)} is no checkpoint; choose one that ends in {', '.join(CHECKPOINTS)}.")
            if not name.isprintable() or len(name.encode()) > MAX_NAME:
                raise BadWeights(f"The file's name {quote(name)} cannot be kept; rename it, in few printable characters.")
            async with self._room:
                return await self._received(request, name)

        return await self._live.answer(request, None, work)

    async def _received(self, request: Request, name: str) -> Response:
        """The model in a checkpoint that is written to a file while it comes."""
        with tempfile.TemporaryDirectory(prefix="genart-") as folder:
            path = Path(folder) / name
            told = request.headers.get("content-length", "")
            announced = int(told) if told.isdecimal() else 0
            _check_room(path, announced, 0)
            with open(path, "wb") as file:
                async for part in _no_slower(request.stream(), name):
                    _check_room(path, max(announced, file.tell() + len(part)), file.tell())
                    file.write(part)
            entry = await run_in_threadpool(self._opened, path)
        return JSONResponse(self.card(entry))

    def _opened(self, path: Path) -> Entry:
        from genart.weights import open_checkpoint

        entry = open_checkpoint(path, keep=True, taken=self._shipped)
        self.entries[entry.name] = entry
        self._studio().add(entry)
        return entry

    def _admit(self, entry: Entry) -> Entry:
        """A model whose file has come, known to the studio; raises BadWeights where genart cannot draw it."""
        from genart.weights import identified

        known = identified(entry)
        self.entries[known.name] = known
        self._studio().add(known)
        return known

    def _named(self, text: str) -> Entry:
        if text in self.entries:
            return self.entries[text]
        source = source_of(text)
        if source is None:
            raise UnknownModel(text, self.entries)
        entry = entry_at(source)
        return self.entries.get(entry.name, entry)

    def _refuse_public(self) -> None:
        if self._public:
            raise Refused("This server shows the models that it has; run genart on your own machine to open others.")

    def _progress(self, download: Download) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": download.entry.name, "done": download.progress.done, "total": download.progress.total}
        if not download.future.done():
            whole = 0 < download.progress.total <= download.progress.done
            return shown | {"state": "reading" if whole else "coming"}
        try:
            return shown | {"state": "here", "model": self.card(download.future.result())}
        except GenartError as error:
            return shown | {"state": "failed", "model": self.card(download.entry), **told(error)}
        except (Exception, CancelledError) as error:
            log.error("the download of %s failed", download.entry.name, exc_info=error)
            return shown | {"state": "failed", "model": self.card(download.entry), **told(UNEXPECTED)}

    def card(self, entry: Entry) -> dict[str, Any]:
        """What the page says of a model; None for what is not known."""
        source, download = entry.source, self._downloads.known(entry.name)
        under_way = download is not None and not download.future.done()
        return {
            "name": entry.name,
            "title": entry.title,
            "kind": entry.kind,
            "family": _title(entry.family) if entry.family else None,
            "pixels": entry.pixels,
            "bytes": entry.path.stat().st_size if entry.path.is_file() else source.size if source else None,
            "licence": None if entry.licence in UNKNOWN else entry.licence,
            "commercial": COMMERCIAL.get(entry.licence),
            "credit": entry.credit,
            "paper": entry.paper,
            "trained": in_both(entry.credit),
            "caution": in_both(entry.caution) if entry.caution else None,
            "inferred": entry.inferred,
            "recorded": entry.sha256 is not None,
            "page": f"https://huggingface.co/{source.repo}" if source else None,
            "here": entry.name in self.entries and entry.path.is_file(),
            "kept": source is not None and (cache.held(source) or cache.record_of(source)) is not None,
            "shipped": entry.name in self._shipped,
            "progress": self._progress(download) if download and under_way else None,
        }


async def _no_slower(parts: AsyncIterator[bytes], name: str, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[bytes]:
    """The parts of a file, however long it takes; Refused where SLOW_SECONDS pass without another SLOW_BYTES."""
    ends, came = clock() + SLOW_SECONDS, 0
    while True:
        try:
            async with asyncio.timeout(ends - clock()):
                part = await anext(parts, None)
        except TimeoutError:
            raise Refused(
                f"Of the file {quote(name)} less than {SLOW_BYTES / 2**20:g} MB came in {SLOW_SECONDS:g} seconds; "
                "send it on a faster network, or open it with the command line."
            ) from None
        if part is None:
            return
        came += len(part)
        if came >= SLOW_BYTES:
            ends, came = clock() + SLOW_SECONDS, 0
        yield part


def _check_room(path: Path, size: int, here: int) -> None:
    """Raise BadWeights for an upload that is too large, Refused where the disk has no room for what is not `here` yet."""
    if size > MAX_CHECKPOINT:
        raise BadWeights(f"The file {quote(path.name)} has more than 2 GB; open it with the command line.")
    needed, left = size - here + SPARE_BYTES, cache.free(path.parent)
    if needed > left:
        raise Refused(
            f"The file {quote(path.name)} needs {needed / 1e6:.0f} MB and the disk has {left / 1e6:.0f} MB free; "
            "make room, or open it with the command line."
        )


def _title(family: str) -> str:
    """What a family calls itself; by the time a visitor asks, torch is on its way."""
    from genart.families import FAMILIES

    return FAMILIES[family].title
