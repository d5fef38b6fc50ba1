"""Directions in w that change a picture in one way, found without labels. It knows no family."""

import torch
from torch import Tensor

from genart import latent
from genart.families.base import Generator, Space

COUNT = 6
SAMPLES = 512


def names(space: Space, *, count: int = COUNT) -> list[str]:
    """What `directions` will call the directions of a space, before they are found."""
    kinds = {"pca": min(count, space.w_dim)} | (
        {"channel": space.latent[0]} if space.latent else {"sefa": min(count, space.w_dim)}
    )
    return [f"{kind}{number}" for kind, most in kinds.items() for number in range(1, most + 1)]


def directions(generator: Generator, *, count: int = COUNT, samples: int = SAMPLES) -> dict[str, Tensor]:
    """Up to `count` directions of each kind, name -> (w_dim,), one standard deviation long.

    "pca1" ... follow what varies most (GANSpace, Härkönen 2020, arXiv:2004.02546); "sefa1" ...
    what the first layers amplify most (Shen & Zhou 2020, arXiv:2007.06600). A latent that is a
    small picture has, instead, "channel1" ..., one for each of its channels, alike everywhere.
    Seeds are fixed, so that a direction means the same in every process.
    """
    w = _sample_w(generator, samples)
    spread = w - w.mean(0)
    found = {}
    others = ("channel", _channels(generator.space)) if generator.space.latent else ("sefa", _sefa(generator, spread, count))
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
    if generator.space.has_mapping:
        return torch.linalg.svd(w - w.mean(0), full_matrices=False).Vh[:count]
    pictures = torch.cat([_thumbnail(generator, row[None, None]) for row in w])
    scores = torch.linalg.svd(pictures - pictures.mean(0), full_matrices=False)
    return torch.linalg.lstsq(w - w.mean(0), scores.U[:, :count], driver="gelsd").solution.T


def _thumbnail(generator: Generator, w: Tensor) -> Tensor:
    rows = w.expand(-1, generator.space.num_ws, -1).to(generator.w_mean.device)
    picture = generator.synthesis(rows, size=32).cpu()
    return torch.nn.functional.adaptive_avg_pool2d(picture, min(32, picture.shape[-1])).flatten(1)


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
