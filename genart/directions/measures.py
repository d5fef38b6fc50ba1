"""Directions named after what can be measured in a picture: light, contrast, warmth, colour, detail. It knows no family."""

from dataclasses import dataclass
from typing import Callable, cast

import torch
from torch import Tensor, nn

from genart.directions.axes import SAMPLES, free, one_sigma, sample_w, thumbnail
from genart.families.base import Generator, Space

LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709
SURE = 0.5  # the least held-out correlation with which a direction may bear its name
FOLDS = 4
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  # of the mean square of w
PICTURES = 256  # twice as many foretell no better, in the shipped models
FEW = 128  # where each costs more: of networks that are large, or cannot draw a small one
LARGE = 8_000_000  # parameters
WIDE = 64  # pixels a side
A_CLASS = 16  # pictures, at the least
STILL = 1e-4  # a number that varies less, from black -1 to white 1, is the same in all pictures


@dataclass(frozen=True, slots=True)
class Direction:
    """A step of one standard deviation in w, (w_dim,), that raises what it is named after.

    `r` is the correlation of what was foretold with what was measured, in pictures left out of
    the fit; None for a direction that is named after nothing measured.
    """

    vector: Tensor
    r: float | None = None


def _luma(x: Tensor) -> Tensor:
    return x[:, 0] if x.shape[1] < 3 else torch.einsum("nchw,c->nhw", x[:, :3], torch.tensor(LUMA))


def _edges(x: Tensor) -> Tensor:
    luma = _luma(x)
    return luma.diff(dim=1).abs().mean((1, 2)) + luma.diff(dim=2).abs().mean((1, 2))


# Pictures (N, C, H, W) in [-1, 1] -> a number each, (N,).
MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": lambda x: _luma(x).mean((1, 2)),
    "contrast": lambda x: _luma(x).flatten(1).std(1),
    "warmth": lambda x: (x[:, 0] - x[:, 2]).mean((1, 2)),
    "saturation": lambda x: (x[:, :3].amax(1) - x[:, :3].amin(1)).mean((1, 2)),
    "detail": _edges,
}
OF_COLOUR = ("warmth", "saturation")


def measurable(space: Space) -> list[str]:
    """What `measured` will try: nothing of colour where pictures are grey."""
    return [name for name in MEASURES if space.channels >= 3 or name not in OF_COLOUR]


def measured(generator: Generator, turn: Callable[[Callable[[], Tensor]], Tensor] = lambda job: job()) -> dict[str, Direction]:
    """The directions that raise a measured number, each where it is known well enough: name -> Direction.

    `turn` runs the drawing of each picture where and when it may be drawn.

    Ridge regression of the number on w, in pictures of fixed seeds; with classes, within each of
    them. Out of the regression comes what foretells the number; moved is w as it goes along with
    that, cov(w) times the weights (Haufe et al. 2014, NeuroImage 87), which stays among the w
    that the model knows. One whose held-out correlation is below SURE is left out.
    """
    space = generator.space
    count = _affordable(generator)
    labels = _labels(space.num_classes, count)
    w = sample_w(generator, max(count, SAMPLES), labels)

    def drawn(row: Tensor) -> Callable[[], Tensor]:
        def job() -> Tensor:
            with torch.inference_mode():
                return thumbnail(generator, row).clamp(-1, 1)

        return job

    pictures = [turn(drawn(row)) for row in w[:count]]
    numbers = {name: torch.cat([MEASURES[name](picture) for picture in pictures]) for name in measurable(space)}
    spread = _within(w, len(labels))
    spread = spread * free(spread)
    found = {name: _direction(spread, _within(each, len(labels)), space) for name, each in numbers.items()}
    return {name: each for name, each in found.items() if each is not None and cast(float, each.r) >= SURE}


def _affordable(generator: Generator) -> int:
    """How many pictures to draw. It follows from the model alone, so that a direction means the same on every machine."""
    smallest = next((side for side in generator.space.sizes if side >= 32), generator.space.image_size)
    parameters = sum(weight.numel() for weight in cast(nn.Module, generator).parameters())
    return FEW if smallest > WIDE or parameters > LARGE else PICTURES


def _labels(num_classes: int, count: int) -> list[int]:
    """Classes to draw from: all, or so many, evenly taken, that each has A_CLASS pictures."""
    few = min(max(1, num_classes), max(1, count // A_CLASS))
    return [index * max(1, num_classes) // few for index in range(few)]


def _within(values: Tensor, classes: int) -> Tensor:
    """Values (N, ...), classes in turn, less the mean of their class."""
    centred = values.clone()
    for index in range(classes):
        centred[index::classes] -= values[index::classes].mean(0)
    return centred


def _direction(spread: Tensor, number: Tensor, space: Space) -> Direction | None:
    """The direction in w (N, w_dim) for a number known of the first of them; None where it is always the same."""
    if number.std() < STILL:
        return None
    seen = spread[: len(number)]
    order = torch.randperm(len(number), generator=torch.Generator().manual_seed(0))
    folds = [order[fold::FOLDS] for fold in range(FOLDS)]
    r, ridge = max((_held_out(seen, number, folds, ridge), ridge) for ridge in RIDGES)
    weights = _ridge(seen, number, ridge)
    # A Gaussian w has the unit matrix for its covariance; a sampled one would only add noise.
    along = spread.T @ (spread @ weights) if space.has_mapping else weights
    return Direction(one_sigma(along, spread), r)


def _held_out(w: Tensor, number: Tensor, folds: list[Tensor], ridge: float) -> float:
    """The correlation of `number` (N,) with what the other folds foretell."""
    foretold = torch.empty_like(number)
    for fold in folds:
        kept = torch.ones(len(w), dtype=torch.bool).index_fill(0, fold, False)
        foretold[fold] = w[fold] @ _ridge(w[kept], number[kept], ridge)
    r = torch.corrcoef(torch.stack([foretold, number]))[0, 1]
    return float(r.detach().nan_to_num())


def _ridge(w: Tensor, number: Tensor, ridge: float) -> Tensor:
    """Weights (w_dim,) of a ridge regression without intercept, from the smaller of the two products."""
    level = ridge * w.square().sum(1).mean() / min(w.shape) * len(w)
    if w.shape[1] <= len(w):
        return torch.linalg.solve(w.T @ w + level * torch.eye(w.shape[1]), w.T @ number)
    return w.T @ torch.linalg.solve(w @ w.T + level * torch.eye(len(w)), number)
