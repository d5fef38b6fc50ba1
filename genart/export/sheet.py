"""Several pictures on one sheet, in reading order."""

import math
from typing import Sequence

import numpy as np

GAP = 2
PAPER = 255


def contact_sheet(pictures: Sequence[np.ndarray], *, gap: int = GAP) -> np.ndarray:
    """uint8 (H, W, 3): a grid as square as the count allows, cells as large as the largest picture."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height = max(picture.shape[0] for picture in pictures) + gap
    width = max(picture.shape[1] for picture in pictures) + gap
    sheet = np.full((rows * height + gap, columns * width + gap, 3), PAPER, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = gap + number // columns * height, gap + number % columns * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
