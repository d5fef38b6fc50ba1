"""The film channel: walks are made, re-timed and read, films rendered in turn, fetched once and forgotten.

Routes stand beside the live channel's, under the same tokens. A film lies in a temporary folder until its
visitor has fetched it, and no longer than KEPT_SECONDS; a sound for it until it is made. Sounds are decoded
one after another, in a line of their own: neither pictures nor films wait for them.
"""

import asyncio
import json
import math
import re
import secrets
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, TypeVar

import numpy as np
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, GenartError, Refused, quote
from genart.export import read_notes
from genart.export.film import FORMATS, PUBLIC, Film, Limits, check, estimate, save_film
from genart.export.listen import heard_in, samples_of
from genart.hub.cache import free
from genart.limits import SPARE_BYTES
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.sound import RATE
from genart.turns import Turns
from genart.ui.live import Live, OneEach
from genart.ui.messages import UNEXPECTED, parsed, told, walk_of
from genart.walk import WALKS, Reach, Walk, even

if TYPE_CHECKING:
    from genart.studio import Studio

T = TypeVar("T")

MAX_REQUEST = 2 * MAX_CHARACTERS
MAX_ENDS = 5 * 2**20  # of a dropped film the page sends the two ends
KEPT_SECONDS = 600.0
WAITING = 16  # films, and as many sounds that are brought for one
PUBLIC_FILMS = 3  # in as many seconds, from one visitor
EVEN_SIDE = 64
HEARD_AT_ONCE = 8  # sounds that wait for their turn, each of another visitor
SOUND_ROOM = 8  # times the largest sound: what all of them together may take of the disk
PARTS = 400  # of the time, that the timeline knows


class Cancelled(Exception):
    pass


@dataclass(slots=True)
class Job:
    """One film on its way. `done` of `count` frames are encoded; `started` is when its turn came, `ended` when it was over."""

    visitor: str
    name: str
    path: Path
    count: int
    future: "Future[None] | None" = None
    done: int = 0
    started: float | None = None
    ended: float | None = None
    cancelled: bool = False
    sound: Path | None = None

    def progress(self, done: int, count: int) -> None:
        if self.cancelled:
            raise Cancelled
        self.done = done

    @property
    def state(self) -> dict[str, Any]:
        """What the page shows: frames, seconds left, whether it is finished, or what went wrong."""
        finished = self.future is not None and self.future.done()
        error = self.future.exception() if finished and self.future and not self.future.cancelled() else None
        left = None
        if self.started is not None and self.done > 1:
            left = (time.monotonic() - self.started) / self.done * (self.count - self.done)
        failed = (
            {} if error is None or isinstance(error, Cancelled) else told(error if isinstance(error, GenartError) else UNEXPECTED)
        )
        waiting = self.started is None and not finished
        told_of = {"done": self.done, "count": self.count, "left": left, "waiting": waiting, "name": self.name}
        return {**told_of, "finished": finished and error is None, **failed}


