"""A walk becomes a film: recipes at even moments, pictures from the studio, frames to an encoder.

The file appears whole or not at all.
"""

import errno
import json
import os
import shutil
import tempfile
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Generator, Iterator, TypeVar

import numpy as np

from genart import finish, machine
from genart.errors import BadRecipe, Refused, quote
from genart.export.encode import Encoder, Frames, Gif, Order, Sheet, Sprites, Video
from genart.export.label import labelled
from genart.export.notes import of_walk
from genart.export.sign import sign
from genart.limits import MAX_SHEET, SPARE_BYTES
from genart.recipe import Recipe, Step
from genart.sound import MAX_SECONDS
from genart.walk import Walk

if TYPE_CHECKING:
    from genart.studio import Studio

T = TypeVar("T")

QUALITIES = ("small", "good", "best")
SIDE = 512
MAX_FPS = {"gif": 50.0}  # browsers slow a GIF with shorter frames down to 10 a second
SHEET_FRAMES = 36
TRIED = (3, 12)  # frames rendered and encoded for an estimate, at least and at most
TRIED_SECONDS = 1.0
AHEAD = 8  # frames that are being finished, or wait for the encoder
FINISHERS = 4  # threads, at most


@dataclass(frozen=True, slots=True)
class Format:
    """`suffix` of the file; `bytes` a pixel takes at most, about; finishing steps by which the encoder itself `enlarges`."""

    suffix: str
    encoder: Callable[[Order], Encoder]
    bytes: float
    sheet: bool = False
    enlarges: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "mp4": Format(".mp4", partial(Video, "mp4"), 0.5, enlarges=("enlarge", "blocks")),
    "webm": Format(".webm", partial(Video, "webm"), 0.5, enlarges=("enlarge", "blocks")),
    "gif": Format(".gif", Gif, 1.1, enlarges=("blocks",)),
    "webp": Format(".webp", partial(Video, "webp"), 0.5, enlarges=("enlarge", "blocks")),
    "frames": Format(".zip", Frames, 3.1),
    "sheet": Format(".png", Sheet, 3.1, sheet=True),
    "sprites": Format(".zip", Sprites, 3.1),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one film may be: its seconds, the longer side of its frames, and their number; and a sound file: bytes, seconds."""

    seconds: float = 600.0
    side: int = 2048
    frames: int = 18_000
    sound_bytes: int = 40 * 2**20
    sound_seconds: float = MAX_SECONDS


PUBLIC = Limits(30.0, 512, 900, 8 * 2**20, 120.0)


@dataclass(frozen=True, slots=True)
class Film:
    """How a walk is shown: the longer `side` of a frame in pixels, frames a second, and how well it is encoded."""

    format: str = "mp4"
    side: int = SIDE
    fps: float = 30.0
    quality: str = "good"
    label: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.format, str) or self.format not in FORMATS:
            raise BadRecipe(f"There is no film format {quote(self.format)}; known are {', '.join(FORMATS)}.")
        most = MAX_FPS.get(self.format, 120.0)
        if isinstance(self.fps, bool) or not isinstance(self.fps, (int, float)) or not 1 <= self.fps <= most:
            raise BadRecipe(f"{quote(self.fps)} frames a second are out of range for {self.format}; use 1 to {most:g}.")
        if isinstance(self.side, bool) or not isinstance(self.side, int) or not 16 <= self.side <= finish.MAX_SIDE:
            raise BadRecipe(
                f"A film of {quote(self.side)} pixels is out of range; use a whole number from 16 to {finish.MAX_SIDE}."
            )
        if not isinstance(self.quality, str) or self.quality not in QUALITIES:
            raise BadRecipe(f"Quality {quote(self.quality)} is unknown; use {', '.join(QUALITIES)}.")
        if not isinstance(self.label, bool):
            raise BadRecipe(f"label {quote(self.label)} is neither true nor false.")

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_dict(cls, value: Any) -> "Film":
        """The film in parsed JSON; raises BadRecipe."""
        known = list(cls.__dataclass_fields__)
        if not isinstance(value, dict) or any(name not in known for name in value):
            raise BadRecipe(f"{quote(value)} is no film; it has {', '.join(known)}.")
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a film will take, as tried on this machine a moment ago."""

    frames: int
    seconds: float
    bytes: int


