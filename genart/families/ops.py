"""Blocks that two families truly share. It knows no family."""

import torch
from torch import Tensor


def normalise_z(x: Tensor, dim: int = 1) -> Tensor:
    """x divided by its root mean square along `dim` (Karras 2017, arXiv:1710.10196)."""
    return x * torch.rsqrt(x.square().mean(dim, keepdim=True) + 1e-8)
