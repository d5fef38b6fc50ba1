"""A recipe: everything that decides a picture, as plain data. It knows no model and no torch.

Recipes are frozen and compare by value, so they serve as cache keys, undo steps, links and
provenance. They are checked when they are made: a `Recipe` that exists can be rendered, or
the model it names says why not.
"""

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, fields, replace
from typing import Any, Sequence, TypeAlias

import numpy as np

from genart.errors import BadRecipe, quote

FORMAT = 1
MAX_CHARACTERS = 262_144
MAX_DEPTH = 8
MAX_PARTS = 64
MAX_STEPS = 8  # each may take a tenth of a second, and nobody else is served meanwhile
MAX_SEED = 2**32 - 1
MAX_VALUE = 1e4
HALF = "16"  # after the space of a stored latent: its numbers are float16
MIXES = ("own", "z", "z-arc", "w", "w-arc")

Label: TypeAlias = int | tuple[tuple[int, float], ...] | None
Layers: TypeAlias = tuple[int, int] | None


# Checks. Each quotes the value and gives the range.


def _number(value: Any, name: str, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadRecipe(f"{name} {quote(value)} is out of range; use a number from {low:g} to {high:g}.")


def _whole(value: Any, name: str, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRecipe(f"{name} {quote(value)} is out of range; use a whole number from {low} to {high}.")


def _name(value: Any, what: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable():
        raise BadRecipe(f"{what} {quote(value)} is no name; use 1 to 200 printable characters.")


def _layers(value: Any) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise BadRecipe(f"layers {quote(value)} are no range; give the first layer and the one after the last.")
    _whole(value[0], "first layer", 0, 63)
    _whole(value[1], "end layer", value[0] + 1, 64)


def _spot(value: Any) -> None:
    if not isinstance(value, tuple) or len(value) != 3:
        raise BadRecipe(f"spot {quote(value)} is no place; give x, y and a radius, in shares of the picture's side.")
    for number, name, low in zip(value, ("spot x", "spot y", "spot radius"), (0, 0, 0.001), strict=True):
        _number(number, name, low, 1)


def _label(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple):
        _whole(value, "label", 0, 100_000)
        return
    if not value or not _are_pairs(value):
        raise BadRecipe(f"label {quote(value)} is no class mix; give pairs of a class and its share.")
    for index, share in value:
        _whole(index, "label", 0, 100_000)
        _number(share, "label share", 0, 1000)
    if sum(share for _, share in value) <= 1e-6:
        raise BadRecipe(f"label {quote(value)} has no share above 0; raise the share of one class.")


def _depth(value: Any) -> int:
    """Levels of nesting, counted to one past the limit and no further."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        items = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list)))
        level, depth = [inner for item in items for inner in item], depth + 1
    return depth


def _are_pairs(value: Any) -> bool:
    pairs = isinstance(value, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    return pairs and len(value) <= MAX_PARTS


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(letter in "0123456789abcdef" for letter in value)


@dataclass(frozen=True, slots=True)
class Anchor:
    """One point's share of a picture: a seed, or a stored latent that replaces it.

    `vector` is text made by `pack_vector`. `label` is a class index, or several classes with
    shares. Weights are relative; they are normalised when the picture is made.
    """

    seed: int = 0
    weight: float = 1.0
    label: Label = None
    vector: str | None = None

    def __post_init__(self) -> None:
        _whole(self.seed, "seed", 0, MAX_SEED)
        _number(self.weight, "weight", -100, 100)
        _label(self.label)
        if self.vector is not None:
            unpack_vector(self.vector)


@dataclass(frozen=True, slots=True)
class Offset:
    """A step of `sigma` standard deviations along a direction, on layers `[first, last)`.

    `spot` is (x, y, radius) in shares of the picture's side: where a latent is itself a small
    picture, the step is painted there alone, and has half its strength at the radius. `vector` is
    text made by `pack_vector`, one standard deviation of w: a direction that was learnt or brought
    along, of which `direction` is then only the name.
    """

    direction: str
    sigma: float
    layers: Layers = None
    spot: tuple[float, float, float] | None = None
    vector: str | None = None

    def __post_init__(self) -> None:
        _name(self.direction, "direction")
        _number(self.sigma, "sigma", -20, 20)
        if self.layers is not None:
            _layers(self.layers)
        if self.spot is not None:
            _spot(self.spot)
        if self.vector is not None and unpack_vector(self.vector)[0] != "w":
            raise BadRecipe(f"The vector of direction {quote(self.direction)} is not in w; store it with pack_vector in w.")


@dataclass(frozen=True, slots=True)
class LayerSwap:
    """Style mixing: layers `[first, last)` are taken from another anchor, by `share` in 0 .. 1."""

    anchor: Anchor
    layers: tuple[int, int]
    share: float = 1.0

    def __post_init__(self) -> None:
        _layers(self.layers)
        _number(self.share, "share", 0, 1)


@dataclass(frozen=True, slots=True)
class Noise:
    """Per-pixel noise of the synthesis network: the stored pattern, a seeded one, or none."""

    mode: str = "const"
    seed: int = 0
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.mode not in ("const", "random", "none"):
            raise BadRecipe(f"Noise mode {quote(self.mode)} is unknown; use const, random or none.")
        _whole(self.seed, "noise seed", 0, MAX_SEED)
        _number(self.strength, "noise strength", 0, 4)


@dataclass(frozen=True, slots=True)
class Step:
    """A named picture-to-picture step with its parameters, applied after synthesis."""

    name: str
    parameters: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        _name(self.name, "finishing step")
        if not _are_pairs(self.parameters):
            raise BadRecipe(f"parameters {quote(self.parameters)} are no list of a name and a number each.")
        for key, value in self.parameters:
            _name(key, "parameter")
            _number(value, key, -1e6, 1e6)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to render. `weights` is the SHA-256 of the weights that first rendered it, if known.

    `all_classes` shows the point in every class at once, side by side: a whole alphabet.
    `controls` are numbers that only some families offer, by name; one left out is 0.
    `mix` says where several anchors are mixed: as the model does by itself, or straight ("z", "w")
    or on the arc round the middle ("z-arc", "w-arc"), where weights below 0 lead to the other side.
    """

    model: str
    anchors: tuple[Anchor, ...] = (Anchor(),)
    psi: float = 0.7
    psi_cutoff: int | None = None
    offsets: tuple[Offset, ...] = ()
    layers: tuple[LayerSwap, ...] = ()
    noise: Noise = Noise()
    finish: tuple[Step, ...] = ()
    weights: str | None = None
    all_classes: bool = False
    controls: tuple[tuple[str, float], ...] = ()
    mix: str = "own"

    def __post_init__(self) -> None:
        _name(self.model, "model")
        if self.mix not in MIXES:
            raise BadRecipe(f"mix {quote(self.mix)} is unknown; use own, z, z-arc, w or w-arc.")
        if not isinstance(self.all_classes, bool):
            raise BadRecipe(f"all_classes {quote(self.all_classes)} is neither true nor false.")
        _number(self.psi, "psi", -2, 2)
        if self.psi_cutoff is not None:
            _whole(self.psi_cutoff, "psi cutoff", 0, 64)
        for part, most in (("anchors", MAX_PARTS), ("offsets", MAX_PARTS), ("layers", MAX_PARTS), ("finish", MAX_STEPS)):
            if len(getattr(self, part)) > most:
                raise BadRecipe(f"A recipe holds at most {most} {part}; this one has {len(getattr(self, part))}.")
        if not self.anchors:
            raise BadRecipe("A recipe needs at least one anchor; this one has none.")
        if _total(self) <= 1e-6:
            raise BadRecipe("The weights of a recipe's anchors must add up to more than 0.")
        if self.weights is not None and not _is_sha256(self.weights):
            raise BadRecipe(f"weights {quote(self.weights)} is no SHA-256; it has 64 hexadecimal digits.")
        if not _are_pairs(self.controls) or len({key for key, _ in self.controls}) < len(self.controls):
            raise BadRecipe(f"controls {quote(self.controls)} are no list of a name, each once, and its number.")
        for key, value in self.controls:
            _name(key, "control")
            _number(value, key, -MAX_VALUE, MAX_VALUE)
        length = len(self.to_json())
        if length > MAX_CHARACTERS:  # else it could be saved, and never opened again
            raise BadRecipe(f"A recipe has at most {MAX_CHARACTERS} characters; this one has {length}: use fewer stored latents.")

    def to_json(self) -> str:
        """The recipe as compact JSON, defaults left out."""
        return json.dumps({"genart": FORMAT, **_without_defaults(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe in `text`; raises BadRecipe for anything else."""
        if len(text) > MAX_CHARACTERS:
            raise BadRecipe(f"A recipe has at most {MAX_CHARACTERS} characters; this one has {len(text)}.")
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise BadRecipe(f"The recipe is nested too deeply; a recipe made here has at most {MAX_DEPTH} levels.") from None
        except ValueError as error:
            raise BadRecipe(f"The recipe is not valid JSON ({error}); copy it again, whole.") from None
        return cls.from_dict(value)

    @classmethod
    def from_dict(cls, value: Any) -> "Recipe":
        """The recipe in parsed JSON; raises BadRecipe naming the field that is wrong."""
        if _depth(value) > MAX_DEPTH:
            raise BadRecipe(f"The recipe is nested too deeply; a recipe made here has at most {MAX_DEPTH} levels.")
        if not isinstance(value, dict):
            raise BadRecipe(f"A recipe is a JSON object, not {quote(value)}.")
        version = value.get("genart", FORMAT)
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise BadRecipe(f"Recipe format {quote(version)} is unknown; this genart reads format {FORMAT}.")
        if version > FORMAT:
            raise BadRecipe(
                f"This recipe has format {version} and was made by a newer genart; "
                f"this one reads format {FORMAT}: update genart to open it."
            )
        return _build(cls, {key: item for key, item in value.items() if key != "genart"})

    def to_text(self) -> str:
        """The recipe as a short word for links: letters, digits, `-` and `_`."""
        packed = zlib.compress(self.to_json().encode(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "Recipe":
        """The recipe in a word made by `to_text`."""
        try:
            inflate = zlib.decompressobj()
            plain = inflate.decompress(_from_base64(text), MAX_CHARACTERS + 1)
            return cls.from_json(plain.decode())
        except (zlib.error, binascii.Error, UnicodeDecodeError, ValueError):
            raise BadRecipe(f"The link {quote(text)} is damaged; copy it again, whole.") from None


def blend(a: Recipe, b: Recipe, t: float) -> Recipe:
    """The recipe a share `t` in 0 .. 1 of the way from `a` to `b`; ends are exactly `a` and `b`."""
    return blend_many((a, b), (1 - min(max(t, 0.0), 1.0), min(max(t, 0.0), 1.0)))


def blend_many(recipes: Sequence[Recipe], shares: Sequence[float], anchor_shares: Sequence[float] | None = None) -> Recipe:
    """The mixture of recipes by `shares` that add up to 1; the anchors alone by `anchor_shares`, if they are given.

    A share may lie below 0, as on a spline. What has no between comes from the recipe with the
    greatest share, which is the mixture itself where it has all of it.
    """
    for recipe in recipes:
        if recipe.model != recipes[0].model:
            raise BadRecipe(
                f"Recipes of two models, {recipes[0].model!r} and {recipe.model!r}, cannot be blended; choose one model."
            )
    nearest = recipes[max(range(len(recipes)), key=lambda index: shares[index])]
    if all(recipe == nearest or abs(share) < 1e-9 for recipe, share in zip(recipes, shares, strict=True)):
        return nearest
    parts = [(recipe, share) for recipe, share in zip(recipes, shares, strict=True) if abs(share) >= 1e-9]
    points = parts if anchor_shares is None else list(zip(recipes, anchor_shares, strict=True))
    return replace(
        nearest,
        anchors=_blend_anchors(points),
        psi=_within(sum(share * recipe.psi for recipe, share in parts), -2, 2),
        offsets=_blend_offsets(parts),
        layers=_blend_swaps(parts),
        noise=replace(nearest.noise, strength=_within(sum(share * recipe.noise.strength for recipe, share in parts), 0, 4)),
        finish=_blend_finish(nearest, parts),
        controls=_blend_controls(parts),
    )


def pack_vector(values: np.ndarray, space: str, *, half: bool = False) -> str:
    """A latent as text: `values` of shape (dim,) or (num_ws, dim) in `space` "z" or "w".

    Numbers are float32, or float16 where `half` asks for half the room: an error of 1 in 2000, for
    latents of thousands of numbers.
    """
    rows = np.atleast_2d(np.asarray(values)).astype("<f2" if half else "<f4")
    packed = base64.urlsafe_b64encode(rows.tobytes()).decode().rstrip("=")
    return f"{space}{HALF if half else ''}.{rows.shape[0]}.{packed}"


def unpack_vector(text: str) -> tuple[str, np.ndarray]:
    """The space ("z" or "w") and the float32 values (rows, dim) of a packed latent."""
    try:
        space, rows, packed = text.split(".")
        half = space.endswith(HALF)
        values = np.frombuffer(_from_base64(packed), dtype="<f2" if half else "<f4").reshape(int(rows), -1)
    except (ValueError, AttributeError, binascii.Error):
        raise BadRecipe(f"The stored latent {quote(text)} is damaged; copy it again, whole.") from None
    space = space.removesuffix(HALF)
    if space not in ("z", "w"):
        raise BadRecipe(f"The stored latent {quote(text)} is in no known space; it begins with z or w.")
    if not values.size or not np.isfinite(values).all() or np.abs(values).max() > MAX_VALUE:
        raise BadRecipe(f"The stored latent {quote(text)} holds a number that is not finite or beyond {MAX_VALUE:g}.")
    return space, values.astype("<f4", copy=False)


def seeds_of(text: str) -> list[int]:
    """The seeds in a list such as "1,4,10-15", in order."""
    seeds: list[int] = []
    for part in filter(None, (part.strip() for part in str(text).split(","))):
        bounds = re.fullmatch(r"(\d{1,20})(?:-(\d{1,20}))?", part)
        if not bounds:
            raise BadRecipe(f"Seeds {quote(text)} cannot be read at {quote(part)}; write whole numbers such as 1,4,10-15.")
        low, high = int(bounds[1]), int(bounds[2] or bounds[1])
        _whole(low, "seed", 0, MAX_SEED)
        _whole(high, "seed", low, MAX_SEED)
        if len(seeds) + high - low >= 10_000:
            raise BadRecipe(f"Seeds {quote(text)} are more than 10000 pictures; ask for fewer at once.")
        seeds.extend(range(low, high + 1))
    if not seeds:
        raise BadRecipe(f"Seeds {quote(text)} name no seed; write whole numbers such as 1,4,10-15.")
    return seeds


# How a recipe is read and written: the field's own type decides, so a new field needs nothing here.

_PARTS: dict[str, type] = {"anchors": Anchor, "offsets": Offset, "layers": LayerSwap, "finish": Step}


def _build(kind: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise BadRecipe(f"{kind.__name__} is a JSON object, not {quote(value)}.")
    known = {field.name for field in fields(kind)}
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise BadRecipe(f"{kind.__name__} has no field {quote(unknown[0])}; it has {', '.join(sorted(known))}.")
    try:
        return kind(**{key: _field(kind, key, item) for key, item in value.items()})
    except TypeError as error:
        raise BadRecipe(f"{kind.__name__} {quote(value)} is incomplete or of the wrong type ({error}).") from None


def _field(kind: type, key: str, value: Any) -> Any:
    if kind is Recipe and key in _PARTS:
        if not isinstance(value, list):
            raise BadRecipe(f"The recipe's {key} is a list, not {quote(value)}.")
        return tuple(_build(_PARTS[key], item) for item in value[: MAX_PARTS + 1])
    if key == "noise":
        return _build(Noise, value)
    if key == "anchor":
        return _build(Anchor, value)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _without_defaults(value: Any) -> dict[str, Any]:
    kept = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if item == field.default and field.name not in ("model", "anchors"):
            continue
        if isinstance(item, tuple) and item and hasattr(item[0], "__dataclass_fields__"):
            item = [_without_defaults(part) for part in item]
        elif hasattr(item, "__dataclass_fields__"):
            item = _without_defaults(item)
        kept[field.name] = item
    return kept


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number a recipe may hold")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


# Blending, part by part. A part that only one side has fades in or out.

_Parts: TypeAlias = Sequence[tuple[Recipe, float]]


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _total(recipe: Recipe) -> float:
    """What the weights of a recipe's anchors are shares of."""
    arc = recipe.mix.endswith("-arc")
    return sum(abs(anchor.weight) if arc else anchor.weight for anchor in recipe.anchors)


def _blend_anchors(parts: _Parts) -> tuple[Anchor, ...]:
    shares: dict[Anchor, float] = {}
    for recipe, share in parts:
        total = _total(recipe)
        for anchor in recipe.anchors:
            point = replace(anchor, weight=1.0)
            shares[point] = shares.get(point, 0.0) + share * anchor.weight / total
    return tuple(replace(point, weight=_within(share, -100, 100)) for point, share in shares.items())


def _blend_offsets(parts: _Parts) -> tuple[Offset, ...]:
    sigmas: dict[Offset, float] = {}
    for recipe, share in parts:
        for offset in recipe.offsets:
            along = replace(offset, sigma=0.0)
            sigmas[along] = sigmas.get(along, 0.0) + share * offset.sigma
    return tuple(replace(along, sigma=_within(sigma, -20, 20)) for along, sigma in sigmas.items())


def _blend_swaps(parts: _Parts) -> tuple[LayerSwap, ...]:
    """Swaps are applied one after another, each to what the ones before it left: the earlier of two on the
    same layers gets more than its share, so that both arrive at theirs whatever their order."""
    first = parts[0][0].layers
    if all(recipe.layers == first for recipe, _ in parts):
        return first
    wanted: dict[LayerSwap, float] = {}
    for recipe, share in parts:
        for swap in recipe.layers:
            target = replace(swap, share=0.0)
            wanted[target] = _within(wanted.get(target, 0.0) + share * swap.share, 0, 1)
    swaps: list[LayerSwap] = []
    left: dict[tuple[int, int], float] = {}
    for target, share in reversed(wanted.items()):
        rest = left.get(target.layers, 1.0)
        swaps.insert(0, replace(target, share=_within(share / rest, 0, 1) if rest > 1e-9 else 0.0))
        left[target.layers] = rest - share
    return tuple(swaps)


def _blend_controls(parts: _Parts) -> tuple[tuple[str, float], ...]:
    names = dict.fromkeys(name for recipe, _ in parts for name, _ in recipe.controls)
    return tuple((name, sum(share * dict(recipe.controls).get(name, 0.0) for recipe, share in parts)) for name in names)


def _blend_finish(nearest: Recipe, parts: _Parts) -> tuple[Step, ...]:
    """Where all have the same steps with the same parameters, these move too, within the values met."""
    kinds = [[(step.name, [key for key, _ in step.parameters]) for step in recipe.finish] for recipe, _ in parts]
    if any(kind != kinds[0] for kind in kinds):
        return nearest.finish
    return tuple(
        Step(
            step.name,
            tuple(
                (key, _mean([(recipe.finish[at].parameters[number][1], share) for recipe, share in parts]))
                for number, (key, _) in enumerate(step.parameters)
            ),
        )
        for at, step in enumerate(nearest.finish)
    )


def _mean(values: Sequence[tuple[float, float]]) -> float:
    every = [value for value, _ in values]
    return _within(sum(value * share for value, share in values), min(every), max(every))
