"""What the desk's pictures take: a direction's strip, nine children, a map: `python -m benchmarks.desk [MODEL ...]`.

Seconds by the clock, in the app's own threads, medians. A strip and a brood are also given as shares of
their pictures drawn one by one without the desk. The directions of a model are found anew, as at its first load.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from statistics import median
from typing import Callable

from genart import machine

machine.prepare()

from genart.breed import Settings, breed  # noqa: E402
from genart.catalogue import ENTRIES  # noqa: E402
from genart.recipe import Anchor, Offset, Recipe  # noqa: E402
from genart.studio import Studio  # noqa: E402
from genart.ui.cells import picture_of  # noqa: E402
from genart.ui.maps import Build, drawn  # noqa: E402

MODELS = ["pixel-gan", "digits-gan", "skies", "portraits", "schools", "type"]
SIGMAS = (-3, -2, -1, 0, 1, 2, 3)
STRIP, CHILD = 64, 160  # pixels a side, as the page asks for them
ROW = "{:<12}{:>12}{:>14}{:>10}{:>12}{:>10}{:>12}{:>8}"


def seconds(job: Callable[[int], object], rounds: int) -> float:
    """The median of `rounds`, after one that warms up."""
    taken = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        job(number)
        taken.append(time.perf_counter() - start)
    return median(taken[1:])


def compare(name: str, rounds: int) -> None:
    studio = Studio("cpu")
    start = time.perf_counter()
    found = list(studio.directions(name))
    finding = time.perf_counter() - start
    one = replace(ENTRIES[name].begin(Anchor(1), None), all_classes=False)

    def strip(number: int) -> None:
        """Of a direction, for a picture that nobody has seen."""
        recipe = replace(one, anchors=(Anchor(1000 + number),))
        for sigma in SIGMAS:
            picture_of(studio, replace(recipe, offsets=(Offset(found[0], float(sigma)),)), STRIP)

    def children(number: int) -> None:
        for child in breed(studio, (replace(one, anchors=(Anchor(2000 + number),)),), Settings(), number):
            picture_of(studio, child, CHILD)

    def alone(number: int) -> None:
        for recipe in fresh(one, number, len(SIGMAS)):
            studio.render(replace(recipe, finish=()))

    strips, broods, bare = (seconds(job, rounds) for job in (strip, children, alone))
    build = Build(watchers={"": float("inf")})
    start = time.perf_counter()
    points = len(drawn(studio, name, build).small)
    mapping = time.perf_counter() - start
    print(
        ROW.format(
            name,
            f"{finding:.1f} s",
            f"{strips * 1e3:.0f} ms",
            f"{strips / bare:.1f}",
            f"{broods * 1e3:.0f} ms",
            f"{broods / bare * len(SIGMAS) / 9:.1f}",
            f"{mapping:.1f} s",
            points,
        ),
        flush=True,
    )


def fresh(one: Recipe, number: int, count: int) -> list[Recipe]:
    """Recipes that nothing remembers."""
    return [replace(one, anchors=(Anchor(100_000 + count * number + at),)) for at in range(count)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    print(ROW.format("model", "directions", "strip of 7", "share", "9 children", "share", "map", "points"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # nothing found before is known
        for name in asked.models:
            compare(name, asked.rounds)
