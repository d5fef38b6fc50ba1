"""Pictures that were made lately, by what they were made of, within so many bytes. It makes none itself."""

from collections import OrderedDict
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from genart.recipe import Recipe

MEMO_BYTES = 256 * 2**20
KEY_BYTES = 4000  # about what a recipe takes

Key: TypeAlias = tuple[Recipe, int | None, int]


class Memo:
    """The pictures, uint8 (H, W, 3), those longest unused forgotten first."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._bytes = 0

    @staticmethod
    def key(recipe: Recipe, model: str, size: int | None, manner: int) -> Key:
        """What decides a picture before its finishing steps: `model` is its own name, for the recipe may have another;
        `manner` tells apart how a preview was made."""
        return replace(recipe, model=model, finish=(), weights=None), size, manner

    def get(self, key: Key) -> np.ndarray | None:
        if key in self._pictures:
            self._pictures.move_to_end(key)
        return self._pictures.get(key)

    def keep(self, key: Key, pixels: np.ndarray) -> None:
        pixels.setflags(write=False)  # every asker gets this very array
        self._pictures[key] = pixels
        self._bytes += pixels.nbytes + _key_bytes(key[0])
        while len(self._pictures) > 1 and self._bytes > MEMO_BYTES:
            self._drop(next(iter(self._pictures)))

    def forget(self, model: str) -> None:
        for key in [key for key in self._pictures if key[0].model == model]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self._bytes -= self._pictures.pop(key).nbytes + _key_bytes(key[0])


def _key_bytes(recipe: Recipe) -> int:
    """About what a remembered recipe takes: its stored latents are the large parts."""
    vectors = [anchor.vector for anchor in (*recipe.anchors, *(swap.anchor for swap in recipe.layers))]
    return KEY_BYTES + sum(len(text) for text in (*vectors, *(step.vector for step in recipe.offsets)) if text)
