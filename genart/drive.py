"""The matrix by which a sound moves a recipe: which of its rows moves what, and how much. It knows no walk.

Everything here is a pure function of plain data, so a walk that carries a sound can be scrubbed, played and filmed.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Sequence

import numpy as np

from genart.errors import BadRecipe, quote
from genart.recipe import MAX_PARTS, Anchor, Offset, Recipe
from genart.sound import ROWS, Sound

COLUMNS = ("speed", "psi", "first", "second", "noise", "class")
PSI_REACH, SIGMA_REACH, NOISE_REACH = 0.6, 3.0, 2.0  # what an amount of 1 adds at the loudest
RELEASE = 1.5  # seconds in which a fully smoothed row falls to a third
ATTACK = 0.3  # seconds in which it rises
STEPS_A_SECOND = 50  # of the movement along the walk


@dataclass(frozen=True, slots=True)
class Drive:
    """`amounts` of (row, column, -1 .. 1), each cell once; `smoothing` of (row, 0 .. 1).

    "speed" is how much of the movement along the walk is the sound's, "first" and "second" are the two
    `directions`, "class" is the share of class `label`. An amount below 0 takes away, or moves in the pauses.
    """

    amounts: tuple[tuple[str, str, float], ...] = ()
    smoothing: tuple[tuple[str, float], ...] = ()
    directions: tuple[str, ...] = ()
    label: int = 0

    def __post_init__(self) -> None:
        cells = [cell[:2] for cell in self.amounts if isinstance(cell, tuple) and len(cell) == 3]
        if len(cells) < len(self.amounts) or any(row not in ROWS or column not in COLUMNS for row, column in cells):
            raise BadRecipe(f"amounts {quote(self.amounts)} are no matrix; give a row, a column and a number each.")
        rows = [pair[0] for pair in self.smoothing if isinstance(pair, tuple) and len(pair) == 2]
        if len(rows) < len(self.smoothing) or any(row not in ROWS for row in rows):
            raise BadRecipe(f"smoothing {quote(self.smoothing)} is no list of a row and a number each.")
        if len(set(cells)) < len(cells) or len(set(rows)) < len(rows):
            raise BadRecipe("A cell of the sound's matrix is given twice; give each once.")
        for *_, amount in self.amounts:
            _number(amount, "amount", -1, 1)
        for _, smooth in self.smoothing:
            _number(smooth, "smoothing", 0, 1)
        if len(self.directions) > 2:
            raise BadRecipe(f"A sound moves at most 2 directions; this one moves {len(self.directions)}.")
        for name in self.directions:
            Offset(name, 0.0)
        Anchor(label=self.label)

    @classmethod
    def from_dict(cls, value: Any) -> "Drive":
        """The matrix in parsed JSON; raises BadRecipe."""
        known = [field.name for field in fields(cls)]
        lists = isinstance(value, dict) and all(isinstance(value.get(name, []), list) for name in known[:-1])
        if not lists or any(name not in known for name in value) or not isinstance(value.get("label", 0), int):
            raise BadRecipe(f"{quote(value)} is no matrix of a sound; it has {', '.join(known)}.")
        return cls(**{name: _tuples(part) for name, part in value.items()})


@dataclass(frozen=True)
class Driven:
    """A sound, its matrix and the seconds of the walk that they move: recipes go in and come out moved."""

    sound: Sound
    drive: Drive
    seconds: float

    def moved(self, second: float) -> float:
        """The second of the walk reached at `second`: 0 and the end stay, what lies between follows the sound.

        With amounts of 1 in all it stands still in silence; with less, the rest goes on evenly.
        """
        reached = self._reached
        return second if reached is None else float(np.interp(second, *reached))

    def applied(self, recipe: Recipe, second: float) -> Recipe:
        """The recipe as the sound has it at `second`; itself where the sound does nothing."""
        by = {column: self.at(column, second) for column in COLUMNS[1:]}
        if by["psi"]:
            recipe = replace(recipe, psi=min(max(recipe.psi + PSI_REACH * by["psi"], -2.0), 2.0))
        for column, name in zip(("first", "second"), self.drive.directions, strict=False):
            if by[column]:
                recipe = replace(recipe, offsets=_stepped(recipe.offsets, name, SIGMA_REACH * by[column]))
        if by["noise"]:
            strength = min(max(recipe.noise.strength + NOISE_REACH * by["noise"], 0.0), 4.0)
            recipe = replace(recipe, noise=replace(recipe.noise, strength=strength))
        if by["class"] > 0:
            share = min(by["class"], 1.0)
            recipe = replace(recipe, anchors=tuple(_of_class(one, self.drive.label, share) for one in recipe.anchors))
        return recipe

    def at(self, column: str, second: float) -> float:
        """How much the sound moves a column at `second`: its rows by their amounts, 0 outside the sound."""
        cells = [(row, amount) for row, into, amount in self.drive.amounts if into == column and amount]
        return float(sum(amount * self._row(row, second) for row, amount in cells))

    def _row(self, row: str, second: "float | np.ndarray") -> "float | np.ndarray":
        values = self._smoothed[ROWS.index(row)]
        moments = (np.arange(len(values)) + 0.5) / self.sound.rate
        return np.interp(second, moments, values, left=0.0, right=0.0)

    @cached_property
    def _smoothed(self) -> np.ndarray:
        smoothing = dict(self.drive.smoothing)
        return np.stack(
            [
                smoothed(values, smoothing.get(row, 0.0), self.sound.rate)
                for row, values in zip(ROWS, self.sound.values(), strict=True)
            ]
        )

    @cached_property
    def _reached(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Moments, and the second of the walk that each has reached; None where the sound has no say."""
        cells = [(row, amount) for row, into, amount in self.drive.amounts if into == "speed" and amount]
        if not cells:
            return None
        moments = np.linspace(0, self.seconds, max(2, round(self.seconds * STEPS_A_SECOND) + 1))
        middles = (moments[:-1] + moments[1:]) / 2
        rows = [(self._row(row, middles), amount) for row, amount in cells]
        speed = sum(amount * values if amount > 0 else -amount * (1 - values) for values, amount in rows)
        way = np.concatenate([[0.0], np.cumsum(speed)])
        share = min(1.0, sum(abs(amount) for _, amount in cells))
        driven = way / way[-1] * self.seconds if way[-1] > 1e-6 else np.zeros_like(way)
        return moments, (1 - share) * moments + share * driven


