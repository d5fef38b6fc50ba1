"""Ways to move: a moment becomes a recipe. It knows no model and no clock."""

import math
from dataclasses import replace
from typing import Callable

import numpy as np

from genart.recipe import MAX_SEED, Anchor, Recipe, blend

Walk = Callable[[float], Recipe]


def ease_in_out(t: float) -> float:
    """0 .. 1 -> 0 .. 1, at rest at both ends: half a cosine."""
    return (1 - math.cos(math.pi * t)) / 2


def drift(start: Recipe) -> Walk:
    """Away from `start` through ever new seeds, one a unit of t, without end.

    The seeds follow from the first anchor's, so the same start drifts the same way.
    """

    def key(number: int) -> Recipe:
        if number == 0:
            return start
        seed = int(np.random.RandomState([start.anchors[0].seed, number]).randint(0, MAX_SEED + 1, dtype=np.uint64))
        return replace(start, anchors=(Anchor(seed, label=start.anchors[0].label),))

    def walk(t: float) -> Recipe:
        number = int(max(t, 0.0))
        return blend(key(number), key(number + 1), ease_in_out(t - number))

    return walk


WALKS: dict[str, Callable[[Recipe], Walk]] = {
    "drift": drift,
}
