"""The map channel: a model's atlas is drawn in the background, once for everybody, and kept under its weights' hash.

Routes stand beside the live channel's, under the same tokens. A build that nobody looks at any more ends and
leaves nothing. A finished one stays in memory and, small as it is, beside converted checkpoints on the disk.
"""

import json
import math
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator
from zipfile import BadZipFile

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.catalogue import Entry
from genart.errors import BadRecipe, GenartError, Refused, quote
from genart.hub.cache import ours, put
from genart.limits import SMALL
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.turns import Turns
from genart.ui.cells import small
from genart.ui.live import Live
from genart.ui.messages import UNEXPECTED, parsed, told

if TYPE_CHECKING:
    from genart.atlas import Atlas
    from genart.families.base import Space
    from genart.studio import Studio

FORMAT = 1  # of a kept map; another layout, another number
DRAWING_SECONDS = 30.0  # what the points' pictures may take, as measured on this machine
COUNTS = (1600, 1024, 512, 256)  # of points: the first that this allows, or the last
TRIED = 6  # times a few pictures, that tell the speed
IN_MEMORY = 8
ON_DISK = 24  # some 3 MB each at most
GONE_SECONDS = 15.0  # a page that asks for the state no more has left
WAITING = 8
PUBLIC_MAPS = 6  # in as many seconds, begun by one visitor
PUBLIC_SECONDS = 600.0
MAX_PINS = 32
QUALITY = 88


class Cancelled(Exception):
    pass


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """A finished map, and what is asked of it again and again: its pictures in one JPEG, and their features."""

    atlas: "Atlas"
    sheet: bytes
    features: np.ndarray


@dataclass(slots=True)
class Build:
    """A map on its way: `done` of `count` pictures are drawn, then of `count` steps of the layout taken."""

    watchers: dict[str, float] = field(default_factory=dict)
    future: "Future[None] | None" = None
    phase: str = "wait"
    done: int = 0
    count: int = 0
    since: float = 0.0
    cancelled: bool = False

    def begin(self, phase: str, count: int) -> None:
        self.phase, self.done, self.count, self.since = phase, 0, count, time.monotonic()

    def progress(self, done: int, count: int) -> None:
        """Called by the work; raises Cancelled once nobody looks any more."""
        gone = time.monotonic() - GONE_SECONDS
        if self.cancelled or all(seen < gone for seen in list(self.watchers.values())):
            self.cancelled = True
            raise Cancelled
        self.done, self.count = done, count

    @property
    def over(self) -> bool:
        return self.cancelled or (self.future is not None and self.future.done())

    @property
    def state(self) -> dict[str, Any]:
        """What the page shows: the phase, how far, and the seconds left of it; or what went wrong."""
        failed = self.future.exception() if self.future and self.future.done() and not self.future.cancelled() else None
        if failed is not None and not isinstance(failed, Cancelled):
            return told(failed if isinstance(failed, GenartError) else UNEXPECTED)
        left = (time.monotonic() - self.since) / self.done * (self.count - self.done) if self.done else None
        return {"finished": False, "phase": self.phase, "done": self.done, "count": self.count, "left": left}