def moments(walk: Walk, film: Film) -> list[float]:
    """The seconds of the walk that the film shows."""
    every = walk.moments(film.fps)
    if not FORMATS[film.format].sheet or len(every) <= SHEET_FRAMES:
        return every
    last = walk.seconds if not walk.loop else walk.seconds * (SHEET_FRAMES - 1) / SHEET_FRAMES
    return [float(second) for second in np.linspace(0, last, SHEET_FRAMES)]


def pictures(studio: "Studio", walk: Walk, film: Film, seconds: list[float]) -> Iterator[np.ndarray]:
    """The film's frames, uint8 (H, W, 3), as a still of the same recipe and size shows them."""
    for recipe, pixels in _drawn(studio, walk, seconds):
        yield _shown(finish.finished(pixels, sized(studio, recipe, film.side).finish), film)


def sized(studio: "Studio", recipe: Recipe, side: int, *, enlarged: bool = True) -> Recipe:
    """The recipe with a last step that gives its picture a longer side of `side` pixels, or without any such step."""
    kept = _steps(recipe)
    return replace(recipe, finish=(*kept, _enlargement(studio, recipe.model, side)) if enlarged else kept)


def _steps(recipe: Recipe) -> tuple[Step, ...]:
    """What is done to the recipe's picture before its size is a film's."""
    return tuple(step for step in recipe.finish if "size" not in dict(step.parameters))


def _enlargement(studio: "Studio", model: str, side: int) -> Step:
    return Step("blocks" if studio.entry(model).hard_pixels else "enlarge", (("size", float(side)),))


def _drawn(studio: "Studio", walk: Walk, seconds: list[float]) -> Iterator[tuple[Recipe, np.ndarray]]:
    """Recipes with their pictures, not yet finished. The first are under way before they are asked for."""
    recipes, again = tee(walk.at(second) for second in seconds)
    batch = studio.best_batch(walk.at(0)) if len(seconds) >= TRIED[1] else 1
    bare = studio.render_many((replace(recipe, finish=()) for recipe in again), batch=batch)
    return zip(recipes, bare, strict=True)


def _shown(pixels: np.ndarray, film: Film) -> np.ndarray:
    return labelled(pixels) if film.label else pixels


def check(walk: Walk, film: Film, limits: Limits) -> int:
    """The number of frames; raises Refused for more than the limits allow."""
    count = len(moments(walk, film))
    if walk.seconds > limits.seconds:
        raise Refused(f"A film here lasts at most {limits.seconds:g} seconds; this one lasts {walk.seconds:g}.")
    if film.side > limits.side:
        raise Refused(f"A film here is at most {limits.side} pixels large; this one has {film.side}.")
    if count > limits.frames:
        raise Refused(
            f"A film here has at most {limits.frames} frames; this one has {count}: use fewer seconds or frames a second."
        )
    if film.format in ("sheet", "sprites") and count * film.side**2 > MAX_SHEET:
        raise Refused(
            f"{count} frames of {film.side} pixels make too large a sheet; use a smaller size or fewer frames a second."
        )
    return count


