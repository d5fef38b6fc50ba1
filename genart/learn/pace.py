"""How fast the weights move, and the slow copy that follows them. It knows no network."""

import math

import torch
from torch import nn

WARM_UP = 200
STEEPEST = 100.0  # gradients longer than this are shortened to it


def rate(step: int, steps: int, lr: float) -> float:
    """Learning rate: up in 200 steps, then down a cosine to 2 % (Loshchilov 2016, arXiv:1608.03983)."""
    if step < WARM_UP:
        return lr * (step + 1) / WARM_UP
    done = min(1.0, (step - WARM_UP) / max(1, steps - WARM_UP))
    return lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def average(slow: nn.Module, fast: nn.Module, decay: float, step: int) -> None:
    """Moves `slow` towards `fast`: exponential averaging (Karras 2017, arXiv:1710.10196), quicker at the start."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    for mine, other in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(other, share)
        else:
            mine.copy_(other)
