"""What a person likes, learnt from thumbs up and down: a small Bayesian model over points. It knows no model and no picture.

Liking is a hidden utility of the point, with a Gaussian process as its prior, linear and curved parts
together; how much of either, the thumbs themselves say (the evidence, Rasmussen & Williams 2006, Gaussian
Processes for Machine Learning, 5.4). A thumb up says that a picture is better than all that were seen
beside it and have none, a thumb down that it is worse: so thumbs mean the same while pictures get better
and people spoilt. Each is a choice of one out of several, by their shares of e^utility (Luce 1959; best
and worst, Marley & Louviere 2005); the posterior is Laplace's (Rasmussen & Williams 2006, 3.4).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Iterator, Sequence

import numpy as np

# Variances of the utility along a direction, and of its curves, where 1 is about what an eye misjudges; points lie 1
# from the middle. Nearly straight ones too: in many dimensions few thumbs tell nothing of curves.
PRIORS = ((2.0, 0.1), (6.0, 0.1), (20.0, 0.1), (6.0, 3.0), (20.0, 10.0))
LENGTH = 1.0  # how far a curve reaches; two random points are 1.4 apart
STEPS = 50
FAR_WORSE = 1e6
FINALISTS = 200  # of the candidates, among which draws decide


def kernel(a: np.ndarray, b: np.ndarray, prior: tuple[float, float]) -> np.ndarray:
    """Prior covariance of the utilities of points (n, d) and (m, d): (n, m)."""
    linear, curved = prior
    inner = a @ b.T
    apart = np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * inner, 0)
    return linear * inner + curved * np.exp(-apart / (2 * LENGTH**2))


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of the utility: points that were seen (n, d), the slope (n,) and the negative curvature (n, n)
    of the likelihood there, and how well the prior explains the thumbs, a log."""

    points: np.ndarray
    prior: tuple[float, float]
    slope: np.ndarray
    bend: np.ndarray
    evidence: float

    def mean(self, x: np.ndarray) -> np.ndarray:
        """(m,) of points (m, d)."""
        return kernel(x, self.points, self.prior) @ self.slope

    def variance(self, x: np.ndarray) -> np.ndarray:
        """(m,): the diagonal of `covariance`."""
        across = kernel(x, self.points, self.prior)
        linear, curved = self.prior
        return np.maximum(linear * (x**2).sum(1) + curved - ((across @ self._learnt) * across).sum(1), 0)

    def covariance(self, x: np.ndarray) -> np.ndarray:
        """(m, m) of points (m, d)."""
        across = kernel(x, self.points, self.prior)
        return kernel(x, x, self.prior) - across @ self._learnt @ across.T

    @cached_property
    def _learnt(self) -> np.ndarray:
        inside = _inside(self.points, self.prior)
        return np.linalg.solve(np.eye(len(inside)) + self.bend @ inside, self.bend)


def belief(points: np.ndarray, thumbs: Sequence[int], rounds: Sequence[int]) -> Belief:
    """What thumbs 1, 0 or -1 at `points` (n, d) say, under the prior that explains them best.

    Points of one round were seen together. The origin, an ordinary picture, stands beside one seen alone.
    """
    points = np.concatenate([points, np.zeros((1, points.shape[1]))])
    choices = list(_choices(thumbs, rounds))
    return max((_believed(points, choices, prior) for prior in PRIORS), key=lambda each: each.evidence)


def choose(
    candidates: np.ndarray,
    believed: Belief | None,
    *,
    count: int,
    explore: float,
    random: np.random.RandomState,
    apart: float = 0.0,
) -> list[int]:
    """Which `count` of `candidates` (m, d) to show: each the best by a draw from the belief (Thompson 1933).

    `explore` in 0 .. 1 scales the doubt in a draw: 0 shows what is surely liked, 1 also what nobody
    can tell yet. None is nearer to another than `apart`, while there are others. Without a belief these are the first ones.
    """
    if believed is None:
        return list(range(count))
    hopes = believed.mean(candidates) + 2 * explore * np.sqrt(believed.variance(candidates))
    finalists = np.argsort(-hopes, kind="stable")[: max(FINALISTS, count)]
    mean, doubt = believed.mean(candidates[finalists]), believed.covariance(candidates[finalists])
    values, axes = np.linalg.eigh(doubt)
    spread = axes * np.sqrt(np.maximum(values, 0))
    chosen: list[int] = []
    near = np.zeros(len(finalists), bool)
    for _ in range(count):
        draw = mean + explore * (spread @ random.randn(len(finalists)))
        draw[near] -= FAR_WORSE
        draw[chosen] = -np.inf
        chosen.append(int(draw.argmax()))
        near |= np.linalg.norm(candidates[finalists] - candidates[finalists[chosen[-1]]], axis=1) < apart
    return [int(finalists[each]) for each in chosen]


def _believed(points: np.ndarray, choices: Sequence[tuple[int, list[int]]], prior: tuple[float, float]) -> Belief:
    inside = _inside(points, prior)
    utility = np.zeros(len(points))
    for _ in range(STEPS):
        _, slope, bend = _likelihood(utility, choices)
        before, utility = utility, inside @ np.linalg.solve(np.eye(len(points)) + bend @ inside, bend @ utility + slope)
        if np.abs(utility - before).max() < 1e-4:
            break
    log, slope, bend = _likelihood(utility, choices)
    _, volume = np.linalg.slogdet(np.eye(len(points)) + bend @ inside)
    return Belief(points, prior, slope, bend, log - (utility @ slope + volume) / 2)


def _inside(points: np.ndarray, prior: tuple[float, float]) -> np.ndarray:
    return kernel(points, points, prior) + 1e-6 * np.eye(len(points))


def _choices(thumbs: Sequence[int], rounds: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """For every thumb its sign, and the places of what was chosen among, the chosen one first."""
    for at, thumb in enumerate(thumbs):
        others = [other for other, its in enumerate(rounds) if its == rounds[at] and thumbs[other] != thumb]
        if thumb:
            yield thumb, [at, *(others or [len(thumbs)])]


def _likelihood(utility: np.ndarray, choices: Sequence[tuple[int, list[int]]]) -> tuple[float, np.ndarray, np.ndarray]:
    """The log likelihood of the choices, its slope (n,) and its negative curvature (n, n)."""
    log, slope, bend = 0.0, np.zeros(len(utility)), np.zeros((len(utility), len(utility)))
    for sign, among in choices:
        worth = np.exp(sign * utility[among] - (sign * utility[among]).max())
        shares = worth / worth.sum()
        log += float(np.log(shares[0]))
        slope[among] -= sign * shares
        slope[among[0]] += sign
        bend[np.ix_(among, among)] += np.diag(shares) - np.outer(shares, shares)
    return log, slope, bend
