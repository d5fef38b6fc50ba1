"""A map of a latent space: points of it laid out in a square, so that what looks alike lies together.

It knows no network: pictures come in, places go out. A model of two latent numbers needs no layout, for
its map is the plane itself.
"""

import math
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genart.families.base import Space
from genart.recipe import Anchor, pack_vector

CLASSES = 26  # at most: more colours are not told apart, and an alphabet fits
REACH = 3.0  # the ends of a plane of two latent numbers: 99.7 % of a normal lie within
ROOM = 1.3  # cells for each point: a round cloud fills about this share of its square
SCALES = (16, 8, 4)
COLOUR = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [-0.25, -0.25, 0.5]], np.float32)  # light, red-green, blue-yellow
PERPLEXITY = 20.0
STEPS = 400
EXAGGERATED = 120  # of these steps, in which neighbours pull 12 times as hard (van der Maaten & Hinton 2008)
NEAR = 2.5  # cells: what is as alike, but lies further from the most alike, does not move a pin
PIN_NEIGHBOURS = 6

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False, slots=True)
class Atlas:
    """Points of a model, and the cell each has for itself in a grid of `side` x `side`.

    `seeds` int64 (N,); `labels` int64 (N,), below 0 without classes; `z` float32 (N, 2) for a plane, else (0, 2);
    `cells` int64 (N, 2), column and row; `small` uint8 (N, SMALL, SMALL, 3).
    """

    side: int
    seeds: np.ndarray
    labels: np.ndarray
    z: np.ndarray
    cells: np.ndarray
    small: np.ndarray

    @property
    def is_plane(self) -> bool:
        return len(self.z) > 0

    @property
    def places(self) -> np.ndarray:
        """(N, 2) in 0 .. 1, across and down: the middles of the cells."""
        return (self.cells + 0.5) / self.side


# ---- points


def is_plane(space: Space) -> bool:
    """Whether the map of a space is the latent plane itself."""
    return space.z_dim == 2 and not space.num_classes


def anchors(space: Space, count: int) -> tuple[Anchor, ...]:
    """`count` points: seeds 0, 1, ... in turn over at most CLASSES classes, or a lattice of the latent plane, row by row."""
    if is_plane(space):
        return tuple(Anchor(vector=pack_vector(z, "z")) for z in lattice(side_of(space, count)))
    classes = np.linspace(0, space.num_classes - 1, min(space.num_classes, CLASSES)).round().astype(int).tolist()
    return tuple(Anchor(seed, label=classes[seed % len(classes)] if classes else None) for seed in range(count))


def lattice(side: int) -> np.ndarray:
    """z (side * side, 2) float32: the middles of the cells of a plane."""
    across = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 * REACH - REACH
    return np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)


def on_plane(z: np.ndarray) -> np.ndarray:
    """Places (N, 2) of points z (N, 2); within 0 .. 1 where the map reaches."""
    return (np.asarray(z, np.float32) + REACH) / (2 * REACH)


def side_of(space: Space, count: int) -> int:
    """The side of the grid for so many points: a plane is full, a cloud has room."""
    return math.isqrt(count) if is_plane(space) else math.ceil(math.sqrt(ROOM * count))


def chart(space: Space, points: Sequence[Anchor], small: np.ndarray, progress: Progress = lambda done, count: None) -> Atlas:
    """The map of `points`, as `anchors` made them, and their pictures (N, SMALL, SMALL, 3), uint8.

    `progress` is told the steps of the layout, and may raise to end it.
    """
    side = side_of(space, len(points))
    seeds = np.array([anchor.seed for anchor in points])
    labels = np.array([anchor.label if isinstance(anchor.label, int) else -1 for anchor in points])
    if is_plane(space):
        row, column = np.divmod(np.arange(side * side), side)
        return Atlas(side, seeds, labels, lattice(side), np.stack([column, row], axis=1), small)
    places = unfold(torch.from_numpy(features(small)), progress).numpy()
    return Atlas(side, seeds, labels, np.zeros((0, 2), np.float32), spread(places, side), small)


# ---- what looks alike


def features(small: np.ndarray) -> np.ndarray:
    """What is compared of pictures, uint8 (N, SMALL, SMALL, 3): float32 (N, D).

    Light and two opponent colours on grids of 16, 8 and 4, each scale with the same say, so that a thing
    moved by a pixel is still alike; and the strength of edges, which tells a texture from a plane.
    """
    x = torch.tensor(small).permute(0, 3, 1, 2).float() / 255
    x = torch.einsum("ck,nkhw->nchw", torch.from_numpy(COLOUR), x)
    light = F.pad(x[:, :1], (0, 1, 0, 1), mode="replicate")
    edges = (light[..., :-1, 1:] - light[..., :-1, :-1]).abs() + (light[..., 1:, :-1] - light[..., :-1, :-1]).abs()
    x = torch.cat([x, edges], dim=1)
    return torch.cat([F.adaptive_avg_pool2d(x, scale).flatten(1) / scale for scale in SCALES], dim=1).numpy()


def principal(x: Tensor, count: int = 2) -> Tensor:
    """Principal components (N, count) of x (N, D), each with a fixed sign."""
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    scores = u[:, :count] * s[:count]
    return scores * torch.where(scores.gather(0, scores.abs().argmax(0)[None]) < 0, -1.0, 1.0)