def estimate(studio: "Studio", walk: Walk, film: Film, limits: Limits = Limits()) -> Estimate:
    """How long the film will take and how large it will be, from a few of its frames."""
    count = check(walk, film, limits)
    seconds = moments(walk, film)
    studio.render(walk.at(0))  # loading the model is no part of the film
    start = time.perf_counter()
    studio.render(walk.at(walk.seconds / 3))
    tries = min(count, max(TRIED[0], min(TRIED[1], round(TRIED_SECONDS / (time.perf_counter() - start)))))
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        tried = [seconds[number * (count - 1) // max(1, tries - 1)] for number in range(tries)]
        _encode(studio, walk, film, path, tried, lambda done: times.append(time.perf_counter()))
        rate = (time.perf_counter() - times[0]) / max(1, tries - 1)  # opening the encoder is done once, not for every frame
        return Estimate(count, rate * count, round(path.stat().st_size * count / tries))


def save_film(
    studio: "Studio",
    walk: Walk,
    film: Film,
    path: Path,
    *,
    sound: np.ndarray | None = None,
    limits: Limits = Limits(),
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """Render and encode the film into `path`. `progress` hears of every frame, and cancels by raising.

    `sound`, int16 (n, 2) at 48 kHz, goes into MP4 and WebM.

    Raises Refused where limits or the disk do not allow it; then, and after any other error, nothing is left.
    """
    count = check(walk, film, limits)
    needed = round(count * film.side**2 * FORMATS[film.format].bytes) + SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        megabytes, left = round(needed / 2**20), free // 2**20
        raise Refused(f"The film may need {megabytes} MB and the disk has {left} MB left; make room, or a smaller film.")
    part = path.with_name(f".{path.name}.part")
    try:
        _encode(studio, walk, film, part, moments(walk, film), lambda done: progress(done, count), sound)
        sign(part, film.format)
        os.replace(part, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Refused("The disk is full; make room, or a smaller film.") from None
        raise
    finally:
        part.unlink(missing_ok=True)


def _encode(
    studio: "Studio",
    walk: Walk,
    film: Film,
    path: Path,
    seconds: list[float],
    progress: Callable[[int], None],
    sound: np.ndarray | None = None,
) -> None:
    notes = of_walk(studio, walk, film.to_json())
    last = _enlargement(studio, walk.model, film.side)
    begin = walk.at(seconds[0])
    pixels = studio.render(replace(begin, finish=()))  # alone, as a still is
    drawn = _drawn(studio, walk, seconds[1:])
    small = finish.finished(pixels, _steps(begin))
    shape, grows = _shape(small, film, last)

    def made(recipe: Recipe, pixels: np.ndarray) -> Any:
        finished = finish.finished(pixels, _steps(recipe))
        return encoder.packed(finished if grows else _shown(finish.apply(finished, last), film))

    hard = studio.entry(walk.model).hard_pixels
    order = Order(path, shape, len(seconds), film.fps, film.quality, notes, sound, hard)
    threads = min(FINISHERS, machine.processors())
    with FORMATS[film.format].encoder(order) as encoder, ThreadPoolExecutor(threads, "finishes") as beside:
        encoder.add(encoder.packed(small if grows else _shown(finish.apply(small, last), film)))
        progress(1)
        with closing(_ahead(beside, made, drawn)) as frames:
            for done, frame in enumerate(frames, 2):
                encoder.add(frame)
                progress(done)


def _ahead(beside: ThreadPoolExecutor, work: Callable[..., T], items: Iterator[tuple[Any, ...]]) -> Generator[T, None, None]:
    """What `work` makes of each item, in order; at most AHEAD of them are under way or wait."""
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(beside.submit(work, *item))
            while len(waiting) > AHEAD or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:  # of a film that is given up
            future.cancel()


def _shape(small: np.ndarray, film: Film, last: Step) -> tuple[tuple[int, int], bool]:
    """A frame's height and width, and whether the encoder is to enlarge to it: where it can, and sides stay even."""
    height, width = finish.apply(small, Step("blocks", last.parameters)).shape[:2]
    even = not height % 2 and not width % 2
    grows = height > small.shape[0] and width > small.shape[1]
    return (height, width), last.name in FORMATS[film.format].enlarges and not film.label and even and grows
