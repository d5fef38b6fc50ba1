"""The visible label of a made picture, in English and Chinese, drawn into a corner. Optional."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TEXT = "AI-generated / AI "
SHARE = 0.045  # of the picture's height
SMALLEST = 9  # pixels a letter needs to be read
# The strokes of two characters on a square of 24, since no font that comes with Pillow has them.
STROKES = (
    (((7, 3), (3, 10)), ((5, 8), (20, 8)), ((6, 14), (19, 14)), ((3, 21), (21, 21)), ((12, 3), (12, 21))),
    (
        ((5, 7), (21, 7)),
        ((5, 7), (5, 14), (3, 21)),
        ((5, 12), (10, 12), (10, 18), (8, 18)),
        ((13, 3), (14, 12), (17, 18), (20, 21), (21, 17)),
        ((20, 11), (16, 17), (11, 21)),
        ((17, 3), (19, 5)),
    ),
)


def labelled(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) with "AI-generated / AI 生成" in the lower right corner, as much of it as fits."""
    height, width = pixels.shape[:2]
    strip, share = _strip(max(SMALLEST, round(height * SHARE)), width, height)
    labelled = pixels.copy()
    corner = labelled[height - strip.shape[0] :, width - strip.shape[1] :]
    corner[:] = (corner * (1 - share) + strip * share).astype(np.uint8)
    return labelled


@lru_cache(4)  # every frame of a film has the same
def _strip(letter: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The label, uint8 (h, w, 3), and how much of it covers the picture, (h, w, 1)."""
    font = ImageFont.load_default(letter)
    pad = letter // 2
    text = round(font.getlength(TEXT))
    image = Image.new("L", (text + 2 * letter + letter // 4 + 2 * pad, letter + 2 * pad))
    draw = ImageDraw.Draw(image)
    draw.text((pad, pad + letter // 2), TEXT, 255, font, anchor="lm")
    for number, strokes in enumerate(STROKES):
        left = pad + text + number * (letter + letter // 4)
        for stroke in strokes:
            line = [(left + x * letter / 24, pad + y * letter / 24) for x, y in stroke]
            draw.line(line, 255, max(1, letter // 12))
    ink = np.asarray(image)[:height, :width, None]
    return np.repeat(ink, 3, axis=2), np.maximum(ink / 255, 0.45)