def smoothed(values: np.ndarray, amount: float, rate: float) -> np.ndarray:
    """Values that fall slowly and rise softly: a peak is held and decays, and an average takes the edge off its rise."""
    if amount <= 0:
        return values
    fall = 1 / (RELEASE * amount**2 * rate)  # in nepers a value
    at = np.arange(len(values)) * fall
    held = np.exp(np.maximum.accumulate(np.log(np.maximum(values, 1e-9)) + at) - at)
    width = 2 * int(ATTACK * amount**2 * rate / 2) + 1
    soft = np.convolve(np.pad(held, width // 2, mode="edge"), np.full(width, 1 / width), mode="valid")
    return np.where(soft < 1e-4, 0.0, soft)


def _stepped(offsets: Sequence[Offset], name: str, sigma: float) -> tuple[Offset, ...]:
    """The offsets with `sigma` more along a direction."""
    kept = next((at for at, one in enumerate(offsets) if (one.direction, one.layers, one.spot) == (name, None, None)), None)
    if kept is None:
        return (*offsets, Offset(name, sigma)) if len(offsets) < MAX_PARTS else tuple(offsets)
    step = replace(offsets[kept], sigma=min(max(offsets[kept].sigma + sigma, -20.0), 20.0))
    return (*offsets[:kept], step, *offsets[kept + 1 :])


def _of_class(anchor: Anchor, label: int, share: float) -> Anchor:
    """The anchor with a share of a class, and of its own classes what is left."""
    own = ((anchor.label or 0, 1.0),) if anchor.label is None or isinstance(anchor.label, int) else anchor.label
    total = sum(each for _, each in own)
    shares = {index: each / total * (1 - share) for index, each in own}
    shares[label] = shares.get(label, 0.0) + share
    most = sorted(shares.items(), key=lambda pair: -pair[1])[:MAX_PARTS]
    return replace(anchor, label=tuple(sorted(most)) if len(most) > 1 else most[0][0])


def _number(value: Any, name: str, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadRecipe(f"{name} {quote(value)} is out of range; use a number from {low:g} to {high:g}.")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


# What a walk begins with: it moves with the sound, and the low notes make it wilder.
USUAL = Drive(
    (("onset", "speed", 0.5), ("loudness", "speed", 0.5), ("low", "psi", 0.35)),
    (("onset", 0.4), ("loudness", 0.4), ("low", 0.4), ("mid", 0.4), ("high", 0.4)),
)
