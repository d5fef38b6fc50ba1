"""What a film costs beside its generator, in rounds that alternate; medians.

    python -m benchmarks.film [--model NAME ...] [--size 256] [--frames 120] [--rounds 9]

"synthesis" is the network alone, in the batch that the film uses, and "generator" that and what the model's
recipes ask for after it (an upscaler, a palette, ink), both in one thread, without enlarging, encoding or a file. "film"
is the way from the walk to the closed file, in milliseconds a frame like the others. What is left of the film's
time when either is taken off is its overhead, as a share of the whole: by the clock, and in processor time,
which says more on a machine that has other things to do. Below 0 the film, on several threads, was done sooner.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from genart import finish, machine
from genart.catalogue import ENTRIES
from genart.export.film import FORMATS, Film, moments, save_film, sized
from genart.recipe import Anchor
from genart.walk import Key, Walk

if TYPE_CHECKING:
    from genart.studio import Studio

FPS = 30.0
HEAD = f"{'model':14} {'format':7} {'batch':>5} | {'synthesis':>9} {'generator':>9} {'film':>6} ms | over synthesis, generator:"


def walk_of(name: str, frames: int, start: int) -> Walk:
    """A loop of fresh seeds, so that no picture is remembered."""
    seeds = range(start, start + 4)
    return Walk(tuple(Key(ENTRIES[name].begin(Anchor(seed)), frames / FPS / len(seeds)) for seed in seeds), loop=True)


def generated(studio: "Studio", walk: Walk, film: Film, *, finished: bool) -> None:
    """Every frame by the network alone, or also `finished` by the recipe's own steps."""
    import torch

    from genart.forward import CELLS_AT_ONCE, side_by_side, to_pixels

    generator = studio.resident(walk.model).loaded.generator
    each = generator.space.num_classes if walk.at(0).all_classes else 1  # pictures that make one
    batch, left = 1 if each > 1 else studio.best_batch(walk.at(0)), len(moments(walk, film))
    steps = sized(studio, walk.at(0), film.side, enlarged=False).finish if finished else ()
    while left > 0:
        w = torch.randn(min(batch, left) * each, generator.space.num_ws, generator.space.w_dim, device=generator.w_mean.device)
        with torch.inference_mode():
            parts = [generator.synthesis(part).cpu() for part in w.split(CELLS_AT_ONCE)]
            x = side_by_side(parts) if each > 1 else parts[0]
        for picture in x.split(1) if steps else ():
            finish.finished(to_pixels(picture), steps)
        left -= batch


def filmed(studio: "Studio", walk: Walk, film: Film) -> None:
    """The whole way to the file."""
    with tempfile.TemporaryDirectory() as folder:
        save_film(studio, walk, film, Path(folder) / "film")


def spent(work: Callable[..., None], *about: Any, **how: bool) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    clock, busy = time.perf_counter(), time.process_time()
    work(*about, **how)
    return time.perf_counter() - clock, time.process_time() - busy


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", nargs="*", default=list(ENTRIES))
    options.add_argument("--format", nargs="*", default=["mp4", "webm", "gif", "webp", "frames"], choices=list(FORMATS))
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--frames", type=int, default=120)
    options.add_argument("--rounds", type=int, default=9)
    chosen = options.parse_args()
    machine.prepare()
    from genart.studio import Studio

    studio = Studio()
    print(f"{chosen.frames} frames of {chosen.size} pixels, {studio.device}, medians of {chosen.rounds} rounds")
    print(f"{HEAD} {'by the clock':>14} {'by processor':>14} | frames a second")
    for name in chosen.model:
        for kind in chosen.format:
            film = Film(kind, chosen.size, FPS)
            filmed(studio, walk_of(name, chosen.frames, 9_000), film)  # loads, and measures the batch
            rounds = []
            for number in range(chosen.rounds):
                walk = walk_of(name, chosen.frames, 10_000 * (number + 1) + 100 * list(FORMATS).index(kind))
                bare, whole = (spent(generated, studio, walk, film, finished=finished) for finished in (False, True))
                rounds.append((bare, whole, spent(filmed, studio, walk, film)))
            milliseconds = [1000 * statistics.median(one[part][0] for one in rounds) / chosen.frames for part in range(3)]
            over = [
                statistics.median(1 - one[part][how] / one[2][how] for one in rounds) for how in range(2) for part in range(2)
            ]
            batch, fps = studio.best_batch(walk.at(0)), 1000 / milliseconds[2]
            shares = f"{over[0]:21.0%} {over[1]:19.0%} {over[2]:7.0%} {over[3]:6.0%}"
            times = f"{milliseconds[0]:9.2f} {milliseconds[1]:9.2f} {milliseconds[2]:6.2f}   "
            print(f"{name:14} {kind:7} {batch:5} | {times} | {shares} | {fps:5.0f}", flush=True)


if __name__ == "__main__":
    main()
