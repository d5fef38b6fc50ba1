"""Picture-to-picture steps that a recipe may name, applied in order after synthesis."""

import inspect
from dataclasses import replace
from typing import Callable, Sequence

import numpy as np
from PIL import Image

from genart.errors import BadRecipe, quote
from genart.recipe import Step

MAX_SIDE = 4096
MAX_COLOURS = 256
MAX_SCALE = 32
INK_SIDE = 1024  # beyond it a live picture would lag
HURRIED_SIDE = 640  # while the hand moves: a third of the pixels to draw, to send and to show
OUTLINE = 0.4
EDGE = 1.2  # pixels after enlarging, over which paper becomes ink
PAPER, INK = np.array([250.0, 247.0, 240.0]), np.array([24.0, 22.0, 26.0])


def enlarge(pixels: np.ndarray, size: float) -> np.ndarray:
    """The picture with a longer side of `size` pixels, smooth (Lanczos)."""
    return _resize(pixels, size, Image.Resampling.LANCZOS)


def blocks(pixels: np.ndarray, size: float) -> np.ndarray:
    """The picture with a longer side of `size` pixels, every pixel a hard square."""
    return _resize(pixels, size, Image.Resampling.NEAREST)


def palette(pixels: np.ndarray, colours: float) -> np.ndarray:
    """The picture in at most `colours` of its own colours, found by k-means (Lloyd 1982), without dither."""
    if not 2 <= colours <= MAX_COLOURS:
        raise BadRecipe(f"colours {quote(colours)} is out of range; use a number from 2 to {MAX_COLOURS}.")
    snapped = Image.fromarray(pixels).quantize(int(colours), Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    return np.asarray(snapped.convert("RGB"))


def upscale(pixels: np.ndarray, times: float) -> np.ndarray:
    """The picture 2 or 4 times as large, its edges drawn anew by a small network; no side passes MAX_SIDE."""
    from genart.finish.upscale import TIMES, upscaled  # brings in torch, which the page does not wait for

    if times not in TIMES:
        raise BadRecipe(f"times {quote(times)} is out of range; use {' or '.join(map(str, TIMES))}.")
    if max(pixels.shape) * times > MAX_SIDE:
        raise BadRecipe(f"A picture of {max(pixels.shape)} pixels grows beyond {MAX_SIDE} by {times:g}; use fewer times.")
    return upscaled(pixels, int(times))


def ink(pixels: np.ndarray, scale: float) -> np.ndarray:
    """White shapes on black as black ink on paper, `scale` times as large, with outlines as sharp as print.

    Grey at an edge says how far the outline cuts into the pixel; enlarged smoothly, one line of
    equal grey is the outline, a little below half so that hairlines stay.
    """
    if not 1 <= scale <= MAX_SCALE:
        raise BadRecipe(f"scale {quote(scale)} is out of range; use a number from 1 to {MAX_SCALE}.")
    height, width = pixels.shape[:2]
    scale = max(1.0, min(scale, INK_SIDE / max(height, width)))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    sheet = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0])).resize(shape, Image.Resampling.BICUBIC)
    share = ((np.arange(256) / 255 - OUTLINE) * scale * EDGE + 0.5).clip(0, 1)[:, None]
    sheet.putpalette((PAPER + (INK - PAPER) * share).astype(np.uint8).tobytes())
    return np.asarray(sheet.convert("RGB"))


def _resize(pixels: np.ndarray, size: float, how: Image.Resampling) -> np.ndarray:
    height, width = pixels.shape[:2]
    if not 1 <= size <= MAX_SIDE:
        raise BadRecipe(f"size {quote(size)} is out of range; use a number of pixels from 1 to {MAX_SIDE}.")
    scale = size / max(height, width)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return pixels if shape == (width, height) else np.asarray(Image.fromarray(pixels).resize(shape, how))


def finished(pixels: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """uint8 (H, W, 3) through all steps, in order."""
    for step in steps:
        pixels = apply(pixels, step)
    return pixels


def hurried(steps: Sequence[Step], side: int) -> tuple[Step, ...]:
    """The steps for a picture of `side` pixels while the hand moves: the same, with ink on a smaller sheet."""
    most = max(1.0, HURRIED_SIDE / side)

    def quicker(key: str, value: float) -> float:
        return most if key == "scale" and most < value <= MAX_SCALE else value  # what is refused stays so

    return tuple(
        replace(step, parameters=tuple((key, quicker(key, value)) for key, value in step.parameters))
        if step.name == "ink"
        else step
        for step in steps
    )


def apply(pixels: np.ndarray, step: Step) -> np.ndarray:
    """uint8 (H, W, 3) through one step; raises BadRecipe for an unknown step or parameter."""
    if step.name not in FINISHES:
        raise BadRecipe(f"There is no finishing step named {quote(step.name)}; known are {', '.join(FINISHES)}.")
    try:
        return FINISHES[step.name](pixels, **dict(step.parameters))
    except TypeError:
        names = ", ".join(key for key, _ in step.parameters) or "none"
        takes = list(inspect.signature(FINISHES[step.name]).parameters)[1]
        raise BadRecipe(f"The finishing step {step.name!r} takes the parameter {takes}; this recipe gives {names}.") from None


FINISHES: dict[str, Callable[..., np.ndarray]] = {
    "enlarge": enlarge,
    "blocks": blocks,
    "palette": palette,
    "ink": ink,
    "upscale": upscale,
}
