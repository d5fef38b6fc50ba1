"""The distribution that an encoder really fills, fitted after training. It knows no network."""

import torch
from torch import Tensor


def fit(means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and axes (d, d), widest first, of the posteriors (N, d) taken together.

    z -> mean + axes z then has the covariance of the aggregate posterior (Tomczak 2017,
    arXiv:1705.07120): what it is, not the standard normal that training asked for.
    """
    mean = means.mean(0)
    centred = means - mean
    covariance = centred.T @ centred / len(means) + torch.diag(variances.mean(0))
    spread, axes = torch.linalg.eigh(covariance)
    axes = axes * axes.sum(0).sign().where(axes.sum(0) != 0, torch.ones(()))  # one of two signs, always the same
    return mean, (axes * spread.clamp_min(0).sqrt()).flip(1)
