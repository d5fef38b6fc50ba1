"""What a film costs beside its generator: rendering alone, and the whole way to the file, rounds alternating.

    python -m benchmarks.film [--model NAME ...] [--size 256] [--frames 240] [--rounds 3]

"generator" is the frames' bare synthesis in the batch that the film uses; "pictures" the same frames as
finished stills, one by one, with whatever the model's recipes do after synthesis. "over" is what a film adds
to its pictures: enlarging, encoding, writing; below 0 where batches and two threads save more than that. "work"
is the film's processor time by the generator's: on a machine with other things to do it says more than the clock.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from genart import machine
from genart.catalogue import ENTRIES
from genart.export.film import FORMATS, Film, moments, save_film
from genart.recipe import Anchor
from genart.walk import Key, Walk

if TYPE_CHECKING:
    from genart.studio import Studio

FPS = 30.0


def walk_of(name: str, frames: int, start: int) -> Walk:
    """A loop of fresh seeds, so that no picture is remembered."""
    seeds = range(start, start + 4)
    return Walk(tuple(Key(ENTRIES[name].begin(Anchor(seed)), frames / FPS / len(seeds)) for seed in seeds), loop=True)


def bare(studio: "Studio", walk: Walk) -> float:
    """Seconds of synthesis alone for all frames."""
    import torch

    generator = studio.resident(walk.model).loaded.generator
    batch, left = studio.best_batch(walk.at(0)), len(moments(walk, Film(fps=FPS)))
    w = torch.randn(batch, generator.space.num_ws, generator.space.w_dim, device=generator.w_mean.device)
    start = time.perf_counter()
    with torch.inference_mode():
        while left > 0:
            generator.synthesis(w).cpu()
            left -= batch
    return time.perf_counter() - start


def stills(studio: "Studio", walk: Walk) -> float:
    """Seconds of all frames as pictures, at their own size."""
    start = time.perf_counter()
    for second in moments(walk, Film(fps=FPS)):
        studio.render(walk.at(second))
    return time.perf_counter() - start


def whole(studio: "Studio", walk: Walk, film: Film) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        save_film(studio, walk, film, Path(folder) / "film")
        return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", nargs="*", default=list(ENTRIES))
    options.add_argument("--format", nargs="*", default=["mp4", "webm", "gif", "webp", "frames"], choices=list(FORMATS))
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--frames", type=int, default=240)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    machine.prepare()
    from genart.studio import Studio

    studio = Studio()
    print(f"{chosen.frames} frames of {chosen.size} pixels, {studio.device}, medians of {chosen.rounds}")
    print(
        f"{'model':16} {'format':8} {'batch':>5} {'generator':>9} {'pictures':>9} {'film':>8} {'over':>6} {'work':>6} {'fps':>5}"
    )
    for name in chosen.model:
        studio.render(ENTRIES[name].begin(Anchor(0)))
        for kind in chosen.format:
            rows = []
            for number in range(chosen.rounds):
                first, second = (
                    walk_of(name, chosen.frames, 10_000 * number + 1000 * list(FORMATS).index(kind) + 100 * half)
                    for half in (0, 1)
                )
                busy = time.process_time()
                film = whole(studio, first, Film(kind, chosen.size, FPS))
                filmed = time.process_time()
                generator = bare(studio, second)
                work = (filmed - busy) / (time.process_time() - filmed)
                rows.append((generator, stills(studio, second), film, work))
            generator, pictures, film, work = (statistics.median(column) for column in zip(*rows, strict=True))
            batch, over, fps = studio.best_batch(first.at(0)), film / pictures - 1, chosen.frames / film
            seconds = f"{generator:7.2f} s {pictures:7.2f} s {film:6.2f} s"
            print(f"{name:16} {kind:8} {batch:5} {seconds} {over:6.0%} {work:6.2f} {fps:5.0f}", flush=True)


if __name__ == "__main__":
    main()
