"""A chain of layers, from a few numbers to a square picture, read off names and shapes. It knows no numbers.

Files that begin with a linear layer have no layout in common; what they share is the order of their
layers. Strides and paddings, which no weight can tell, are those that lead to a usual size. In a
Sequential, numbers left out are layers without weights: they say where an activation stands.
"""

import math
import re
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Iterator, Mapping, Sequence

from genart.families.base import Config, Shapes

LEAST_SIDE = 8
USUAL = (28, 32, 64, 16, 48, 96, 128, 256, 512)
FLAT_STEP = 4  # sides of pictures from a last linear layer are its multiples: 100 numbers are classes, not 10 x 10 pixels
COLOURS = (1, 3, 4)
MOST_WAYS = 20_000
NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
OTHERS = re.compile(r"(^|\.)(enc\w*|disc\w*|critic\w*|netD|D|inference\w*)(\.|$)", re.IGNORECASE)
HEADS = re.compile(r"(mu|mean|log_?var|var|log_?sigma|sigma|log_?std|std)\d*$", re.IGNORECASE)
DECODER = re.compile(r"(^|\.)dec\w*(\.|$)", re.IGNORECASE)
EMBEDDING = re.compile(r"(label|class|cond|emb)\w*$", re.IGNORECASE)
TRANSPOSED = re.compile(r"(de_?conv|conv_?t|t_?conv|trans|up)", re.IGNORECASE)
BARE_NECKS = re.compile(r"(decoder_input|layers\.0\.0|l1\.0)$")  # collections that put nothing between this and the square

Step = tuple[int, int, int]
"""Stride, padding and output padding of a transposed convolution."""


