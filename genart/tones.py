"""Tones: the lines that bring a preview's colours to those of the whole picture. It knows no studio, only how a picture is had.

An early sum of RGB, or a picture followed at a low rate, lacks what later layers add, so it is paler or darker throughout.
"""

import time
from typing import Callable, Mapping, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.families.base import LEAST_SHARE, Space
from genart.recipe import Anchor, Recipe

SEEDS = 16
SECONDS = 8.0  # that the pictures may take; a slow model makes do with fewer, but FEWEST
FEWEST = 4

Tones: TypeAlias = Mapping[int, tuple[Tensor, Tensor]]  # gain and offset, (C, 1, 1), of each size of a preview


def least_size(space: Space) -> int | None:
    """The smallest preview that still shows something."""
    return next((size for size in space.sizes if size * LEAST_SHARE >= space.image_size), None)


def tones_of(name: str, space: Space, quiet: Callable[[], None], picture: Callable[[Recipe, int | None], Tensor]) -> Tones:
    """The tones of a model, on the CPU, from `picture` (1, C, H, W) of some seeds, each made when `quiet` returns.

    Empty for a model that has no previews.
    """
    small = [size for size in space.sizes if (least_size(space) or 0) <= size < space.image_size]
    if not small:
        return {}
    fits = {size: Fit(space.channels) for size in small}
    spent = 0.0
    for seed in range(SEEDS):
        if spent > SECONDS and seed >= FEWEST:
            break
        recipe = Recipe(name, (Anchor(seed, label=seed % space.num_classes if space.num_classes else None),))
        pictures = {}
        for size in (*small, None):  # upwards: a generator may go on from what it made before
            quiet()
            start = time.perf_counter()
            pictures[size] = picture(recipe, size).float().cpu()
            spent += time.perf_counter() - start
        whole = pictures[None].clamp(-1, 1)
        for size in small:
            fits[size].add(pictures[size], F.adaptive_avg_pool2d(whole, pictures[size].shape[-1]))
    return {size: fit.line() for size, fit in fits.items()}


class Fit:
    """Least squares, by channel: of all pixels added, the line y = gain x + offset."""

    def __init__(self, channels: int):
        self._sums = torch.zeros(5, channels, dtype=torch.float64)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Pictures (1, C, H, W) of one size."""
        x, y = x[0].flatten(1).double(), y[0].flatten(1).double()
        self._sums += torch.stack([torch.full((len(x),), x.shape[1]), x.sum(1), y.sum(1), x.square().sum(1), (x * y).sum(1)])

    def line(self) -> tuple[Tensor, Tensor]:
        """Gain and offset, (C, 1, 1) each; a channel that never varies keeps its gain."""
        count, x, y, xx, xy = self._sums
        spread = xx - x * x / count
        gain = torch.where(spread > 1e-6 * count, (xy - x * y / count) / spread, 1.0)
        return gain.float()[:, None, None], ((y - gain * x) / count).float()[:, None, None]
