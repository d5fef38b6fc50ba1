"""Ways to move: a moment becomes a recipe. It knows no model and no clock.

A `Walk` is plain data, like a recipe: keys in time, and how to get from one to the next. The
functions in `WALKS` make one from a single recipe.
"""

import itertools
import json
import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Callable, Sequence

import numpy as np

from genart.drive import USUAL, Drive, Driven
from genart.errors import BadRecipe, quote
from genart.recipe import MAX_CHARACTERS, MAX_SEED, MIXES, Anchor, LayerSwap, Offset, Recipe, blend, blend_many
from genart.sound import Sound

FORMAT = 1
KEY = "genart walk"
MAX_KEYS = 64
MAX_SECONDS = 600.0
MAX_PACE = 1024
SLOWEST = 0.02  # of the mean: no step of a walk is made shorter than this, so that time still runs
SWINGS_A_SECOND = 0.25
WANDERERS = 3


# Easing: 0 .. 1 -> 0 .. 1, never back.

EASES: dict[str, Callable[[float], float]] = {
    "sine": lambda t: (1 - math.cos(math.pi * t)) / 2,
    "linear": lambda t: t,
    "in": lambda t: t * t,
    "out": lambda t: t * (2 - t),
    "in-out": lambda t: t * t * (3 - 2 * t),
    "hold": lambda t: 0.0 if t < 1 else 1.0,
}


@dataclass(frozen=True, slots=True)
class Key:
    """A recipe on the way, and how it goes on from there: for how long, with which easing and on which path.

    `path` is one of a recipe's mixes: the model's own, or straight or on the arc, in z or in w. It
    holds between keys that stand on one point each; a key that is itself a mixture is left and
    reached in the model's own way.
    """

    recipe: Recipe
    seconds: float = 4.0
    ease: str = "sine"
    path: str = "own"

    def __post_init__(self) -> None:
        if (
            isinstance(self.seconds, bool)
            or not isinstance(self.seconds, (int, float))
            or not 0.05 <= self.seconds <= MAX_SECONDS
        ):
            raise BadRecipe(f"A key's {quote(self.seconds)} seconds are out of range; use a number from 0.05 to {MAX_SECONDS:g}.")
        if not isinstance(self.ease, str) or self.ease not in EASES:
            raise BadRecipe(f"Easing {quote(self.ease)} is unknown; use one of {', '.join(EASES)}.")
        if not isinstance(self.path, str) or self.path not in MIXES:
            raise BadRecipe(f"Path {quote(self.path)} is unknown; use one of {', '.join(MIXES)}.")


