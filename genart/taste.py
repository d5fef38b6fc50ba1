"""What a person likes, learnt from thumbs up and down: a small Bayesian model over points. It knows no model and no picture.

Liking is a hidden utility of the point, with a Gaussian process as its prior, linear and curved parts
together. A thumb up says that a picture is better than all that were seen beside it and have none, a
thumb down that it is worse: so thumbs mean the same while pictures get better and people spoilt. Each
is a choice of one out of several, by their shares of e^utility (Luce 1959; best and worst, Marley &
Louviere 2005); the posterior is Laplace's (Rasmussen & Williams 2006, Gaussian Processes for Machine
Learning, 3.4).
"""

from typing import Iterator, Sequence

import numpy as np

LINEAR = 6.0  # variance of the utility along a direction, where 1 is about what an eye misjudges; points lie 1 from the middle
CURVED = 3.0
LENGTH = 1.0  # how far a curve reaches; two random points are 1.4 apart
STEPS = 50


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Prior covariance of the utilities of points (n, d) and (m, d): (n, m)."""
    inner = a @ b.T
    apart = np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * inner, 0)
    return LINEAR * inner + CURVED * np.exp(-apart / (2 * LENGTH**2))


def belief(
    points: np.ndarray, thumbs: Sequence[int], rounds: Sequence[int], candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (m,) and covariance (m, m) of the utility of `candidates` (m, d), from thumbs 1, 0 or -1 at `points` (n, d).

    Points of one round were seen together. The origin, an ordinary picture, stands beside one seen alone.
    """
    points = np.concatenate([points, np.zeros((1, points.shape[1]))])
    choices = list(_choices(thumbs, rounds))
    prior = kernel(points, points) + 1e-6 * np.eye(len(points))
    utility = np.zeros(len(points))
    for _ in range(STEPS):
        slope, bend = _likelihood(utility, choices)
        before, utility = utility, prior @ np.linalg.solve(np.eye(len(points)) + bend @ prior, bend @ utility + slope)
        if np.abs(utility - before).max() < 1e-5:
            break
    slope, bend = _likelihood(utility, choices)
    across = kernel(points, candidates)
    known = np.linalg.solve(np.eye(len(points)) + bend @ prior, bend @ across)
    return across.T @ slope, kernel(candidates, candidates) - across.T @ known


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

    `explore` in 0 .. 1 scales the doubt in a draw: 0 shows what is surely liked, 1 also what nobody
    can tell yet. Without any thumbs these are the first ones.
    """
    if not any(thumbs):
        return list(range(count))
    mean, doubt = belief(points, thumbs, rounds, candidates)
    values, axes = np.linalg.eigh(doubt)
    spread = axes * np.sqrt(np.maximum(values, 0))
    chosen: list[int] = []
    for _ in range(count):
        draw = mean + explore * (spread @ random.randn(len(candidates)))
        draw[chosen] = -np.inf
        chosen.append(int(draw.argmax()))
    return chosen


def _choices(thumbs: Sequence[int], rounds: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """For every thumb its sign, and the places of what was chosen among, the chosen one first."""
    for at, thumb in enumerate(thumbs):
        others = [other for other, its in enumerate(rounds) if its == rounds[at] and thumbs[other] != thumb]
        if thumb:
            yield thumb, [at, *(others or [len(thumbs)])]


def _likelihood(utility: np.ndarray, choices: Sequence[tuple[int, list[int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Slope (n,) and negative curvature (n, n) of the log likelihood of the choices."""
    slope, bend = np.zeros(len(utility)), np.zeros((len(utility), len(utility)))
    for sign, among in choices:
        worth = np.exp(sign * utility[among] - (sign * utility[among]).max())
        shares = worth / worth.sum()
        slope[among] -= sign * shares
        slope[among[0]] += sign
        bend[np.ix_(among, among)] += np.diag(shares) - np.outer(shares, shares)
    return slope, bend
