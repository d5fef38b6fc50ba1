"""What a person likes, learnt from thumbs up and down: a small Bayesian model over points. It knows no model and no picture.

Liking is a hidden utility of the point with a Gaussian process as its prior, linear and curved parts
together; a thumb says on which side of the ordinary a picture lies, and what is ordinary differs from
round to round, for pictures get better and people spoilt. The thumbs come through a logistic link, and
the posterior is Laplace's (Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, 3.4).
"""

from typing import Sequence

import numpy as np

LINEAR = 4.0  # variance of the utility along a direction, in thumbs; points lie about 1 from the middle
CURVED = 2.0
LENGTH = 1.0  # how far a curve reaches; two random points are 1.4 apart
ROUND = 1.0  # variance of what a round takes for ordinary
STEPS = 50
BOLD = 2.0  # standard deviations of doubt that full exploring multiplies


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Prior covariance of the utilities of points (n, d) and (m, d): (n, m)."""
    inner = a @ b.T
    apart = np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * inner, 0)
    return LINEAR * inner + CURVED * np.exp(-apart / (2 * LENGTH**2))


def belief(
    points: np.ndarray, thumbs: Sequence[int], rounds: Sequence[int], candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (m,) and covariance (m, m) of the utility of `candidates` (m, d), given thumbs 1 or -1 at `points` (n, d)."""
    up = (np.asarray(thumbs) > 0).astype(float)
    same = np.asarray(rounds)[:, None] == np.asarray(rounds)
    prior = kernel(points, points) + ROUND * same + 1e-6 * np.eye(len(points))
    utility = np.zeros(len(points))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-utility))
        root = np.sqrt(chance * (1 - chance))
        factor = np.linalg.cholesky(np.eye(len(points)) + root[:, None] * prior * root)
        pull = root**2 * utility + up - chance
        inner = np.linalg.solve(factor.T, np.linalg.solve(factor, root * (prior @ pull)))
        before, utility = utility, prior @ (pull - root * inner)
        if np.abs(utility - before).max() < 1e-6:
            break
    across = kernel(points, candidates)
    known = np.linalg.solve(factor, root[:, None] * across)
    return across.T @ (up - 1 / (1 + np.exp(-utility))), kernel(candidates, candidates) - known.T @ known


def choose(
    candidates: np.ndarray,
    points: np.ndarray,
    thumbs: Sequence[int],
    rounds: Sequence[int],
    *,
    count: int,
    explore: float,
    random: np.random.RandomState,
) -> list[int]:
    """Which `count` of `candidates` (m, d) to show: each the best by a draw from the belief (Thompson 1933).

    `explore` in 0 .. 1 widens the draws: 0 shows what is surely liked, a half is Thompson's own
    measure, 1 also what nobody can tell. Without any thumbs these are the first ones.
    """
    if not len(points):
        return list(range(count))
    mean, doubt = belief(points, thumbs, rounds, candidates)
    values, axes = np.linalg.eigh(doubt)
    spread = axes * np.sqrt(np.maximum(values, 0))
    chosen: list[int] = []
    for _ in range(count):
        draw = mean + BOLD * explore * (spread @ random.randn(len(candidates)))
        draw[chosen] = -np.inf
        chosen.append(int(draw.argmax()))
    return chosen