class Maps:
    """Routes and maps: one is drawn at a time, all who want it wait for it together."""

    def __init__(self, live: Live, *, public: bool):
        self._live = live
        self._public = public
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._keeping = threading.Lock()  # requests look maps up in threads of their own
        self._builds: dict[str, Build] = {}
        self._begun: dict[str, deque[float]] = {}
        self._turns = Turns("maps")

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/live/map", self.start, methods=["POST"]),
            Route("/live/map/state", self.state, methods=["POST"]),
            Route("/live/map/leave", self.leave, methods=["POST"]),
            Route("/live/map/points", self.points, methods=["POST"]),
            Route("/live/map/sheet", self.sheet, methods=["POST"]),
            Route("/live/map/pins", self.pins, methods=["POST"]),
        ]

    async def start(self, request: Request) -> Response:
        """Begin a model's map, or join those who wait for it; the state."""

        async def work(visitor: str, body: bytes) -> Response:
            studio = await self._live.studio()
            name = str(parsed(body).get("model"))
            key = await run_in_threadpool(self._key, studio, name)
            if await run_in_threadpool(self._find, key):
                return JSONResponse({"finished": True})
            build = self._builds.get(key)
            if build is None or build.over:
                self._admit(visitor)
                self._builds = {other: each for other, each in self._builds.items() if not each.over}
                build = self._builds[key] = Build()
                build.watchers[visitor] = time.monotonic()
                build.future = self._turns.submit(key, partial(self._build, studio, name, key, build))
            build.watchers[visitor] = time.monotonic()
            return JSONResponse(build.state)

        return await self._live.answer(request, 1000, work)

    async def state(self, request: Request) -> Response:
        """How far a map is; its phase is "gone" when nobody asked for so long, as after a sleep, that its work ended."""

        async def work(visitor: str, body: bytes) -> Response:
            studio = await self._live.studio()
            key = await run_in_threadpool(self._key, studio, str(parsed(body).get("model")))
            if key in self._known:
                return JSONResponse({"finished": True})
            build = self._builds.get(key)
            if build is None or build.cancelled:
                return JSONResponse({"finished": False, "phase": "gone"})
            build.watchers[visitor] = time.monotonic()
            return JSONResponse(build.state)

        return await self._live.answer(request, 1000, work)

    async def leave(self, request: Request) -> Response:
        """One visitor waits no longer; the last one ends the work."""

        async def work(visitor: str, body: bytes) -> Response:
            studio = await self._live.studio()
            key = await run_in_threadpool(self._key, studio, str(parsed(body).get("model")))
            build = self._builds.get(key)
            if build:
                build.watchers.pop(visitor, None)
                if not build.watchers:
                    self._drop(key, build)
            return JSONResponse({})

        return await self._live.answer(request, 1000, work)

    async def points(self, request: Request) -> Response:
        """Where the points lie, and what is known there."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self._live.studio()
            name = str(parsed(body).get("model"))
            known = await run_in_threadpool(self._finished, studio, name)

            def work() -> dict[str, Any]:
                return described(known.atlas, studio.resident(name).loaded.generator.space, studio.entry(name))

            return JSONResponse(await run_in_threadpool(work))

        return await self._live.answer(request, 1000, work)

    async def sheet(self, request: Request) -> Response:
        """The points' pictures in one, in their order, row by row of a square."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self._live.studio()
            known = await run_in_threadpool(self._finished, studio, str(parsed(body).get("model")))
            return Response(known.sheet, media_type="image/jpeg")

        return await self._live.answer(request, 1000, work)

    async def pins(self, request: Request) -> Response:
        """The places of `recipes` that are no points of the map; None for one that cannot be drawn."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self._live.studio()
            message = parsed(body)
            wanted = message.get("recipes")
            if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_PINS:
                raise BadRecipe(f"recipes {quote(wanted)} are no list of 1 to {MAX_PINS} recipes; send fewer at once.")
            name = str(message.get("model"))
            known = await run_in_threadpool(self._finished, studio, name)
            return JSONResponse({"places": await run_in_threadpool(lambda: list(placed(studio, name, known, wanted)))})

        return await self._live.answer(request, MAX_CHARACTERS * 4, work)

    def _key(self, studio: "Studio", name: str) -> str:
        """What a map is kept under: the weights, and the diversity that its pictures are drawn with."""
        loaded = studio.resident(name).loaded
        if loaded.generator.space.latent:
            raise Refused(f"{name!r} is at home between pictures it has read, and its seeds have no map; choose another model.")
        return f"{loaded.sha256}-{psi_of(loaded.generator.space, studio.entry(name)):g}"

    def _find(self, key: str) -> Known | None:
        """A finished map, from memory or from the disk."""
        with self._keeping:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        atlas = read(path_of(key))
        return None if atlas is None else self._keep(key, atlas)

    def _finished(self, studio: "Studio", name: str) -> Known:
        known = self._find(self._key(studio, name))
        if known is None:
            raise Refused("The map is not finished; wait until it is.")
        return known

    def _keep(self, key: str, atlas: "Atlas") -> Known:
        from genart.atlas import features

        known = Known(atlas, sheet_of(atlas), features(atlas.small))
        with self._keeping:
            self._known[key] = known
            self._known.move_to_end(key)
            while len(self._known) > IN_MEMORY:
                self._known.popitem(last=False)
        return known

    def _build(self, studio: "Studio", name: str, key: str, build: Build) -> None:
        atlas = drawn(studio, name, build)
        write(path_of(key), atlas)
        self._keep(key, atlas)

    def _admit(self, visitor: str) -> None:
        """Raises Refused while too many maps wait, and on a public page for too many from one visitor."""
        if sum(not build.over for build in self._builds.values()) >= WAITING:
            raise Refused(f"{WAITING} maps are waiting to be drawn already; wait a while.")
        if len(self._begun) > 10_000:
            self._begun.clear()
        begun = self._begun.setdefault(visitor, deque())
        while begun and begun[0] < time.monotonic() - PUBLIC_SECONDS:
            begun.popleft()
        if self._public and len(begun) >= PUBLIC_MAPS:
            raise Refused(
                f"{PUBLIC_MAPS} maps in {PUBLIC_SECONDS / 60:.0f} minutes are as many as this server draws for one; wait a while."
            )
        begun.append(time.monotonic())

    def _drop(self, key: str, build: Build) -> None:
        build.cancelled = True
        if build.future is not None:
            build.future.cancel()
        self._builds.pop(key, None)


# ---- drawing


def drawn(studio: "Studio", name: str, build: Build) -> "Atlas":
    """The map of a model, drawn now: as many points as this machine draws in good time, then the layout."""
    from genart.atlas import anchors, chart

    entry, space = studio.entry(name), studio.resident(name).loaded.generator.space
    build.begin("draw", 0)
    psi = psi_of(space, entry)
    first = [mapped(entry.begin(anchor, psi), entry) for anchor in anchors(space, COUNTS[-1])]
    batch = studio.best_batch(first[0])
    taken = []
    for at in range(TRIED):
        start = time.monotonic(), time.process_time()
        for _ in studio.render_many(first[at * batch : (at + 1) * batch], size=SMALL, batch=batch):
            build.progress(0, 0)
        taken += [(time.monotonic() - start[0]) / batch, (time.process_time() - start[1]) / batch]
    fast = min(taken)  # a machine that is busy now would keep a poor map for good
    points = anchors(space, next((count for count in COUNTS if count * fast <= DRAWING_SECONDS), COUNTS[-1]))
    build.begin("draw", len(points))
    pictures = []
    for pixels in studio.render_many([mapped(entry.begin(anchor, psi), entry) for anchor in points], size=SMALL, batch=batch):
        pictures.append(tiny(pixels, entry.hard_pixels))
        build.progress(len(pictures), len(points))
    build.begin("lay", 1)
    return chart(space, points, np.stack(pictures), build.progress)


def psi_of(space: "Space", entry: Entry) -> float:
    """The diversity that a map's pictures are drawn with: the model's own, and 1 on a plane, which less of it would shrink."""
    from genart.atlas import is_plane

    return 1.0 if is_plane(space) else entry.psi


def mapped(recipe: Recipe, entry: Entry) -> Recipe:
    """The recipe as the map shows it: one class, finished as the model's own pictures are, but not enlarged."""
    return small(replace(recipe, finish=entry.finish, all_classes=False))


