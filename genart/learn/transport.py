"""Places in a normal law for things of which there are only so many, such as the hats of portraits.

A thing has as much of the law as it has of the pictures, and things that look alike lie side by
side: semi-discrete optimal transport from the normal law to the things' mean pictures (Mérigot
2011, doi:10.1111/j.1467-8659.2011.02032.x), whose cells are convex, so that the middle of one is
that thing again. Its weights are found by softening the cells less and less (Cuturi 2013, arXiv:1306.0895).
"""

from typing import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.atlas import principal, unfold
from genart.families.ops import Choices

SEED = 0
POINTS = 20_000  # of the law, to weigh cells with
SOFTNESS = torch.logspace(-0.5, -2, 100).tolist()  # of their walls, while they find their weights
FINER = torch.logspace(-0.5, -3.5, 200).tolist()  # where there are hundreds of cells
WALL = 0.01  # between cells, while a network learns: how far scores of two things may differ where a picture is of both
THINNER = 5.0  # times thinner are the walls of finished weights
NEVER = -100.0  # the weight of no cell; with thin walls still a half-precision number
SEEN = 16  # side of the pictures that tell which things look alike
AXES = 50  # of all that tells pictures apart, for a plane
ROUNDS = 20  # until their groups hardly change


Cells = tuple[Tensor, Tensor]
"""codes (classes, K, d) and weights (classes, K): z (d,) lies in the cell where codes @ z + weights is highest."""


def points(parts: Mapping[str, Tensor], dims: Mapping[str, int], labels: Tensor, pixels: Tensor) -> tuple[Tensor, list[Cells]]:
    """z (N, d), standard normal in every class: `dims` numbers for each part, side by side, say what each picture has of it.

    `parts` tell which of a part's things each picture shows, (N,), `labels` (N,) its class, `pixels` (N, C, H, W) how it looks.
    With them the cells of each part. A class has its own; where it has fewer things, those that it lacks get no share.
    """
    random, seen = torch.Generator().manual_seed(SEED), _small(pixels)
    found, cells = [], []
    for name, dim in dims.items():
        z, own = torch.empty(len(labels), dim), []
        for label in labels.unique():
            mine = labels == label
            values = parts[name][mine].unique(return_inverse=True)[1]
            codes, weights = _cells(values, seen[mine], dim, random)
            z[mine] = _placed(values, codes, weights, random)
            own.append((codes, weights))
        most = max(len(weights) for _, weights in own)
        found.append(z)
        cells.append(
            (
                torch.stack([F.pad(codes, (0, 0, 0, most - len(codes))) for codes, _ in own]),
                torch.stack([F.pad(weights, (0, most - len(weights)), value=NEVER) for _, weights in own]),
            )
        )
    return torch.cat(found, dim=1), cells


def plane(looks: Tensor, pixels: Tensor, count: int) -> tuple[Tensor, list[Cells]]:
    """z (N, 2), standard normal, by what pictures look like; their one part is which of `count` groups they are in.

    `looks` (N, F) is what a judge makes of `pixels` (N, C, H, W). By both, with the same say, pictures fall into
    groups; alike groups come side by side, and each gets its cell. There are so many that in a wall of WALL a
    decoder reads several at once: it draws what lies between alike groups too.
    """
    kinds = [each / each.var(0).sum().sqrt() for each in (looks / looks.std(0).clamp_min(1e-6), _small(pixels))]
    values, middles = _groups(principal(torch.cat(kinds, dim=1), AXES), count)
    codes = unfold(middles)
    codes = codes / codes.std()
    sizes = torch.bincount(values, minlength=count).clamp_min(0.5)  # a group may have lost all to its neighbours
    random = torch.Generator().manual_seed(SEED)
    weights = _weights(codes, sizes / sizes.sum(), torch.randn(POINTS, 2, generator=random), FINER)
    return _placed(values, codes, weights, random), [(codes[None], weights[None])]


def shapes(cells: list[Cells]) -> list[tuple[int, ...]]:
    """What `Choices` are made with that shall hold these cells."""
    return [tuple(codes.shape) for codes, _ in cells]


def settle(choices: Choices, cells: list[Cells]) -> None:
    """Gives the choices the cells, with walls as thick as WALL."""
    for part, (codes, weights) in zip(choices, cells, strict=True):
        part.load_state_dict({"weight": codes / WALL, "bias": weights / WALL})


def thinned(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of a finished network, its choices made clearer."""
    return {name: tensor * THINNER if name.startswith(prefix) else tensor for name, tensor in state.items()}


def _groups(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The group (N,) of each of x (N, D), and the groups' means (count, D): k-means (Lloyd 1982)."""
    middles = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(SEED))[:count]]
    for _ in range(ROUNDS):
        values = torch.cdist(x, middles).argmin(1)
        sizes = torch.bincount(values, minlength=count)[:, None]
        middles = torch.where(sizes > 0, torch.zeros_like(middles).index_add_(0, values, x) / sizes, middles)
    return values, middles


def _cells(values: Tensor, seen: Tensor, dim: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """codes (K, dim) and weights (K,) of cells that have as much of the law as the pictures (N,) show of each value."""
    codes, shares = _codes(values, seen, dim), torch.bincount(values) / len(values)
    return codes, _weights(codes, shares, torch.randn(POINTS, dim, generator=random))


def _placed(values: Tensor, codes: Tensor, weights: Tensor, random: torch.Generator) -> Tensor:
    """A point (N, dim) for each picture, somewhere in the cell of what it shows."""
    free = torch.randn(2 * len(values) + POINTS, codes.shape[1], generator=random)
    scores = free @ codes.T + weights
    cell, lead = scores.argmax(1), scores - scores.max(1, keepdim=True).values
    found = torch.empty(len(values), codes.shape[1])
    for value in range(len(codes)):
        mine, inside = (values == value).nonzero()[:, 0], free[cell == value]
        if not len(inside):  # so rare that no point fell into its cell: the nearest one
            inside = free[lead[:, value].argmax()][None]
        found[mine] = inside[torch.arange(len(mine)) % len(inside)]
    return found


def _small(pixels: Tensor) -> Tensor:
    """(N, C * side * side): the pictures with a side of at most SEEN."""
    parts = [F.adaptive_avg_pool2d(part.float(), min(SEEN, pixels.shape[-1])).flatten(1) for part in pixels.split(2000)]
    return torch.cat(parts)


def _codes(values: Tensor, seen: Tensor, dim: int) -> Tensor:
    """(K, dim), rows of length about 1: the mean pictures on their first principal axes, each as wide as the others."""
    count = int(values.max()) + 1
    means = torch.zeros(count, seen.shape[1]).index_add_(0, values, seen)
    means = means / torch.bincount(values)[:, None] - seen.mean(0)
    axes = torch.linalg.svd(means, full_matrices=False)[0][:, :dim]
    return F.pad(axes * (count / dim) ** 0.5, (0, dim - axes.shape[1]))


def _weights(codes: Tensor, shares: Tensor, points: Tensor, softnesses: Sequence[float] = SOFTNESS) -> Tensor:
    """(K,): added to points @ codes.T they give each cell, where its own is the highest, its share of the points."""
    heights, weights = points @ codes.T, torch.zeros(len(codes))
    for softness in softnesses:
        filled = ((heights + weights) / softness).softmax(1).mean(0)
        weights = weights + softness * (shares.log() - filled.clamp_min(1e-9).log())
    return weights
