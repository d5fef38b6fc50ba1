"""The distribution that an encoder really fills, and how far it is from one. It knows no encoder."""

import torch
from torch import Tensor

from genart.families.vae import Prior
from genart.learn.losses import LOG_2PI


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


def nats(prior: Prior, w: Tensor, given: Tensor | None = None) -> Tensor:
    """-log density (N,) of w (N, d), for a class whose embedding is given.

    A normal's at z, and what the map widens (Dinh 2016, arXiv:1605.08803, eq. 2).
    """
    z, widened = prior.undo(w, given)
    return 0.5 * (z.square() + LOG_2PI).sum(1) + widened


def distance(prior: Prior, w: Tensor, log_variance: Tensor, given: Tensor | None = None) -> Tensor:
    """Nats per picture from the posterior that w was drawn from to a learnt prior (Chen 2016, arXiv:1611.02731)."""
    entropy = 0.5 * (log_variance + 1 + LOG_2PI).sum(1)
    return (nats(prior, w, given) - entropy).mean()
