"""A direction learnt from pictures that have something and pictures that have not. It knows points of w, and no pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.directions.axes import free, one_sigma
from genart.errors import BadRecipe

LEAST = 5  # examples of either kind
MOST = 100
RIDGE = 0.01  # beside a mean loss of at most ln 2, for points of mean square 1
STEPS = 50
CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Learnt:
    """One standard deviation in w, (w_dim,), towards what was shown, and how surely it is told:
    `score` is the share of examples told rightly by a fit that had not seen them, 0.5 for a guess."""

    vector: Tensor
    score: float


def learn(has: Tensor, has_not: Tensor, spread: Tensor) -> Learnt:
    """The normal of the plane between points (n, w_dim) and (m, w_dim), as long as w of `spread` (N, w_dim) deviates along it.

    Logistic regression with a quadratic penalty, both kinds weighing the same, solved by Newton's
    steps (Bishop 2006, 4.3.3), as InterFaceGAN's planes (Shen 2019, arXiv:1907.10786). The score
    leaves one example out at a time, and is the mean over both kinds. Raises BadRecipe for too
    few examples, for too many, and where both kinds are the same points.
    """
    if min(len(has), len(has_not)) < LEAST or max(len(has), len(has_not)) > MOST:
        raise BadRecipe(
            f"A direction is learnt from {LEAST} to {MOST} pictures that have it and as many that have not; "
            f"these are {len(has)} and {len(has_not)}."
        )
    points = torch.cat([has, has_not]).double() * free(spread)
    centred = points - points.mean(0)
    size = centred.square().sum(1).mean().sqrt().clamp_min(1e-12)
    # A rotation leaves the penalty alone: as many numbers as examples do.
    left, strength, axes = torch.linalg.svd(centred / size, full_matrices=False)
    features = left * strength
    side = torch.cat([torch.ones(len(has)), -torch.ones(len(has_not))]).double()
    towards = axes.T @ _fit(features, side)[0]
    if towards.norm() < CLOSE:
        raise BadRecipe("The pictures that have it and those that have not are the same; mark different ones.")
    return Learnt(one_sigma(towards.float(), spread), _score(features, side))


def _score(features: Tensor, side: Tensor) -> float:
    right = torch.zeros(len(side))
    for one in range(len(side)):
        others = torch.arange(len(side)) != one
        weights, level = _fit(features[others], side[others])
        right[one] = (features[one] @ weights + level) * side[one] > 0
    return float(right[side > 0].mean() + right[side < 0].mean()) / 2


def _fit(features: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (D,) and level () that tell sides 1 and -1 apart, by Newton's steps, each halved until it helps."""
    shares = torch.where(side > 0, 0.5 / (side > 0).sum(), 0.5 / (side < 0).sum())
    columns = torch.cat([features, features.new_ones(len(features), 1)], dim=1)
    penalty = features.new_full((columns.shape[1],), RIDGE)
    penalty[-1] = 1e-9  # of the level, which is free

    def loss(theta: Tensor) -> Tensor:
        return -(shares * F.logsigmoid(side * (columns @ theta))).sum() + (penalty * theta.square()).sum() / 2

    theta = columns.new_zeros(columns.shape[1])
    for _ in range(STEPS):
        sure = torch.sigmoid(side * (columns @ theta))
        slope = penalty * theta - columns.T @ (shares * side * (1 - sure))
        bend = columns.T @ (columns * (shares * sure * (1 - sure))[:, None]) + torch.diag(penalty)
        step, before = torch.linalg.solve(bend, slope), loss(theta)
        while loss(theta - step) > before and step.norm() > CLOSE:
            step = step / 2
        theta = theta - step
        if step.norm() <= CLOSE:
            break
    return theta[:-1], theta[-1]