@dataclass(frozen=True, slots=True)
class Op:
    """One thing done on the way: `kind` is linear, conv, transposed, norm, act, double, square or flat.

    `name` is the module with its weights; `shape` what `square` makes; `step` a transposed convolution's.
    """

    kind: str
    name: str = ""
    shape: tuple[int, int, int] = (0, 0, 0)
    step: Step = (1, 0, 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """The way from z to a picture (C, side, side)."""

    ops: tuple[Op, ...]
    inputs: int
    channels: int
    side: int
    decoder: bool
    label: str = ""


def layouts(shapes: Shapes, config: Config) -> Iterator[Layout]:
    """The ways to read the shapes as a generator, the likeliest first; an empty iterator for anything else."""
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        prefix, _, part = name.rpartition(".")
        modules.setdefault(prefix, {})[part] = tuple(shape)
    if not all(set(parts) <= NORM for parts in modules.values()):
        return
    label = next((name for name, parts in modules.items() if _is_embedding(name, parts)), "")
    own = {name: parts for name, parts in modules.items() if name != label and not OTHERS.search(name)}
    heads = [name for name in own if HEADS.search(name.split(".")[-1])] + _numbered_heads(own)
    decoder = bool(heads) or any(map(DECODER.search, own))
    rest = {name: parts for name, parts in own.items() if name not in heads}
    natural = sorted(rest, key=_as_counted)
    for order in [natural, list(rest)]:
        starts = [place for place, name in enumerate(order) if _kind(rest[name]) == "linear"]
        for start in starts if heads else starts[:1]:
            if start and not heads:
                continue
            layout = _Reader(order[start:], rest, config, decoder, label).layout()
            if layout is not None:
                yield layout


def _is_embedding(name: str, parts: Mapping[str, tuple[int, ...]]) -> bool:
    return set(parts) == {"weight"} and len(parts["weight"]) == 2 and EMBEDDING.search(name) is not None


def _numbered_heads(modules: Mapping[str, Mapping[str, tuple[int, ...]]]) -> list[str]:
    """fc21 and fc22 beside each other, of one shape, are the two ends of an encoder; fc1, fc2 lead to fc31 and fc32."""
    for name, parts in modules.items():
        match = re.fullmatch(r"(.*[A-Za-z_])(\d+)1", name)
        if match and modules.get(f"{match[1]}{match[2]}2", {}).get("weight") == parts.get("weight"):
            before = {f"{match[1]}{number}" for number in range(int(match[2]) + 1)} & set(modules)
            return [name, f"{match[1]}{match[2]}2", *before]
    return []


def _kind(parts: Mapping[str, tuple[int, ...]]) -> str:
    if "running_mean" in parts:
        return "norm"
    return {2: "linear", 4: "conv"}.get(len(parts.get("weight", ())), "?")


def _as_counted(name: str) -> list[tuple[int, int, str]]:
    """Names as a person counts: fc2 before fc10, and what has a number before what has a word."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]


@dataclass(slots=True)
class _Reader:
    """Follows layers in one order; `layout` is None where they do not chain to a picture."""

    order: Sequence[str]
    modules: Mapping[str, Mapping[str, tuple[int, ...]]]
    config: Config
    decoder: bool
    label: str
    ops: list[Op] = field(default_factory=list)
    flat: int = 0
    channels: int = 0  # 0 while the numbers are flat
    choices: list[tuple[int, Sequence[Step | bool]]] = field(default_factory=list)

    def layout(self) -> Layout | None:
        if not self.order or _kind(self.modules[self.order[0]]) != "linear":
            return None
        inputs = self.modules[self.order[0]]["weight"][1]
        self.flat = inputs
        for place, name in enumerate(self.order):
            if not self._take(place, name):
                return None
        picture = self._picture()
        if picture is None or picture[1] < LEAST_SIDE or inputs >= picture[0] * picture[1] ** 2 or len(self.order) < 2:
            return None
        return Layout(tuple(self.ops), inputs, *picture, self.decoder, self.label)

    def _take(self, place: int, name: str) -> bool:
        parts = self.modules[name]
        slots = self._slots(place)
        match _kind(parts):
            case "norm":
                return self._take_norm(name, parts["running_mean"][0], slots or 0)
            case "linear":
                return self._take_linear(name, parts["weight"], slots)
            case "conv":
                return self._take_conv(place, name, parts["weight"], slots)
        return False

    def _take_norm(self, name: str, width: int, slots: int) -> bool:
        if not self.ops:
            return False
        squares = not self.channels and width != self.flat
        if slots > squares:  # one of the slots makes the square
            self.ops.append(Op("act"))
        if squares and not self._square(width):
            return False
        self.ops.append(Op("norm", name))
        return width == (self.channels or self.flat)

    def _take_linear(self, name: str, shape: tuple[int, ...], slots: int | None) -> bool:
        if self.ops and slots != 0 and self.ops[-1].kind != "act":
            self.ops.append(Op("act"))
        self.ops.append(Op("linear", name))
        fits = not self.channels and shape[1] == self.flat
        self.flat = shape[0]
        return fits

    def _take_conv(self, place: int, name: str, shape: tuple[int, ...], slots: int | None) -> bool:
        first, second, kernel, other = shape
        transposed = self._is_transposed(name, first, second, kernel)
        inside, outside = (first, second) if transposed else (second, first)
        if kernel != other or not self.ops or (not transposed and kernel % 2 == 0):
            return False
        opens = len(self.ops) > 1 and (self.ops[-2].kind, self.ops[-1].kind) == ("square", "norm")
        only_doubles = opens and slots == 1 and not transposed
        if not only_doubles and self._acts_before(place, slots) and self.ops[-1].kind != "act":
            self.ops.append(Op("act"))
        if (not self.channels and not self._square(inside)) or inside != self.channels:
            return False
        if transposed:
            self.choices.append((len(self.ops), _steps(kernel, place == len(self.order) - 1)))
        else:
            doubles = only_doubles or (slots or 0) >= 2
            self.choices.append((len(self.ops), [doubles, not doubles]))
            self.ops.append(Op("double"))
        self.ops.append(Op("transposed" if transposed else "conv", name))
        self.channels = outside
        return True

    def _acts_before(self, place: int, slots: int | None) -> bool:
        if slots is None:
            return bool(self.channels) or BARE_NECKS.search(self.order[place - 1]) is None
        return slots >= (1 if self.channels else 2)  # one of them makes the square

    def _is_transposed(self, name: str, first: int, second: int, kernel: int) -> bool:
        inside = self.channels
        fits = [_squares(self.flat, width) if not inside else width == inside for width in (first, second)]
        if fits[0] != fits[1]:
            return fits[0]
        alike = any(op.kind == "transposed" and self.modules[op.name]["weight"][2] == kernel for op in self.ops)
        return alike or kernel % 2 == 0 or TRANSPOSED.search(name) is not None or (self.decoder and not inside)

    def _square(self, channels: int) -> bool:
        if not _squares(self.flat, channels):
            return False
        side = math.isqrt(self.flat // channels)
        self.ops.append(Op("square", shape=(channels, side, side)))
        self.channels = channels
        return True

    def _slots(self, place: int) -> int | None:
        """Layers without weights between this one and the one before, where numbers in one container tell."""
        if not place:
            return None
        before, here = (re.fullmatch(r"(.*?)(?:^|\.)(\d+)", name) for name in (self.order[place - 1], self.order[place]))
        if not before or not here or before[1] != here[1]:
            return None
        return int(here[2]) - int(before[2]) - 1

    def _picture(self) -> tuple[int, int] | None:
        """Channels and side; the steps of the convolutions are settled on the way."""
        wanted = _wanted(self.config)
        if not self.channels:
            channels = next((colours for colours in COLOURS if _squares(self.flat, colours)), 0)
            side = math.isqrt(self.flat // channels) if channels else 0
            return (channels, side) if channels and (side == wanted if wanted else side % FLAT_STEP == 0) else None
        if self.channels not in COLOURS:
            return None
        start = next(op.shape[1] for op in self.ops if op.kind == "square")
        ways = list(islice(product(*(choices for _, choices in self.choices)), MOST_WAYS))
        kernels = [self._kernel(place) for place, _ in self.choices]
        if start == 1:  # from one point, paddings are usually left at 0
            ways.insert(0, tuple((2, 0, 0) for _ in kernels))
        sides = [(_side(start, kernels, way), way) for way in ways]
        usual = [28, *USUAL] if self.channels == 1 else [None]
        for target in [wanted] if wanted else usual:
            for side, way in sides:
                if side == target or (target is None and side in USUAL):
                    self._settle(way)
                    return self.channels, side
        return None

    def _kernel(self, place: int) -> int:
        """The kernel of a transposed convolution; 0 for a doubling, which any way may leave out."""
        op = self.ops[place]
        return 0 if op.kind == "double" else self.modules[op.name]["weight"][2]

    def _settle(self, way: Sequence[Step | bool]) -> None:
        for (place, _), step in reversed(list(zip(self.choices, way, strict=True))):
            op = self.ops[place]
            if isinstance(step, tuple):
                self.ops[place] = Op(op.kind, op.name, step=step)
            elif not step:
                del self.ops[place]


def _steps(kernel: int, last: bool) -> Sequence[Step]:
    """An even kernel doubles the size n. An odd one makes 2n, 2n - 1 (the way from 4 to 7) or n; kernel 1 keeps n."""
    if kernel == 1:
        return [(1, 0, 0)]
    if kernel % 2 == 0:
        return [(2, kernel // 2 - 1, 0)]
    full, short, keeps = (2, kernel // 2, 1), (2, kernel // 2, 0), (1, kernel // 2, 0)
    return [full, keeps, short] if last else [full, short, keeps]


def _side(side: int, kernels: Sequence[int], way: Sequence[Step | bool]) -> int:
    for kernel, step in zip(kernels, way, strict=True):
        if isinstance(step, tuple):
            if not kernel:
                return 0
            side = (side - 1) * step[0] - 2 * step[1] + kernel + step[2]
        else:
            side *= 1 + step
    return side


def _squares(count: int, channels: int) -> bool:
    return channels > 0 and count % channels == 0 and math.isqrt(count // channels) ** 2 == count // channels


def _wanted(config: Config) -> int | None:
    size, shape = config.get("image_size"), config.get("input_dim")
    if isinstance(shape, Sequence) and len(shape) == 3:
        size = shape[-1]
    return size if isinstance(size, int) and size > 0 else None