class Films:
    """Routes and the films under way: one is rendered at a time, each visitor has one."""

    def __init__(self, live: Live, *, public: bool):
        self._live = live
        self._limits = PUBLIC if public else Limits()
        self._public = public
        self._jobs: dict[str, Job] = {}
        self._begun: dict[str, deque[float]] = {}
        self._turns = Turns("films")
        self._ears = Turns("sounds")
        self._listening = 0
        self._each = OneEach()
        self._sounds: dict[str, Path] = {}
        self._coming: dict[Path, tuple[str, int]] = {}  # sounds that are being written: whose, and their bytes
        self._timer: asyncio.TimerHandle | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/live/walk", self.walk, methods=["POST"]),
            Route("/live/walk/read", self.read, methods=["POST"]),
            Route("/live/sound", self.sound, methods=["POST"]),
            Route("/live/film", self.start, methods=["POST"]),
            Route("/live/film/sound", self.bring, methods=["POST"]),
            Route("/live/film/estimate", self.estimate, methods=["POST"]),
            Route("/live/film/state", self.state, methods=["POST"]),
            Route("/live/film/cancel", self.cancel, methods=["POST"]),
            Route("/live/film/file", self.file, methods=["POST"]),
        ]

    async def walk(self, request: Request) -> Response:
        """A ready-made walk from a recipe, `{make, recipe}`; a walk re-timed to change at one speed, `{even}`; or where a
        walk with sound has come to at each part of its time, `{reached}`."""

        async def work(_: str, body: bytes) -> Response:
            asked = parsed(body)
            if "reached" in asked:
                return JSONResponse({"reached": await run_in_threadpool(reached, walk_of(str(asked["reached"])))})
            studio = await self._live.studio()
            if "even" in asked:
                return JSONResponse(await run_in_threadpool(evened, studio, walk_of(str(asked["even"]))))
            name = asked.get("make")
            if not isinstance(name, str) or name not in WALKS:
                raise BadRecipe(f"There is no walk named {quote(name)}; known are {', '.join(WALKS)}.")
            return JSONResponse(await run_in_threadpool(made, studio, name, Recipe.from_dict(asked.get("recipe"))))

        return await self._live.answer(request, MAX_REQUEST, work)

    async def read(self, request: Request) -> Response:
        """The walk inside a dropped file, of which the page sends the two ends."""

        async def work(_: str, body: bytes) -> Response:
            notes = await run_in_threadpool(read_notes, body)
            if notes.walk is None:
                raise BadRecipe("This file carries a picture's recipe but no walk; open it as a picture.")
            return JSONResponse({"walk": json.loads(notes.walk.to_json())})

        return await self._live.answer(request, MAX_ENDS, work)

    async def sound(self, request: Request) -> Response:
        """What is heard in a sound file, as a walk carries it: `?name=NAME`, and the file as the body."""

        async def work(visitor: str, body: bytes) -> Response:
            name = request.query_params.get("name", "sound")
            sound = await self._listen(visitor, lambda: heard_in(self._samples(body, name), name))
            return JSONResponse({"sound": asdict(sound)})

        return await self._live.answer(request, self._limits.sound_bytes, work)

    async def bring(self, request: Request) -> Response:
        """A sound file for the visitor's next film: the body."""

        async def work(visitor: str, body: bytes) -> Response:
            self._sweep()
            writers = {writer for writer, _ in self._coming.values()}
            if len((self._sounds.keys() | writers) - {visitor}) >= WAITING:
                raise Refused(f"{WAITING} sounds are waiting for their films already; wait a while.")
            place, own = self._place(), self._sounds.get(visitor)
            lie = [path for path in place.glob("*.sound") if path != own and path not in self._coming]
            taken = len(body) + sum(size for _, size in self._coming.values()) + sum(map(_size, lie))
            if taken > SOUND_ROOM * self._limits.sound_bytes:
                raise Refused("Sounds of others fill the room that this server has for them; try again in a few minutes.")
            needed, left = len(body) + SPARE_BYTES, free(place)
            if needed > left:
                raise Refused(
                    f"The sound needs {needed / 1e6:.0f} MB and the server's disk has {left / 1e6:.0f} MB free; "
                    "make room there, or use a smaller one."
                )
            path = place / f"{secrets.token_urlsafe(16)}.sound"
            self._coming[path] = visitor, len(body)
            try:
                await run_in_threadpool(path.write_bytes, body)
            except BaseException:
                self._forget(path)
                raise
            finally:
                del self._coming[path]
            self._forget(self._sounds.pop(visitor, None))
            self._sounds[visitor] = path
            self._sweep_later()
            return JSONResponse({})

        return await self._live.answer(request, self._limits.sound_bytes, work)

    async def estimate(self, request: Request) -> Response:
        """How many frames, seconds and bytes a film will take."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self._live.studio()
            walk, film = film_in(parsed(body))
            expected = await run_in_threadpool(estimate, studio, walk, film, self._limits)
            return JSONResponse({"frames": expected.frames, "seconds": expected.seconds, "bytes": expected.bytes})

        return await self._live.answer(request, MAX_REQUEST, work)

    async def start(self, request: Request) -> Response:
        """Begin a film; the reply names it."""

        async def work(visitor: str, body: bytes) -> Response:
            studio = await self._live.studio()
            message = parsed(body)
            walk, film = film_in(message)
            count = check(walk, film, self._limits)
            self._sweep()
            self._admit(visitor)
            name = secrets.token_urlsafe(16)
            suffix = FORMATS[film.format].suffix
            title = re.sub(r"[^\w.-]+", "-", walk.model)
            job = Job(visitor, f"{title}-film{suffix}", self._place() / f"{name}{suffix}", count)
            self._jobs[name] = job
            if message.get("sound"):
                job.sound = self._sounds.pop(visitor, None)
            job.future = self._begun_film(studio, walk, film, name, job)
            loop = asyncio.get_running_loop()
            job.future.add_done_callback(lambda _: _call_soon(loop, self._sweep_later))
            return JSONResponse({"id": name})

        return await self._live.answer(request, MAX_REQUEST, work)

    async def state(self, request: Request) -> Response:
        async def work(visitor: str, body: bytes) -> Response:
            return JSONResponse(self._job(visitor, body)[1].state)

        return await self._live.answer(request, 1000, work)

    async def cancel(self, request: Request) -> Response:
        async def work(visitor: str, body: bytes) -> Response:
            name, job = self._job(visitor, body)
            self._drop(name, job)
            return JSONResponse({})

        return await self._live.answer(request, 1000, work)

    async def file(self, request: Request) -> Response:
        """The finished film, once."""

        async def work(visitor: str, body: bytes) -> Response:
            name, job = self._job(visitor, body)
            if not job.state["finished"]:
                raise Refused("The film is not finished; wait until it is.")
            return FileResponse(job.path, background=BackgroundTask(self._drop, name, job))

        return await self._live.answer(request, 1000, work)

    def _begun_film(self, studio: "Studio", walk: Walk, film: Film, name: str, job: Job) -> "Future[None]":
        """The film, which takes its turn among the films once its sound, if it has one, was decoded among the sounds."""

        def turn(samples: np.ndarray | None) -> "Future[None]":
            return self._turns.submit(name, partial(self._render, studio, walk, film, job, samples))

        sound = job.sound
        if sound is None:
            return turn(None)
        whole: Future[None] = Future()

        def decode() -> None:
            try:
                samples = self._samples(sound.read_bytes(), walk.sound.name if walk.sound else "sound")
                samples = samples[: round((walk.seconds + 1) * RATE)].copy()  # no more than the film holds while it waits
                turn(samples).add_done_callback(lambda made: _passed_on(made, whole))
            except Exception as error:  # the future tells it
                job.ended = time.monotonic()
                _settled(whole, error)
            finally:
                self._forget(sound)

        self._ears.submit(name, decode)
        return whole

    def _render(self, studio: "Studio", walk: Walk, film: Film, job: Job, samples: np.ndarray | None) -> None:
        try:
            job.started = time.monotonic()
            job.progress(0, job.count)
            save_film(studio, walk, film, job.path, sound=samples, limits=self._limits, progress=job.progress)
        finally:
            job.ended = time.monotonic()
            if job.cancelled:  # perhaps after the last frame, so that its file came after all
                job.path.unlink(missing_ok=True)

    async def _listen(self, visitor: str, work: Callable[[], T]) -> T:
        """What `work` makes of a sound, in its turn, which comes after those of the visitor's sounds before it."""
        async with self._each.turn(visitor):
            if self._listening >= HEARD_AT_ONCE:
                raise Refused(f"{HEARD_AT_ONCE} sounds are waiting to be heard already; try again in a moment.")
            self._listening += 1
            try:
                return await asyncio.wrap_future(self._ears.submit(object(), work))
            finally:
                self._listening -= 1

    def _samples(self, data: bytes, name: str) -> np.ndarray:
        return samples_of(data, name, most_bytes=self._limits.sound_bytes, most_seconds=self._limits.sound_seconds)

    def _forget(self, path: Path | None) -> None:
        if path is not None:
            path.unlink(missing_ok=True)

    def _job(self, visitor: str, body: bytes) -> tuple[str, Job]:
        name = str(parsed(body).get("id"))
        job = self._jobs.get(name)
        if job is None or job.visitor != visitor:
            raise BadRecipe(f"There is no film {quote(name)}; it was fetched, or waited for too long: render it again.")
        return name, job

    def _admit(self, visitor: str) -> None:
        """Raises Refused while the visitor's last film is under way, and for too many in a short time."""
        for name, job in list(self._jobs.items()):
            if job.visitor == visitor:
                if job.future is not None and not job.future.done():
                    raise Refused("Your last film is still being rendered; wait for it or cancel it.")
                self._drop(name, job)
        if sum(job.future is None or not job.future.done() for job in self._jobs.values()) >= WAITING:
            raise Refused(f"{WAITING} films are waiting to be rendered already; wait a while.")
        begun = self._begun.setdefault(visitor, deque())
        while begun and begun[0] < time.monotonic() - KEPT_SECONDS:
            begun.popleft()
        if self._public and len(begun) >= PUBLIC_FILMS:
            raise Refused(
                f"{PUBLIC_FILMS} films in {KEPT_SECONDS / 60:.0f} minutes are as many as this server renders; wait a while."
            )
        begun.append(time.monotonic())

    def _sweep(self) -> None:
        """Forget what nobody fetched."""
        now = time.monotonic()
        for name, job in list(self._jobs.items()):
            if job.ended is not None and now - job.ended > KEPT_SECONDS:
                self._drop(name, job)
        for visitor, path in list(self._sounds.items()):
            if _age(path) > KEPT_SECONDS:
                self._forget(self._sounds.pop(visitor))
        if self._folder is not None:
            known = {*self._sounds.values(), *self._coming, *(job.sound for job in self._jobs.values())}
            for path in self._place().glob("*.sound"):
                if path not in known and _age(path) > KEPT_SECONDS:
                    self._forget(path)
        if len(self._begun) > 10_000:
            self._begun.clear()

    def _sweep_later(self) -> None:
        """Sweep when the oldest that is here will be too old, whether or not anybody comes by; there is one timer for all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        ages = [now - job.ended for job in self._jobs.values() if job.ended is not None]
        ages += [_age(path) for path in self._sounds.values()]
        if ages:
            wait = max(0.0, KEPT_SECONDS - max(ages)) + 0.2
            self._timer = asyncio.get_running_loop().call_later(wait, self._swept)

    def _swept(self) -> None:
        self._sweep()
        self._sweep_later()

    def _drop(self, name: str, job: Job) -> None:
        job.cancelled = True
        if job.future is not None:
            job.future.cancel()
        self._jobs.pop(name, None)
        job.path.unlink(missing_ok=True)
        self._forget(job.sound)

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="genart-films-")
        return Path(self._folder.name)


def _size(path: Path) -> int:
    """Its bytes; 0 for a file that was forgotten meanwhile."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _age(path: Path) -> float:
    """The seconds since it was written; endless for a file that is not there."""
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime
    return math.inf


