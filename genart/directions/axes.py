"""Directions in w found without labels and without names: PCA, SeFa, latent channels. It knows no family."""

from functools import partial
from typing import Callable, Sequence

import torch
from torch import Tensor

from genart import latent
from genart.families.base import Generator, Space

COUNT = 6
CHANNELS = 16
THUMBNAIL = 32
SAMPLES = 512
SEEN = {64: 512, 128: 128, 10_000: 48}  # pictures that are drawn for `pca`, by the least side they can be drawn at

Run = Callable[[Callable[[], Tensor]], Tensor]
"""Calls what it is given, in a turn of its own."""


def names(space: Space, *, count: int = COUNT) -> list[str]:
    """What `directions` will call the directions of a space, before they are found."""
    most = min(count, space.w_dim)
    kinds = {"pca": most} | ({"channel": space.latent[0]} if _by_channel(space) else {"sefa": most})
    return [f"{kind}{number}" for kind, most in kinds.items() for number in range(1, most + 1)]


def _by_channel(space: Space) -> bool:
    """Whether w is a small picture of so few channels that each can be a direction."""
    return bool(space.latent) and space.latent[0] <= CHANNELS


def directions(
    generator: Generator, *, count: int = COUNT, samples: int = SAMPLES, run: Run = lambda draw: draw()
) -> dict[str, Tensor]:
    """Up to `count` directions of each kind, name -> (w_dim,), one standard deviation long.

    "pca1" ... follow what varies most (GANSpace, Härkönen 2020, arXiv:2004.02546); "sefa1" ...
    what the first layers amplify most (Shen & Zhou 2020, arXiv:2007.06600). A latent that is a
    small picture of few channels has, instead, "channel1" ..., one for each, alike everywhere.
    Seeds are fixed, so that a direction means the same in every process. `run` is given each use of
    the network, one at a time.
    """
    w = run(partial(sample_w, generator, samples))
    spread = w - w.mean(0)
    found = {}
    others = (
        ("channel", _channels(generator.space)) if _by_channel(generator.space) else ("sefa", _sefa(generator, spread, count))
    )
    for kind, axes in (("pca", _pca(generator, w, count, run)), others):
        for number, axis in enumerate(axes, start=1):
            found[f"{kind}{number}"] = one_sigma(_with_sign(axis), spread)
    return found


def axes_of(points: Tensor, spread: Tensor, count: int = COUNT) -> list[Tensor]:
    """What varies most among points (N, w_dim), strongest first: at most N - 1 axes, one sigma of `spread` long.

    On the dimensions that z moves, so that none of them leads into another class.
    """
    centred = (points - points.mean(0)) * free(spread)
    _, strength, axes = torch.linalg.svd(centred, full_matrices=False)
    real = [axis for axis, size in zip(axes, strength, strict=True) if size > 1e-4 * strength[0].clamp_min(1e-8)]
    return [one_sigma(_with_sign(axis), spread) for axis in real[: min(count, len(points) - 1)]]


def sample_w(generator: Generator, samples: int = SAMPLES, labels: Sequence[int] = (0,)) -> Tensor:
    """Row 0 of w for seeds 0, 1, ..., the labels in turn: (samples, w_dim) on the CPU."""
    z = torch.cat([latent.sample(seed, generator.space.z_dim) for seed in range(samples)]).to(generator.w_mean.device)
    label = None
    if generator.space.num_classes:
        turns = torch.arange(samples) % len(labels)
        label = torch.nn.functional.one_hot(torch.tensor(labels)[turns], generator.space.num_classes).float().to(z.device)
    return generator.mapping(z, label)[:, 0].cpu()


def _pca(generator: Generator, w: Tensor, count: int, run: Run) -> Tensor:
    """Principal axes of w, (count, w_dim). Where w is the Gaussian z itself and has none, the
    axes of the pictures, carried back to w by least squares as GANSpace does for BigGAN."""
    spread = w - w.mean(0)
    if generator.space.has_mapping and w.shape[1] > w.shape[0]:  # the same axes from the smaller of the two products
        return torch.linalg.eigh(spread @ spread.T).eigenvectors.flip(1)[:, :count].T @ spread
    if generator.space.has_mapping:
        return torch.linalg.svd(spread, full_matrices=False).Vh[:count]
    side = next(side for side in generator.space.sizes if side >= min(THUMBNAIL, generator.space.image_size))
    spread = spread[: next(count for most, count in SEEN.items() if side <= most)]
    pictures = torch.cat([_flat(run(partial(thumbnail, generator, row))) for row in w[: len(spread)]])
    scores = torch.linalg.svd(pictures - pictures.mean(0), full_matrices=False)
    return torch.linalg.lstsq(spread, scores.U[:, :count], driver="gelsd").solution.T


def thumbnail(generator: Generator, w: Tensor) -> Tensor:
    """The picture of w (w_dim,), (1, C, H, W) on the CPU, as small as the family can draw it from THUMBNAIL up."""
    rows = w.expand(1, generator.space.num_ws, -1).to(generator.w_mean.device)
    return generator.synthesis(rows, size=THUMBNAIL).cpu()


def _flat(picture: Tensor) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(picture, min(THUMBNAIL, picture.shape[-1])).flatten(1)


def free(spread: Tensor) -> Tensor:
    """1 for the dimensions of w that z moves, 0 for those that a class alone decides: (w_dim,)."""
    return (spread.std(0) > 1e-6).float()


def _sefa(generator: Generator, spread: Tensor, count: int) -> Tensor:
    """Eigenvectors of the first layers' weights, (count, w_dim), on the dimensions that z moves."""
    weights = generator.style_weights().cpu() * free(spread)
    return torch.linalg.svd(weights, full_matrices=False).Vh[:count]


def _channels(space: Space) -> Tensor:
    """(channels, w_dim): 1 in one channel of a picture-shaped latent, 0 in the others."""
    channels = space.latent[0]
    return torch.eye(channels).repeat_interleave(space.w_dim // channels, dim=1)


def _with_sign(axis: Tensor) -> Tensor:
    """The axis or its opposite, always the same of the two: its largest number is above 0."""
    return axis * torch.where(axis[axis.abs().argmax()] < 0, -1.0, 1.0)


def one_sigma(axis: Tensor, spread: Tensor) -> Tensor:
    """The axis as long as the standard deviation along it of `spread` (N, w_dim), which has mean 0."""
    axis = axis / axis.norm().clamp_min(1e-8)
    return axis * (spread @ axis).std()
