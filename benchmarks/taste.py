"""What learning a taste is worth: run `python -m benchmarks.taste [MODEL ...]`.

A simulated person has a hidden taste, a utility of the point: a direction and a curve in the eight
widest axes of w, in standard deviations over random seeds. Ten rounds long they see nine pictures, and
give a thumb up to what seems best and a thumb down to what seems worst; their eye errs by a third of a
standard deviation. The table says what the nine pictures of the last round are worth, on average over
ten persons, and in how many of the ten runs the taste's nine beat by one standard deviation or more
first nine random pictures, then those that chance would have shown. `seeds`: the pictures are fresh seeds,
and only thumbs are given, so that both are the same. `children`: the picture that seemed best is also the
parent of the next round, which takes whoever breeds by chance far, too.
"""

import argparse
from dataclasses import dataclass, replace
from typing import Callable, Sequence

import numpy as np
import torch

from genart.breed import Like, Settings, breed
from genart.forward import styles
from genart.recipe import Anchor, Recipe
from genart.studio import Studio

AXES = 8
ROUNDS = 10
PERSONS = 10
MODELS = ["pixel-gan", "digits-gan", "skies", "portraits", "schools", "type", "pixel-vae", "digits-vae16"]
ERROR = 1 / 3
SEEDS = 512
WAYS = {"seeds": Settings(mutation=1.0), "children": Settings(mutation=0.35)}


@dataclass(frozen=True, slots=True)
class Person:
    """A hidden taste. `utility` is in standard deviations over random seeds."""

    utility: Callable[[Sequence[Recipe]], np.ndarray]
    random: np.random.RandomState

    def looks(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """What the pictures seem to be worth."""
        return self.utility(recipes) + ERROR * self.random.randn(len(recipes))


def person(studio: Studio, model: str, seed: int) -> Person:
    generator = studio.resident(model).loaded.generator

    def points(recipes: Sequence[Recipe]) -> np.ndarray:
        with torch.inference_mode():
            w = [styles(replace(recipe, psi=1.0), generator, {}).flatten() for recipe in recipes]
        return torch.stack(w).double().numpy()

    random = np.random.RandomState(seed)
    ordinary = points([Recipe(model, (Anchor(10_000 + number),)) for number in range(SEEDS)])
    middle = ordinary.mean(0)
    axes = np.linalg.svd(ordinary - middle, full_matrices=False)[2][:AXES].T
    scale = ((ordinary - middle) @ axes).std(0)
    way, bend = (direction / np.linalg.norm(direction) for direction in random.randn(2, scale.size))
    best = random.randn()

    def raw(w: np.ndarray) -> np.ndarray:
        p = (w - middle) @ axes / scale
        return p @ way - 0.3 * (p @ bend - best) ** 2

    mean, spread = raw(ordinary).mean(), raw(ordinary).std()
    return Person(lambda recipes: (raw(points(recipes)) - mean) / spread, random)


def visit(studio: Studio, model: str, way: str, *, learning: bool, seed: int, settings: Settings | None = None) -> list[float]:
    """The mean worth of the nine pictures of every round."""
    somebody = person(studio, model, seed)
    parents: tuple[Recipe, ...] = (Recipe(model, (Anchor(seed),)),)
    likes: list[Like] = []
    worth = []
    for number in range(ROUNDS):
        shown = breed(studio, parents, settings or WAYS[way], 1000 * seed + number, likes if learning else ())
        worth.append(float(somebody.utility(shown).mean()))
        seems = somebody.looks(shown)
        likes += [Like(one, int(at == seems.argmax()) - int(at == seems.argmin()), number) for at, one in enumerate(shown)]
        if way == "children":
            parents = (shown[int(seems.argmax())],)
    return worth


def main() -> None:
    parser = argparse.ArgumentParser(description="What learning a taste is worth.")
    parser.add_argument("models", nargs="*", default=MODELS)
    studio = Studio("cpu")
    print("| model | pictures | by chance | by taste | over random | over chance |\n|---|---|---|---|---|---|")
    for model in parser.parse_args().models:
        random = np.zeros(PERSONS)
        for way in WAYS:
            by = {
                learning: np.array([visit(studio, model, way, learning=learning, seed=seed)[-1] for seed in range(PERSONS)])
                for learning in (False, True)
            }
            random = by[False] if way == "seeds" else random
            over_random, over_chance = (int((by[True] - other >= 1).sum()) for other in (random, by[False]))
            means = f"{by[False].mean():+.2f} | {by[True].mean():+.2f}"
            print(f"| `{model}` | {way} | {means} | {over_random} of {PERSONS} | {over_chance} of {PERSONS} |", flush=True)


if __name__ == "__main__":
    main()