def _call_soon(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the server has ended
        loop.call_soon_threadsafe(work)


def _passed_on(made: "Future[None]", to: "Future[None]") -> None:
    """What became of a future, told by another."""
    _settled(to, Cancelled() if made.cancelled() else made.exception())


def _settled(future: "Future[None]", error: BaseException | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def film_in(message: dict[str, Any]) -> tuple[Walk, Film]:
    """The walk and the film that a request asks for."""
    return walk_of(str(message.get("walk"))), Film.from_dict(message.get("film"))


def made(studio: "Studio", name: str, recipe: Recipe) -> dict[str, Any]:
    """A ready-made walk as JSON."""
    space = studio.resident(recipe.model).loaded.generator.space
    reach = Reach(space.num_ws, space.num_classes, tuple(studio.direction_names(recipe.model)))
    return {"walk": json.loads(WALKS[name](recipe, reach).to_json())}


def evened(studio: "Studio", walk: Walk) -> dict[str, Any]:
    """A walk re-timed, with its unevenness before and after."""
    better, before, after = even(walk, lambda recipe: studio.render(recipe, size=EVEN_SIDE))
    return {"walk": json.loads(better.to_json()), "before": before, "after": after}


def reached(walk: Walk) -> list[float]:
    """The shares of the way that a walk has behind it after even shares of its time."""
    total = walk.seconds
    return [round(walk.reached(total * part / PARTS) / total, 4) for part in range(PARTS + 1)]
