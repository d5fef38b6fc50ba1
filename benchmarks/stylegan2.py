"""How much faster our StyleGAN2 synthesis is than the textbook's: run `python -m benchmarks.stylegan2`.

Ratios of process CPU time on one thread, the two measured in turn, medians. The textbook is
tests/reference/stylegan2.py, with torch's own transposed convolution in place of spread zeros,
which is how the published code runs on a CPU.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: a spinning thread counts as work
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # large pages: a fresh tensor costs no page faults

import argparse
import time
from functools import partial
from statistics import median
from typing import Callable

import torch

from genart.families.stylegan2 import from_state_dict
from tests.reference import stylegan2 as reference

CONFIGURATIONS = {
    "256 px, auto": ([512, 512, 512, 512, 256, 128, 64], 512),
    "64 px, tiny": ([64, 64, 64, 64, 32], 64),
}


def in_turn(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of CPU time of each job."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for i in range(rounds + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if i:  # the first round is the warm-up
                taken[name].append(time.process_time() - start)
    return {name: median(times) for name, times in taken.items()}


@torch.inference_mode()
def compare(name: str, channels: list[int], w_dim: int, rounds: int) -> None:
    with torch.inference_mode(False):
        state = reference.random_state(channels, z_dim=w_dim, w_dim=w_dim, depth=8)
        model = from_state_dict(state, {}).requires_grad_(False)
    w = model.mapping(torch.randn(1, w_dim, generator=torch.Generator().manual_seed(0)))
    textbook = reference.synthesis(state, w, zeros=False)[-1]
    error = (model.synthesis(w) - textbook).abs().max() / textbook.abs().max()

    jobs: dict[str, Callable[[], object]] = {"textbook": lambda: reference.synthesis(state, w, zeros=False)}
    jobs |= {f"{size} px": partial(model.synthesis, w, size=size) for size in model.space.sizes[2:]}
    times = in_turn(jobs, rounds)
    full = times[f"{model.space.image_size} px"]
    print(f"{name}: {times['textbook'] / full:.2f} x as fast as the textbook ({full * 1e3:.1f} ms), error {error:.0e}")
    for size in model.space.sizes[2:-1]:
        early = times[f"{size} px"]
        gain = times["textbook"] / early
        print(f"  stopping at {size} px: {early / full:.0%} of the full picture, {gain:.1f} x the textbook")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for name, (channels, w_dim) in CONFIGURATIONS.items():
        compare(name, channels, w_dim, rounds)
