"""Arithmetic on latents: sample, mix, swap layers, truncate, offset. It knows no model.

z is (N, z_dim); w is (N, num_ws, w_dim), one row per layer of the synthesis network.
"""

from functools import lru_cache
from typing import Any, Sequence

import numpy as np
import torch
from torch import Tensor


def sample(seed: int, z_dim: int) -> Tensor:
    """The z of a seed, (1, z_dim) float32: the convention of the official StyleGAN tools.

    Drawn by numpy in float64 on the CPU, so that a published seed gives the published
    picture on every device.
    """
    return torch.from_numpy(_draw(seed, z_dim).copy())


@lru_cache(4096)  # while a slider moves, every frame asks for the same seeds
def _draw(seed: int, z_dim: int) -> np.ndarray:
    return np.random.RandomState(seed).randn(1, z_dim).astype(np.float32)


def mix(latents: Sequence[Tensor], weights: Sequence[float], *, spherical: bool) -> Tensor:
    """Weighted sum of latents of one shape, batch 1; the weights are normalised to sum 1.

    A Gaussian prior keeps almost all its mass near one radius, and a straight mix falls
    inside it, where the model saw no data and pictures go grey. `spherical` restores the
    radius: the same arc as slerp (White 2016, arXiv:1609.04468), for any number of latents.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    if len(latents) == 1:
        return latents[0]
    mixed = torch.stack([share * latent for share, latent in zip(shares, latents, strict=True)]).sum(0)
    if not spherical:
        return mixed
    radius = sum(share * float(latent.norm()) for share, latent in zip(shares, latents, strict=True))
    return mixed * (radius / mixed.norm().clamp_min(1e-8))


def arc(latents: Sequence[Tensor], weights: Sequence[Any], centre: Tensor) -> Tensor:
    """Weighted sum of latents (..., dim) as seen from `centre`, put back on their mean distance from it.

    Weights are numbers, or tensors (..., 1); they count by their size and need not add up to anything:
    cos and sin of an angle give the great circle through two points (slerp, Shoemake 1985), since two
    seeds stand nearly at a right angle in many dimensions.
    """
    away = [latent - centre for latent in latents]
    total = sum(abs(weight) for weight in weights)
    mixed = torch.stack([weight * one for weight, one in zip(weights, away, strict=True)]).sum(0)
    lengths = [abs(weight) / total * one.norm(dim=-1, keepdim=True) for weight, one in zip(weights, away, strict=True)]
    return centre + mixed * (torch.stack(lengths).sum(0) / mixed.norm(dim=-1, keepdim=True).clamp_min(1e-8))


def swap_layers(w: Tensor, other: Tensor, layers: tuple[int, int], share: float = 1.0) -> Tensor:
    """Style mixing (Karras 2018, arXiv:1812.04948): rows `[first, last)` of w move to `other`."""
    first, last = layers
    mixed = w.clone()
    mixed[:, first:last] = torch.lerp(w[:, first:last], other[:, first:last], share)
    return mixed


def truncate(w: Tensor, w_mean: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """w pulled towards the mean by psi on the first `cutoff` rows (Karras 2018, arXiv:1812.04948).

    psi 0 is the mean picture, 1 leaves w alone, below 0 is the opposite picture.
    """
    if psi == 1:
        return w
    pulled = torch.lerp(w_mean.expand_as(w), w, psi)
    return pulled if cutoff is None else torch.cat([pulled[:, :cutoff], w[:, cutoff:]], dim=1)


def offset(w: Tensor, direction: Tensor, sigma: float, layers: tuple[int, int] | None = None) -> Tensor:
    """w moved by `sigma` along `direction` (w_dim,) or (num_ws, w_dim), on rows `[first, last)`."""
    first, last = layers or (0, w.shape[1])
    moved = w.clone()
    moved[:, first:last] += sigma * direction.expand(w.shape[1:])[first:last]
    return moved


def spot(shape: Sequence[int], x: float, y: float, radius: float) -> Tensor:
    """Shares 0 .. 1 for every number of a latent (C, h, w) laid flat: 1 at x, y, a half at the radius.

    All three are in shares of the side; the same in every channel.
    """
    channels, height, width = shape
    down, across = ((torch.arange(length) + 0.5) / length for length in (height, width))
    distance = ((across - x).square() + (down - y).square()[:, None]) / radius**2
    return torch.exp2(-distance).expand(channels, -1, -1).flatten()


def one_hot(label: int | Sequence[tuple[int, float]] | None, num_classes: int) -> Tensor | None:
    """A class, or shares of several, as (1, num_classes) summing to 1; None where there are no classes."""
    if not num_classes:
        return None
    pairs = [(label or 0, 1.0)] if label is None or isinstance(label, int) else label
    vector = torch.zeros(1, num_classes)
    for index, share in pairs:
        vector[0, index] += share
    return vector / vector.sum()