def tiny(pixels: np.ndarray, hard: bool) -> np.ndarray:
    """uint8 (SMALL, SMALL, 3)."""
    grows = max(pixels.shape[:2]) < SMALL
    way = Image.Resampling.NEAREST if grows and hard else Image.Resampling.BILINEAR if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((SMALL, SMALL), way))


def placed(studio: "Studio", name: str, known: Known, wanted: list[Any]) -> Iterator[list[float] | None]:
    """The place of each recipe: on a plane where its point lies, elsewhere among the points that look most like it."""
    for each in wanted:
        try:
            recipe = Recipe.from_dict(each)
            of_another = recipe.model != name
            place = None if of_another else _place(studio, known, mapped(recipe, studio.entry(name)))
        except GenartError:
            place = None
        yield None if place is None else [round(float(value), 5) for value in place]


def _place(studio: "Studio", known: Known, recipe: Recipe) -> np.ndarray:
    """(2,); where directions move a picture off its own point it lies on a plane, too, where it looks alike."""
    from genart.atlas import on_plane, pinned

    if known.atlas.is_plane and not recipe.offsets:
        point = studio.submit(object(), recipe).result().point
        if point is not None:
            return on_plane(point * recipe.psi)[0]
    pixels = tiny(studio.render(recipe, size=SMALL), studio.entry(recipe.model).hard_pixels)
    return pinned(known.atlas, known.features, pixels[None])[0]


