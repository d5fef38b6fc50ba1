"""What the networks minimise, one function to a formula. They know no data and no network's shape."""

import math
from typing import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def bernoulli(drawn: Tensor, x: Tensor) -> Tensor:
    """Nats per picture, pixels read as probabilities (Kingma 2013, arXiv:1312.6114).

    `drawn` is the decoder before tanh, half of the log odds; x is in [-1, 1].
    """
    nats = F.binary_cross_entropy_with_logits(2 * drawn, (x + 1) / 2, reduction="none")
    return nats.flatten(1).sum(1).mean()


def painterly(drawn: Tensor, x: Tensor) -> Tensor:
    """How unlike x the picture is whose values before tanh are `drawn`."""
    return unlike(torch.tanh(drawn), x)


def unlike(y: Tensor, x: Tensor) -> Tensor:
    """Distance of colours, of edges, and of the picture seen from 4 and 16 steps away, per pixel."""
    edges = sum(F.l1_loss(y.diff(dim=dim), x.diff(dim=dim)) for dim in (2, 3))
    far = sum(F.l1_loss(F.avg_pool2d(y, step), F.avg_pool2d(x, step)) for step in (4, 16) if step <= x.shape[2])
    return F.l1_loss(y, x) + 2 * F.mse_loss(y, x) + 0.5 * edges + far


def scenic(drawn: Tensor, x: Tensor) -> Tensor:
    """`painterly`, where a pixel counts for more the more it differs from its surroundings: a sun is few pixels."""
    stands_out = (x - F.interpolate(F.avg_pool2d(x, 16), scale_factor=16, mode="bilinear")).abs().mean(1, keepdim=True)
    return painterly(drawn, x) + 4 * (stands_out * (torch.tanh(drawn) - x).abs()).mean()


def perceptual(drawn: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Distance of what a network's layers make of pictures, each by its own size (Johnson 2016, arXiv:1603.08155)."""
    parts = [F.l1_loss(a, b) / b.abs().mean() for a, b in zip(drawn, real, strict=True)]
    return torch.stack(parts).mean()


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats per picture from the posterior to a standard normal (Kingma 2013, arXiv:1312.6114, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def surprise(mean: Tensor, log_variance: Tensor, z: Tensor) -> Tensor:
    """Nats per picture by which the true z (N, d) surprises a posterior; what an encoder learns asleep (Hinton 1995)."""
    return 0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance + LOG_2PI).sum(1).mean()


def sliced(z: Tensor, random: torch.Generator, directions: int = 32) -> Tensor:
    """How far a batch (N, d) is from a standard normal, seen along random lines (Kolouri 2018, arXiv:1804.01947).

    KL asks each posterior to be normal; this asks it of all of them together, and leaves no holes.
    """
    lines = F.normalize(torch.randn(z.shape[1], directions, generator=random), dim=0).to(z.device)
    ranks = (torch.arange(len(z), device=z.device) + 0.5) / len(z)
    return F.mse_loss((z @ lines).sort(0).values, torch.special.ndtri(ranks)[:, None].expand(-1, directions))


def generator_loss(fake: Tensor) -> Tensor:
    """Non-saturating: -log D(fake), from logits (Goodfellow 2014, arXiv:1406.2661)."""
    return F.softplus(-fake).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Logistic: -log D(real) - log(1 - D(fake)), from logits (Goodfellow 2014, arXiv:1406.2661)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1(real: Tensor, x: Tensor) -> Tensor:
    """Squared gradient of the logits at the real pictures x (Mescheder 2018, arXiv:1801.04406)."""
    (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


RECONSTRUCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bernoulli": bernoulli,
    "painterly": painterly,
    "scenic": scenic,
}
