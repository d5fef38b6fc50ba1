"""Several pictures on one sheet, in reading order."""

import math
from typing import Sequence

import numpy as np

GAP = 2
PAPER = 255


def contact_sheet(pictures: Sequence[np.ndarray], *, gap: int = GAP) -> np.ndarray:
    """uint8 (H, W, 3): a grid as square as the count allows, cells as large as the largest picture.

    Smaller ones are enlarged by whole factors, so that their pixels stay pixels, and stand in the middle.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), PAPER, np.uint8)
    for number, picture in enumerate(pictures):
        times = min(height // picture.shape[0], width // picture.shape[1])
        picture = picture.repeat(times, 0).repeat(times, 1)
        top = gap + number // columns * (height + gap) + (height - picture.shape[0]) // 2
        left = gap + number % columns * (width + gap) + (width - picture.shape[1]) // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