def described(atlas: "Atlas", space: "Space", entry: Entry) -> dict[str, Any]:
    """A map in numbers, as the page draws it. `marks` are pictures of the data, on a plane that has any."""
    from genart.atlas import REACH

    return {
        "side": atlas.side,
        "columns": columns_of(atlas),
        "small": SMALL,
        "psi": psi_of(space, entry),
        "plane": REACH if atlas.is_plane else None,
        "cells": atlas.cells.ravel().tolist(),
        "seeds": atlas.seeds.tolist(),
        "labels": atlas.labels.tolist(),
        "marks": marks(entry) if atlas.is_plane else None,
    }


def marks(entry: Entry) -> dict[str, Any] | None:
    """Where a model's encoder puts pictures that it has not seen, and what they show, if that is shipped with it."""
    from safetensors import safe_open

    from genart.atlas import on_plane

    if not entry.positions.is_file():
        return None
    with safe_open(entry.positions, "np") as file:
        about = json.loads(file.metadata()["genart"])
        if about["weights"] != entry.sha256:
            return None
        places, labels = on_plane(file.get_tensor("z")), file.get_tensor("labels")
    return {"places": places.round(4).ravel().tolist(), "labels": labels.tolist(), "classes": about["classes"]}


def columns_of(atlas: "Atlas") -> int:
    return math.ceil(math.sqrt(len(atlas.small)))


def sheet_of(atlas: "Atlas") -> bytes:
    """All small pictures in one JPEG, in their order, row by row; no colour runs over their borders, which are whole blocks."""
    columns = columns_of(atlas)
    rows = math.ceil(len(atlas.small) / columns)
    sheet = np.zeros((rows * columns, *atlas.small.shape[1:]), np.uint8)
    sheet[: len(atlas.small)] = atlas.small
    sheet = sheet.reshape(rows, columns, SMALL, SMALL, 3).transpose(0, 2, 1, 3, 4)
    file = BytesIO()
    Image.fromarray(sheet.reshape(rows * SMALL, columns * SMALL, 3)).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


# ---- kept on the disk


def path_of(key: str) -> Path:
    return ours() / f"maps-{FORMAT}" / f"{key}.npz"


def read(path: Path) -> "Atlas | None":
    """A kept map; None for one that is not there or cannot be read."""
    from genart.atlas import Atlas

    try:
        with np.load(path, allow_pickle=False) as file:
            atlas = Atlas(int(file["side"]), *(file[name] for name in ("seeds", "labels", "z", "cells", "small")))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    path.touch()
    return atlas


def write(path: Path, atlas: "Atlas") -> None:
    """Keep a map, and no more than ON_DISK."""
    data = BytesIO()
    np.savez_compressed(data, **{name: getattr(atlas, name) for name in ("side", "seeds", "labels", "z", "cells", "small")})
    put(path, data.getvalue())
    with suppress(OSError):
        for old in sorted(path.parent.iterdir(), key=lambda each: -each.stat().st_mtime)[ON_DISK:]:
            old.unlink(missing_ok=True)