def unfold(x: Tensor, progress: Progress = lambda done, count: None) -> Tensor:
    """Places (N, 2) for features (N, D): neighbours stay neighbours (t-SNE, van der Maaten & Hinton 2008, JMLR 9).

    It starts from the principal components (Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x) with the step of
    Belkina 2019 (doi:10.1038/s41467-019-13055-y), so that the same pictures give the same map.
    """
    count = len(x)
    y = principal(x)
    y = y / y[:, 0].std().clamp_min(1e-8) * 1e-4
    if count < 4:
        return y
    alike = _affinities(x, min(PERPLEXITY, (count - 1) / 3))
    step = max(count / 12 / 4, 10.0)
    speed, gains = torch.zeros_like(y), torch.ones_like(y)
    for number in range(STEPS):
        early = number < EXAGGERATED
        close = 1 / (1 + torch.cdist(y, y).square())
        close.fill_diagonal_(0)
        pull = ((12 if early else 1) * alike - close / close.sum()) * close
        slope = 4 * (pull.sum(1, keepdim=True) * y - pull @ y)
        gains = torch.where((slope > 0) != (speed > 0), gains + 0.2, gains * 0.8).clamp_min(0.01)
        speed = (0.5 if early else 0.8) * speed - 4 * step * gains * slope
        y = y + speed
        progress(number + 1, STEPS)
    return y - y.mean(0)


def _affinities(x: Tensor, perplexity: float) -> Tensor:
    """(N, N), symmetric, of sum 1: the width of each point's Gaussian gives it `perplexity` neighbours."""
    distance = torch.cdist(x, x).square()
    distance = distance / distance.mean().clamp_min(1e-12)
    distance.fill_diagonal_(torch.inf)
    low, high = torch.full((len(x), 1), -20.0), torch.full((len(x), 1), 20.0)  # powers of 2
    nearest = distance.min(1, keepdim=True).values
    for _ in range(40):
        middle = (low + high) / 2
        near = torch.exp(-(distance - nearest) * 2**middle)
        near = near / near.sum(1, keepdim=True)
        entropy = -(near * near.clamp_min(1e-12).log()).sum(1, keepdim=True)
        wide = entropy > math.log(perplexity)
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
    return (near + near.T) / (2 * len(x))


# ---- room for each


def spread(places: np.ndarray, side: int) -> np.ndarray:
    """A cell of its own for each place (N, 2), int64 (N, 2), column and row of a grid of `side` x `side` >= N.

    The square is halved again and again, across and down in turn. A place goes into the half it lies in,
    while that has room; where a half is full, those nearest to the border go over it.
    """
    low, high = np.percentile(places, (0.5, 99.5), axis=0)
    middle, size = (low + high) / 2, max((high - low).max(), 1e-12)
    at = ((places - middle) / size + 0.5) * side
    cells = np.zeros((len(places), 2), np.int64)

    def halve(members: np.ndarray, left: int, top: int, width: int, height: int) -> None:
        if not len(members):
            return
        if width * height == 1:
            cells[members] = left, top
            return
        axis = int(height > width)
        length, other, start = ((width, height, left), (height, width, top))[axis]
        half = length // 2
        members = members[np.argsort(at[members, axis], kind="stable")]
        wanted = int((at[members, axis] < start + half).sum())
        first = min(max(wanted, len(members) - (length - half) * other), half * other)
        if axis == 0:
            halve(members[:first], left, top, half, height)
            halve(members[first:], left + half, top, width - half, height)
        else:
            halve(members[:first], left, top, width, half)
            halve(members[first:], left, top + half, width, height - half)

    halve(np.arange(len(places)), 0, 0, side, side)
    return cells


def shares(distances: np.ndarray) -> np.ndarray:
    """What each of the nearest points weighs, (k,) of sum 1, from distances (k + 1,), ascending.

    Inverse distances that end at the point after the last, so that nothing jumps where neighbours change (Shepard
    1968, doi:10.1145/800186.810616, as modified by Franke & Nielson 1980, doi:10.1002/nme.1620151110); a point itself has all.
    """
    near, end = np.asarray(distances[:-1], np.float64), float(distances[-1])
    if near[0] <= 1e-9 or near[0] >= end:
        return np.eye(1, len(near))[0]
    weights = ((end - near) / (end * near)) ** 2
    return weights / weights.sum()


def pinned(atlas: Atlas, known: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Places (M, 2) of pictures, uint8 (M, SMALL, SMALL, 3), that are no points of the map: among those most alike.

    `known` are the features of the map's own points.
    """
    found = []
    for feature in features(small):
        distances = np.linalg.norm(known - feature, axis=1)
        order = np.argsort(distances, kind="stable")[: PIN_NEIGHBOURS + 1]
        close = np.abs(atlas.cells[order] - atlas.cells[order[0]]).max(1) <= NEAR
        close[-1] = False  # its distance is where the shares end
        weights = shares(distances[order]) * close[:-1]
        found.append(weights @ atlas.places[order[:-1]] / weights.sum())
    return np.array(found).reshape(-1, 2)
