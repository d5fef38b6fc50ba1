"""A film is decoded again and held against what its walk renders: for `python -m genart show`, never for uploads."""

import io
import json
import math
import zipfile
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np
from PIL import Image

from genart.errors import BadRecipe
from genart.export.encode import import_av
from genart.export.film import FORMATS, Film, moments, pictures
from genart.export.notes import Notes
from genart.export.png import notes_of
from genart.export.sheet import contact_sheet

if TYPE_CHECKING:
    from genart.studio import Studio

ALIKE = 28.0  # decibels: what the coarsest encoding here still gives
ENDS = 2 * 2**20  # bytes at either end of a film that are searched for its notes


def ends_of(path: Path) -> bytes:
    """A file's bytes, or those at its ends, where the notes stand, if it is a long film."""
    with path.open("rb") as file:
        head = file.read(2 * ENDS)
        if path.stat().st_size <= 2 * ENDS or head.startswith(b"\x89PNG"):
            return head + file.read()
        file.seek(-ENDS, io.SEEK_END)
        return head[:ENDS] + file.read()


def likeness(studio: "Studio", path: Path, notes: Notes) -> float:
    """Decibels (PSNR) between a film's first, middle and last frames and the same rendered again, the worst; inf if equal."""
    if notes.walk is None or not notes.shown:
        raise BadRecipe(f"{path.name} carries no film; it cannot be compared.")
    weights = studio.resident(notes.walk.model).loaded.sha256
    if notes.walk.keys[0].recipe.weights not in (None, weights):
        raise BadRecipe(f"The film was made with other weights of {notes.walk.model!r}; it cannot be remade.")
    film = Film.from_dict(json.loads(notes.shown))
    seconds = moments(notes.walk, film)
    if film.format == "sheet":
        again = contact_sheet(list(pictures(studio, notes.walk, film, seconds)))
        return _decibels(again, np.asarray(Image.open(path).convert("RGB")))
    wanted = sorted({0, len(seconds) // 2, len(seconds) - 1})
    again_at = pictures(studio, notes.walk, film, [seconds[number] for number in wanted])
    shown = _shown(path, film, [number / film.fps for number in wanted])
    return min(_decibels(one, two) for one, two in zip(again_at, shown, strict=True))


def _shown(path: Path, film: Film, seconds: list[float]) -> Iterator[np.ndarray]:
    """The frames on the screen at these seconds."""
    frames = list(DECODERS[FORMATS[film.format].suffix](path))
    starts = [start for start, _ in frames]
    for second in seconds:
        yield frames[bisect_right(starts, second + 0.5 / film.fps) - 1][1]


def _video(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    with import_av().open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24")


def _pillow(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    start = 0.0
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            yield start, np.asarray(image.convert("RGB"))
            start += image.info.get("duration", 0) / 1000


def _zipped(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    with zipfile.ZipFile(path) as file:
        names = sorted(name for name in file.namelist() if name.startswith("frame"))
        if names:
            shown = Film.from_dict(json.loads(notes_of(file.read(names[0])).shown))
            for number, name in enumerate(names):
                yield number / shown.fps, _opened(file.read(name))
            return
        about: Any = json.loads(file.read("sprites.json"))
        sheet = _opened(file.read("sprites.png"))
        start = 0.0
        for sprite in about["frames"]:
            x, y, w, h = (sprite["frame"][side] for side in "xywh")
            yield start, sheet[y : y + h, x : x + w]
            start += sprite["duration"] / 1000


def _opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def _decibels(a: np.ndarray, b: np.ndarray) -> float:
    height, width = (min(one, two) for one, two in zip(a.shape[:2], b.shape[:2], strict=True))  # odd sides are made even
    error = float(np.square(a[:height, :width].astype(np.float64) - b[:height, :width]).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


DECODERS = {".mp4": _video, ".webm": _video, ".gif": _pillow, ".webp": _pillow, ".zip": _zipped}