@dataclass(frozen=True)
class Walk:
    """Keys in time. A loop goes on from the last to the first; a spline bends smoothly through all.

    `wander` adds a seeded swaying about the path, at rest at both ends. `pace` re-times the whole:
    entry i is the share of the way reached after the share i/n of the time. A `sound` that begins with
    the walk moves it by the matrix `drive`; where it has ended there is silence.
    """

    keys: tuple[Key, ...]
    loop: bool = False
    spline: bool = False
    wander: float = 0.0
    wander_seed: int = 0
    pace: tuple[float, ...] = ()
    sound: Sound | None = None
    drive: Drive = USUAL

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= MAX_KEYS:
            raise BadRecipe(f"A walk has 1 to {MAX_KEYS} keys; this one has {len(self.keys)}.")
        for model in (key.recipe.model for key in self.keys):
            if model != self.keys[0].recipe.model:
                raise BadRecipe(f"A walk stays with one model; this one has {self.keys[0].recipe.model!r} and {model!r}.")
        for flag in (self.loop, self.spline):
            if not isinstance(flag, bool):
                raise BadRecipe(f"loop and spline are true or false, not {quote(flag)}.")
        if isinstance(self.wander, bool) or not isinstance(self.wander, (int, float)) or not 0 <= self.wander <= 2:
            raise BadRecipe(f"wander {quote(self.wander)} is out of range; use a number from 0 to 2.")
        Anchor(self.wander_seed)
        _check_pace(self.pace)
        if self.seconds > MAX_SECONDS:
            raise BadRecipe(f"A walk lasts at most {MAX_SECONDS:g} seconds; this one lasts {self.seconds:g}.")
        length = len(self.to_json())
        if length > MAX_CHARACTERS:  # else it could be saved, and never opened again
            raise BadRecipe(f"A walk has at most {MAX_CHARACTERS} characters; this one has {length}: use fewer stored latents.")

    @property
    def model(self) -> str:
        return self.keys[0].recipe.model

    @cached_property
    def starts(self) -> tuple[float, ...]:
        """The second at which each key is reached, before any re-timing."""
        return tuple(sum(key.seconds for key in self.keys[:number]) for number in range(len(self.keys)))

    @property
    def seconds(self) -> float:
        """How long it lasts. A single key is looked at for its own time; the last of several ends the walk at once."""
        last = self.keys[-1].seconds if self.loop or len(self.keys) == 1 else 0.0
        return self.starts[-1] + last

    def at(self, seconds: float) -> Recipe:
        """The recipe of a moment; before the start and after the end it is the first and the last key, a loop goes round."""
        total = self.seconds
        second = seconds % total if self.loop else min(max(seconds, 0.0), total)
        recipe = self._on_way(self.reached(second))
        return self._driven.applied(recipe, second) if self._driven else recipe

    def moments(self, fps: float) -> list[float]:
        """The seconds of a film's frames. A loop's last frame is the one before its first comes again."""
        count = max(1, round(self.seconds * fps))
        return [self.seconds * number / count for number in range(count if self.loop else count + 1)]

    def lasting(self, seconds: float) -> "Walk":
        """The walk with every key's time drawn out or shortened alike, so that it lasts `seconds`."""
        by = seconds / self.seconds
        return replace(self, keys=tuple(replace(key, seconds=max(0.05, key.seconds * by)) for key in self.keys))

    def reached(self, second: float) -> float:
        """The second of the walk as its keys tell it, where its sound and its re-timing have brought it by `second`."""
        return self.unpaced(self._driven.moved(second) if self._driven else second)

    def unpaced(self, second: float) -> float:
        """The second of the walk as its keys tell it, for a second of the re-timed walk."""
        if not self.pace:
            return second
        steps = np.linspace(0, 1, len(self.pace))
        return float(np.interp(second / self.seconds, steps, self.pace)) * self.seconds

    def stamped(self, weights: str) -> "Walk":
        """The walk with the SHA-256 of the weights in every recipe, as files carry it."""
        return replace(self, keys=tuple(replace(key, recipe=replace(key.recipe, weights=weights)) for key in self.keys))

    def to_json(self) -> str:
        """The walk as compact JSON, defaults left out."""
        return json.dumps({KEY: FORMAT, **_without_defaults(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Walk":
        """The walk in `text`; raises BadRecipe for anything else."""
        if len(text) > MAX_CHARACTERS:
            raise BadRecipe(f"A walk has at most {MAX_CHARACTERS} characters; this one has {len(text)}.")
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise BadRecipe(f"The walk is not valid JSON ({type(error).__name__}); copy it again, whole.") from None
        return cls.from_dict(value)

    @classmethod
    def from_dict(cls, value: Any) -> "Walk":
        """The walk in parsed JSON; raises BadRecipe naming what is wrong."""
        if not isinstance(value, dict):
            raise BadRecipe(f"A walk is a JSON object, not {quote(value)}.")
        version = value.get(KEY, FORMAT)
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise BadRecipe(f"Walk format {quote(version)} is unknown; this genart reads format {FORMAT}.")
        if version > FORMAT:
            raise BadRecipe(
                f"This walk has format {version} and was made by a newer genart; "
                f"this one reads format {FORMAT}: update genart to open it."
            )
        parts = {name: item for name, item in value.items() if name != KEY}
        keys = parts.pop("keys", None)
        if not isinstance(keys, list):
            raise BadRecipe(f"A walk's keys are a list, not {quote(keys)}.")
        if "pace" in parts:
            parts["pace"] = tuple(parts["pace"]) if isinstance(parts["pace"], list) else parts["pace"]
        if parts.get("sound") is not None:
            parts["sound"] = Sound.from_dict(parts["sound"])
        if "drive" in parts:
            parts["drive"] = Drive.from_dict(parts["drive"])
        return _made(cls, {**parts, "keys": tuple(_key_of(key) for key in keys[: MAX_KEYS + 1])})

    def _on_way(self, second: float) -> Recipe:
        """The recipe of a second as the keys tell it."""
        number = int(np.searchsorted(self.starts, second, side="right")) - 1
        key = self.keys[number]
        after = self._key(number + 1)
        if after is None:
            return key.recipe
        t = EASES[key.ease](min((second - self.starts[number]) / key.seconds, 1.0))
        recipe = self._on_spline(number, t) if self.spline else _between(key, after, t)
        return self._wandered(recipe, second) if self.wander else recipe

    @cached_property
    def _driven(self) -> Driven | None:
        return Driven(self.sound, self.drive, self.seconds) if self.sound else None

    def _key(self, number: int) -> Key | None:
        """A key by its number, round and round in a loop; None past the ends of a walk that is none."""
        if self.loop:
            return self.keys[number % len(self.keys)]
        return self.keys[number] if 0 <= number < len(self.keys) else None

    def _on_spline(self, number: int, t: float) -> Recipe:
        """Between a key and the next on a cubic through all of them (Catmull & Rom 1974, on uneven times)."""
        if t in (0.0, 1.0):
            return self._recipe(number + int(t))
        shares: dict[int, float] = {}

        def add(at: int, share: float) -> None:
            at = at % len(self.keys) if self.loop else at
            shares[at] = shares.get(at, 0.0) + share

        lasts = self.keys[number].seconds
        add(number, 2 * t**3 - 3 * t**2 + 1)
        add(number + 1, 3 * t**2 - 2 * t**3)
        for at, share in ((number, t**3 - 2 * t**2 + t), (number + 1, t**3 - t**2)):
            before = at - 1 if self._key(at - 1) else at
            after = at + 1 if self._key(at + 1) else at
            span = sum(self.keys[each % len(self.keys)].seconds for each in range(before, after))
            add(after, share * lasts / span)
            add(before, -share * lasts / span)
        recipes = [self.keys[at].recipe for at in shares]
        return _on_path(blend_many(recipes, list(shares.values())), recipes, self.keys[number].path)

    def _recipe(self, number: int) -> Recipe:
        return self.keys[number % len(self.keys)].recipe

    def _wandered(self, recipe: Recipe, second: float) -> Recipe:
        """The recipe drawn towards a few other seeds, by sums of sines that are 0 at both ends of the walk."""
        random = np.random.RandomState(self.wander_seed)
        waves = np.arange(1, max(2, round(self.seconds * SWINGS_A_SECOND)) + 1)
        strengths = random.randn(WANDERERS, len(waves)) / np.sqrt(len(waves))
        shares = self.wander / WANDERERS * strengths @ np.sin(2 * np.pi * waves * second / self.seconds)
        first = recipe.anchors[0]
        towards = [replace(recipe, anchors=(Anchor(_seed(random), label=first.label),), mix="own") for _ in range(WANDERERS)]
        return replace(blend_many([recipe, *towards], [1 - float(shares.sum()), *map(float, shares)]), mix=recipe.mix)


# How a walk is read and written. Its recipes have their own format.


def _key_of(value: Any) -> Key:
    if not isinstance(value, dict):
        raise BadRecipe(f"A key is a JSON object, not {quote(value)}.")
    return _made(Key, {**value, "recipe": Recipe.from_dict(value.get("recipe"))})


def _made(kind: type, parts: dict[str, Any]) -> Any:
    known = [field.name for field in fields(kind)]
    unknown = [name for name in parts if name not in known]
    if unknown:
        raise BadRecipe(f"{kind.__name__} has no field {quote(unknown[0])}; it has {', '.join(known)}.")
    return kind(**parts)


def _without_defaults(value: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if isinstance(item, Recipe):
            kept[field.name] = {name: part for name, part in json.loads(item.to_json()).items() if name != "genart"}
        elif field.name == "keys":
            kept[field.name] = [_without_defaults(key) for key in item]
        elif item != field.default:
            kept[field.name] = _without_defaults(item) if isinstance(item, (Sound, Drive)) else item
    return kept


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _check_pace(pace: Any) -> None:
    numbers = isinstance(pace, tuple) and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in pace)
    if pace == ():
        return
    if not numbers or not 2 <= len(pace) <= MAX_PACE or pace[0] != 0 or pace[-1] != 1:
        raise BadRecipe(f"pace {quote(pace)} is no re-timing; give 2 to {MAX_PACE} numbers that rise from 0 to 1.")
    if any(later < earlier for earlier, later in itertools.pairwise(pace)):
        raise BadRecipe(f"pace {quote(pace)} goes back in time; give numbers that rise from 0 to 1.")


# Between two keys.


def _between(key: Key, after: Key, t: float) -> Recipe:
    recipes = (key.recipe, after.recipe)
    shares = (1 - t, t)
    if 0 < t < 1 and key.path.endswith("-arc") and _are_points(recipes):
        angle = t * math.pi / 2
        return _on_path(blend_many(recipes, shares, (math.cos(angle), math.sin(angle))), recipes, key.path)
    return _on_path(blend_many(recipes, shares), recipes, key.path)


def _are_points(recipes: Sequence[Recipe]) -> bool:
    return all(len(recipe.anchors) == 1 for recipe in recipes)


def _on_path(mixed: Recipe, recipes: Sequence[Recipe], path: str) -> Recipe:
    return replace(mixed, mix=path) if path != "own" and mixed not in recipes and _are_points(recipes) else mixed


# Constant visual speed.


def even(walk: Walk, picture: Callable[[Recipe], np.ndarray], *, steps: int = 96, rounds: int = 2) -> tuple[Walk, float, float]:
    """The walk re-timed so that its pictures change at one speed, and the unevenness before and after.

    `picture` renders a small preview. Unevenness is the coefficient of variation of the mean
    absolute difference from picture to picture; where the walk holds still on purpose, it is left alone.
    Its sound is not listened to: it moves the walk that has been made even.
    """
    best = replace(walk, sound=None)
    changes = _steps(best, picture, steps)
    first = least = _variation(walk, changes)
    for _ in range(rounds):
        tried = _retimed(best, changes)
        changes = _steps(tried, picture, steps)
        if _variation(tried, changes) >= least:
            break
        best, least = tried, _variation(tried, changes)
    return replace(best, sound=walk.sound), first, least


def _steps(walk: Walk, picture: Callable[[Recipe], np.ndarray], steps: int) -> np.ndarray:
    """How much the picture changes in each of `steps` equal parts of the time."""
    pictures = [picture(walk.at(walk.seconds * number / steps)).astype(np.float32) for number in range(steps + 1)]
    return np.array([float(np.abs(b - a).mean()) for a, b in itertools.pairwise(pictures)])


def _moving(walk: Walk, steps: int) -> np.ndarray:
    """Which of the steps lie in no segment that holds still."""
    middles = [walk.unpaced(walk.seconds * (number + 0.5) / steps) for number in range(steps)]
    numbers = np.searchsorted(walk.starts, middles, side="right") - 1
    return np.array([walk.keys[number].ease != "hold" for number in numbers])


def _variation(walk: Walk, changes: np.ndarray) -> float:
    moving = changes[_moving(walk, len(changes))]
    return float(moving.std() / moving.mean()) if moving.size and moving.mean() > 0 else 0.0


def _retimed(walk: Walk, changes: np.ndarray) -> Walk:
    """Every moving step gets time by how much the picture changes in it."""
    moving = _moving(walk, len(changes))
    if not moving.any() or changes[moving].mean() <= 0:
        return walk
    lasts = np.ones(len(changes))
    lasts[moving] = np.maximum(changes[moving], SLOWEST * changes[moving].mean())
    lasts[moving] *= moving.sum() / lasts[moving].sum()
    reached = np.concatenate([[0.0], np.cumsum(lasts)]) / lasts.sum()  # when each step ends, in shares of the new time
    old = np.array([walk.unpaced(walk.seconds * share) / walk.seconds for share in np.linspace(0, 1, len(changes) + 1)])
    pace = np.interp(np.linspace(0, 1, 2 * len(changes) + 1), reached, old)
    return replace(walk, pace=(0.0, *(round(float(share), 5) for share in pace[1:-1]), 1.0))


# Ready-made walks: from one recipe to a whole walk.


@dataclass(frozen=True, slots=True)
class Reach:
    """What a model offers to a walk: its layers, its classes and the names of its directions."""

    num_ws: int = 1
    num_classes: int = 0
    directions: tuple[str, ...] = ()


def _seed(random: np.random.RandomState) -> int:
    return int(random.randint(0, MAX_SEED + 1, dtype=np.uint64))


def _others(start: Recipe, count: int, salt: int) -> list[Anchor]:
    """Anchors at seeds that follow from the first anchor's."""
    random = np.random.RandomState([start.anchors[0].seed, salt])
    return [Anchor(_seed(random), label=start.anchors[0].label) for _ in range(count)]


def drift(start: Recipe) -> Callable[[float], Recipe]:
    """Away from `start` through ever new seeds, one a unit of t, without end.

    The seeds follow from the first anchor's, so the same start drifts the same way.
    """

    def key(number: int) -> Recipe:
        return replace(start, anchors=tuple(_others(start, 1, number)), mix="own") if number else start

    def walk(t: float) -> Recipe:
        number = int(max(t, 0.0))
        return blend(key(number), key(number + 1), EASES["sine"](t - number))

    return walk


def seeds(start: Recipe, reach: Reach) -> Walk:
    """From `start` through five seeds that follow from its own, and back."""
    return Walk((Key(start), *(Key(replace(start, anchors=(one,), mix="own")) for one in _others(start, 5, 1))), loop=True)


def circle(start: Recipe, reach: Reach) -> Walk:
    """The great circle of the latent sphere through the seed of `start` and one more: to both, and to their opposites."""
    here, there = replace(start.anchors[0], weight=1.0), _others(start, 1, 2)[0]
    stops = [here, there, replace(here, weight=-1.0), replace(there, weight=-1.0)]
    return Walk(tuple(Key(replace(start, anchors=(stop,), mix="z-arc"), 3.0, "linear", "z-arc") for stop in stops), loop=True)


def noise(start: Recipe, reach: Reach) -> Walk:
    """A closed smooth random path that stays near `start`: a spline through points a part of the way to other seeds."""
    points = [blend(start, replace(start, anchors=(one,), mix="own"), 0.45) for one in _others(start, 5, 3)]
    return Walk(tuple(Key(recipe, 2.0, "linear") for recipe in (start, *points)), loop=True, spline=True)


def orbit(start: Recipe, reach: Reach) -> Walk:
    """A ring round `start`, which it never touches, in a plane that two other seeds span."""
    east, north = (replace(start, anchors=(one,), mix="own") for one in _others(start, 2, 4))
    ring = []
    for number in range(8):
        x, y = (0.3 * way(math.tau * number / 8) for way in (math.cos, math.sin))
        ring.append(Key(blend_many((start, east, north), (1 - x - y, x, y)), 1.0, "linear"))
    return Walk(tuple(ring), loop=True, spline=True)


def sweep(start: Recipe, reach: Reach) -> Walk:
    """Along the first direction of `start`, or of the model: to -3 sigma, to +3 sigma, and back."""
    name = next((step.direction for step in start.offsets if step.spot is None), next(iter(reach.directions), None))
    if name is None:
        raise BadRecipe(f"{start.model!r} has no directions to sweep along; choose another walk.")
    others = tuple(step for step in start.offsets if step.direction != name or step.spot is not None)
    kept = next((step for step in start.offsets if step.direction == name and step.spot is None), Offset(name, 0.0))

    def at(sigma: float) -> Recipe:
        return replace(start, offsets=(*others, replace(kept, sigma=sigma)))

    return Walk((Key(at(0.0), 2.0), Key(at(-3.0), 4.0), Key(at(3.0), 2.0)), loop=True)


def classes(start: Recipe, reach: Reach) -> Walk:
    """Through every class in order, and back to the first; the point in latent space stays."""
    if not reach.num_classes:
        raise BadRecipe(f"{start.model!r} has no classes to tour; choose another walk.")

    def of(label: int) -> Recipe:
        return replace(start, anchors=tuple(replace(one, label=label) for one in start.anchors), all_classes=False)

    return Walk(tuple(Key(of(label), 1.5) for label in range(min(reach.num_classes, MAX_KEYS))), loop=True)


def layers(start: Recipe, reach: Reach) -> Walk:
    """Into another seed layer by layer, the coarse ones first, and out again the same way."""
    if reach.num_ws < 2:
        raise BadRecipe(f"{start.model!r} has no layers to walk through; choose another walk.")
    other = _others(start, 1, 5)[0]
    bounds = [round(reach.num_ws * part / 4) for part in range(5)]
    parts = [(first, last) for first, last in itertools.pairwise(bounds) if last > first]

    def taken(count: int) -> Recipe:
        swaps = tuple(LayerSwap(other, part, 1.0 if at < count else 0.0) for at, part in enumerate(parts))
        return replace(start, layers=start.layers + swaps)

    return Walk(tuple(Key(taken(count), 2.0) for count in (*range(len(parts) + 1), *range(1, len(parts)))), loop=True)


WALKS: dict[str, Callable[[Recipe, Reach], Walk]] = {
    "seeds": seeds,
    "circle": circle,
    "noise": noise,
    "orbit": orbit,
    "sweep": sweep,
    "classes": classes,
    "layers": layers,
}
