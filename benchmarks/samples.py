"""What a shipped model draws, uncurated: `python -m benchmarks.samples MODEL` writes `weights/samples/MODEL.webp`.

Above, the seeds 0 to 63 at psi 1 and at psi 0.7, the classes in turn; below, eight walks from seed
to seed, of a model with classes four within a class and four from one to the next. Everything is
finished as a new picture of the model is.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from genart.catalogue import ENTRIES
from genart.recipe import Anchor, Recipe, blend
from genart.studio import Studio

SIDE = 64
GAP = 8
STEPS = 17
FOLDER = Path(__file__).parents[1] / "weights" / "samples"


def page(name: str) -> Image.Image:
    """Two squares of 64 pictures, and eight rows of a walk each below them."""
    studio = Studio("cpu")
    entry, space = ENTRIES[name], studio.resident(name).loaded.generator.space

    def recipe(seed: int, psi: float, turn: int | None = None) -> Recipe:
        label = (seed if turn is None else turn) % space.num_classes if space.num_classes else None
        return replace(entry.begin(Anchor(seed, label=label), psi), all_classes=False)

    def square(psi: float) -> np.ndarray:
        return rows([picture(studio, recipe(seed, psi)) for seed in range(64)], 8)

    walks = []
    for start in range(8):
        ends = recipe(2 * start, entry.psi, start), recipe(2 * start + 1, entry.psi, start + start // 4)
        walks += [picture(studio, blend(*ends, step / (STEPS - 1))) for step in range(STEPS)]
    above = np.concatenate([square(1.0), np.full((8 * SIDE, GAP, 3), 255, np.uint8), square(0.7)], axis=1)
    below = np.asarray(
        Image.fromarray(rows(walks, STEPS)).resize((above.shape[1], above.shape[1] * 8 // STEPS), Image.Resampling.LANCZOS)
    )
    return Image.fromarray(np.concatenate([above, np.full((GAP, above.shape[1], 3), 255, np.uint8), below]))


def picture(studio: Studio, recipe: Recipe) -> np.ndarray:
    pixels = Image.fromarray(studio.render(recipe))
    hard = studio.entry(recipe.model).hard_pixels
    return np.asarray(pixels.resize((SIDE, SIDE), Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS))


def rows(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    parts = [np.concatenate(pictures[first : first + columns], axis=1) for first in range(0, len(pictures), columns)]
    return np.concatenate(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=ENTRIES)
    chosen = parser.parse_args().model
    FOLDER.mkdir(exist_ok=True)
    page(chosen).save(FOLDER / f"{chosen}.webp", quality=80, method=6)
