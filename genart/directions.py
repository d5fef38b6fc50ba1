"""Directions in w that change a picture in one way, found without labels. It knows no family."""

import torch
from torch import Tensor

from genart import latent
from genart.families.base import Generator, Space

COUNT = 6
CHANNELS = 16
THUMBNAIL = 32
SAMPLES = 512
SEEN = {64: 512, 128: 128, 10_000: 48}  # pictures that are drawn for `pca`, by the least side they can be drawn at


def names(space: Space, *, count: int = COUNT) -> list[str]:
    """What `directions` will call the directions of a space, before they are found."""
    most = min(count, space.w_dim)
    kinds = {"pca": most} | ({"channel": space.latent[0]} if _by_channel(space) else {"sefa": most})
    return [f"{kind}{number}" for kind, most in kinds.items() for number in range(1, most + 1)]


def _by_channel(space: Space) -> bool:
    """Whether w is a small picture of so few channels that each can be a direction."""
    return bool(space.latent) and space.latent[0] <= CHANNELS


def directions(generator: Generator, *, count: int = COUNT, samples: int = SAMPLES) -> dict[str, Tensor]:
    """Up to `count` directions of each kind, name -> (w_dim,), one standard deviation long.

    "pca1" ... follow what varies most (GANSpace, Härkönen 2020, arXiv:2004.02546); "sefa1" ...
    what the first layers amplify most (Shen & Zhou 2020, arXiv:2007.06600). A latent that is a
    small picture of few channels has, instead, "channel1" ..., one for each, alike everywhere.
    Seeds are fixed, so that a direction means the same in every process.
    """
    w = _sample_w(generator, samples)
    spread = w - w.mean(0)
    found = {}
    others = (
        ("channel", _channels(generator.space)) if _by_channel(generator.space) else ("sefa", _sefa(generator, spread, count))
    )
    for kind, axes in (("pca", _pca(generator, w, count)), others):
        for number, axis in enumerate(axes, start=1):
            found[f"{kind}{number}"] = _one_sigma(axis, spread)
    return found


def _sample_w(generator: Generator, samples: int) -> Tensor:
    """Row 0 of w for seeds 0, 1, ..., class 0: (samples, w_dim) on the CPU."""
    z = torch.cat([latent.sample(seed, generator.space.z_dim) for seed in range(samples)]).to(generator.w_mean.device)
    label = latent.one_hot(0, generator.space.num_classes)
    return generator.mapping(z, None if label is None else label.expand(samples, -1).to(z.device))[:, 0].cpu()


def _pca(generator: Generator, w: Tensor, count: int) -> Tensor:
    """Principal axes of w, (count, w_dim). Where w is the Gaussian z itself and has none, the
    axes of the pictures, carried back to w by least squares as GANSpace does for BigGAN."""
    spread = w - w.mean(0)
    if generator.space.has_mapping and w.shape[1] > w.shape[0]:  # the same axes from the smaller of the two products
        return torch.linalg.eigh(spread @ spread.T).eigenvectors.flip(1)[:, :count].T @ spread
    if generator.space.has_mapping:
        return torch.linalg.svd(spread, full_matrices=False).Vh[:count]
    side = next(side for side in generator.space.sizes if side >= min(THUMBNAIL, generator.space.image_size))
    spread = spread[: next(count for most, count in SEEN.items() if side <= most)]
    pictures = torch.cat([_thumbnail(generator, row[None, None]) for row in w[: len(spread)]])
    scores = torch.linalg.svd(pictures - pictures.mean(0), full_matrices=False)
    return torch.linalg.lstsq(spread, scores.U[:, :count], driver="gelsd").solution.T


def _thumbnail(generator: Generator, w: Tensor) -> Tensor:
    rows = w.expand(-1, generator.space.num_ws, -1).to(generator.w_mean.device)
    picture = generator.synthesis(rows, size=THUMBNAIL).cpu()
    return torch.nn.functional.adaptive_avg_pool2d(picture, min(THUMBNAIL, picture.shape[-1])).flatten(1)


def _sefa(generator: Generator, spread: Tensor, count: int) -> Tensor:
    """Eigenvectors of the first layers' weights, (count, w_dim), on the dimensions that z moves."""
    free = (spread.std(0) > 1e-6).float()
    weights = generator.style_weights().cpu() * free
    return torch.linalg.svd(weights, full_matrices=False).Vh[:count]


def _channels(space: Space) -> Tensor:
    """(channels, w_dim): 1 in one channel of a picture-shaped latent, 0 in the others."""
    channels = space.latent[0]
    return torch.eye(channels).repeat_interleave(space.w_dim // channels, dim=1)


def _one_sigma(axis: Tensor, spread: Tensor) -> Tensor:
    """The axis with a fixed sign, as long as the standard deviation of w along it."""
    axis = axis / axis.norm().clamp_min(1e-8)
    axis = axis * torch.where(axis[axis.abs().argmax()] < 0, -1.0, 1.0)
    return axis * (spread @ axis).std()
