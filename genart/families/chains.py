"""A chain of layers, from a few numbers to a square picture, read off names and shapes. It knows no numbers.

Files that begin with a linear layer have no layout in common; what they share is the order of their
layers, which `order.py` finds. Strides and paddings, which no weight can tell, are those that lead to a
usual size. In a Sequential, numbers left out are layers without weights: they say where an activation
stands. Of a VAE, what leads to mean and variance is left out.
"""

import math
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Iterator, Mapping, Sequence

from genart.families.base import Config, Shapes
from genart.families.ops import TRANSPOSED, UNREAD, plain_parts
from genart.families.order import as_they_follow, by_number, followers, likeliest, runs, slots, told_by_numbers
from genart.families.steps import FULL, KEEPS, SHORT, Move, Step, end, odd, way

LEAST_SIDE = 8
USUAL = (28, 32, 64, 16, 48, 96, 128, 256, 512)
FLAT_STEP = 4  # sides of pictures from a last linear layer are its multiples: 100 numbers are classes, not 10 x 10 pixels
COLOURS = (1, 3, 4)
MOST_LAYERS = 256
MOST_STARTS = 4
NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
OTHERS = re.compile(
    r"(^|\.)(enc[^.]*|disc[^.]*|critic[^.]*|netD|D|inference[^.]*|embed_(class|data))(\.|$)", re.IGNORECASE
)  # the last two read pictures and their classes in a collection of VAEs
MEANS, SPREADS = {"mu", "mean"}, {"var", "logvar", "sigma", "logsigma", "std", "logstd"}
DECODER = re.compile(r"(^|\.)dec(?!onv)", re.IGNORECASE)
EMBEDDING = re.compile(r"(label|class|cond|emb)\w*$", re.IGNORECASE)
BARE_NECKS = re.compile(r"(decoder_input|layers\.0\.0|l1\.0)$")  # collections that put nothing between this and the square
KNOWN: dict[tuple[int, ...], Sequence[Step]] = {  # a side and kernels; TensorFlow's own DCGAN keeps the side first
    (7, 5, 5, 5): ((1, 2, 0), (2, 2, 1), (2, 2, 1)),
}
LAYERS = ("linear", "conv", "transposed")
DOUBLES: Move = (2, (2, 0, 0))
STAYS: Move = (1, (1, 0, 0))

Parts = Mapping[str, tuple[int, ...]]


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
    classes: int = 0
    doubtful: bool = False


def layouts(shapes: Shapes, config: Config) -> Iterator[Layout]:
    """The ways to read the shapes as a generator, the likeliest first; an empty iterator for anything else.

    With `ordered` false in the configuration the shapes stand by the alphabet; where several orders
    would fit then, the first layout is `doubtful`.
    """
    modules = plain_parts(shapes)
    if len(modules) > 2 * MOST_LAYERS or not all(set(parts) <= NORM for parts in modules.values()):
        return
    if any(map(UNREAD.search, modules)):  # what is added or looked up beside the chain
        return
    label = next((name for name, parts in modules.items() if _is_embedding(name, parts)), "")
    own = {name: parts for name, parts in modules.items() if name != label and not OTHERS.search(name)}
    if not 2 <= len(own) <= MOST_LAYERS or "?" in map(_kind, own.values()):
        return
    follows = _follows(own)
    orders = [as_they_follow(order, follows) for order in likeliest(own)]
    heads_of_all = [name for name, parts in modules.items() if _is_head(name) and _kind(parts) == "linear"]
    decoder = bool(heads_of_all) or any(map(DECODER.search, own))
    for order in orders if config.get("ordered", True) or told_by_numbers(set(own) - set(follows)) else []:
        for heads, chain in _generators(order, own):
            reader: _Reader | None = _Reader(own, config, decoder or bool(heads), label, _made(modules, heads or heads_of_all))
            for place, name in enumerate(chain):
                reader = reader and reader.take(name, place == len(chain) - 1)
            if reader and (layout := reader.layout()):
                yield layout
    heads = _heads(orders[-1], own)
    begin = _Reader(own, config, decoder or bool(heads), label, _made(modules, heads or heads_of_all))
    ends = partial(_is_whole, heads=heads, whole=len(own) + bool(label) == len(modules))
    found = runs([name for name in own if name not in heads], follows, begin, _Reader.take, ends)
    if len(found) > 1 and config.get("ordered"):  # the file's own order led nowhere
        return
    for reader in found[:1]:
        if layout := reader.layout():
            yield replace(layout, doubtful=len(found) > 1)


def _is_whole(reader: "_Reader", left: Sequence[str], heads: Sequence[str], whole: bool) -> bool:
    """Whether a picture is drawn, and what is left leads to an encoder's heads: from such a picture if that is the `whole`."""
    layout = reader.layout() if heads or not left else None
    if layout is None or not left:
        return layout is not None
    shapes = [reader.modules[name]["weight"] for name in by_number(left) if _kind(reader.modules[name]) != "norm"]
    convs, lines = ([shape for shape in shapes if len(shape) == length] for length in (4, 2))
    if 2 * len(shapes) < len(left):  # more norms than layers
        return False
    if any(before[0] != here[1] for before, here in pairwise(convs)):
        return False
    if convs and whole and not layout.channels <= convs[0][1] <= layout.channels + layout.classes:
        return False
    width = layout.channels * layout.side**2 + layout.classes if whole and not convs else 0

    def fits(reads: int) -> bool:
        return reads == width or (not width and reads % (convs[-1][0] if convs else 1) == 0)

    while lines:
        following = next((line for line in lines if fits(line[1])), None)
        if following is None:
            return False
        lines.remove(following)
        width = following[0]
    return fits(_reads(reader.modules[heads[0]]))


def _is_embedding(name: str, parts: Parts) -> bool:
    return set(parts) == {"weight"} and len(parts["weight"]) == 2 and EMBEDDING.search(name) is not None


def _kind(parts: Parts) -> str:
    """linear or conv; norm, also one that keeps no statistics; act, one that has learnt its slope; else "?"."""
    shape = parts.get("weight", ())
    if "running_mean" in parts or "running_var" in parts:
        return "norm" if len(parts.get("running_mean", ())) == len(parts.get("running_var", ())) == 1 else "?"
    if len(shape) == 1 and "bias" in parts:
        return "norm"
    return {1: "act", 2: "linear", 4: "conv"}.get(len(shape), "?")


def _width(parts: Parts) -> int:
    return parts.get("running_mean", parts.get("weight", (0,)))[0]


def _follows(modules: Mapping[str, Parts]) -> dict[str, str]:
    """Which layer each norm follows, where names tell."""
    norms = {name: _width(parts) for name, parts in modules.items() if _kind(parts) == "norm"}
    outputs = {name: shape for name, parts in modules.items() if len(shape := parts.get("weight", ())) in (2, 4)}
    found: dict[str, str] = {}
    for axis in (0, 1):  # a transposed convolution has its outputs second
        widths = {name: shape[axis] for name, shape in outputs.items() if len(shape) > 2 * axis and name not in found.values()}
        found |= followers({norm: width for norm, width in norms.items() if norm not in found}, widths)
    return found


def _made(modules: Mapping[str, Parts], heads: Sequence[str]) -> int:
    """How many numbers the heads of an encoder make, one for both making twice as many; 0 without any."""
    return min((modules[name]["weight"][0] // (1 + _is_both(name)) for name in heads), default=0)


def _is_both(name: str) -> bool:
    words = _words(name)
    return not words.isdisjoint(MEANS) and not words.isdisjoint(SPREADS)


def _generators(order: Sequence[str], modules: Mapping[str, Parts]) -> Iterator[tuple[list[str], list[str]]]:
    """The heads of an encoder, or none, and the layers that may be the generator: what the encoder needs is left out."""
    heads = _heads(order, modules)
    if not heads:
        yield [], list(order)
        if not any(map(DECODER.search, order)):
            yield from (([], list(order[place:])) for place in _halved(order, modules)[:MOST_STARTS])
        return
    rest = [name for name in order if name not in heads]
    reached = order.index(heads[-1])
    starts = [place for place, name in enumerate(rest) if place and _reads(modules[name]) >= _made(modules, heads)]
    rows = [modules[name]["weight"][0] if _kind(modules[name]) == "linear" else 0 for name in rest]
    for chain in (
        *(
            [rest[: rows.index(max(rows)) + 1]]
            if rows and _reads(modules[rest[-1]]) and rows[-1] == _reads(modules[heads[0]])
            else []
        ),
        rest,
        [name for name in rest if order.index(name) > reached or DECODER.search(name)],
        *(rest[place:] for place in starts[-MOST_STARTS:]),
    ):
        unread = [name for name in rest if name not in chain and _kind(modules[name]) in ("linear", "conv")]
        wanted = _reads(modules[heads[0]])
        fed = not unread or any(wanted % width == 0 for width in modules[unread[-1]]["weight"][:2])
        if chain and fed and not any(map(DECODER.search, unread)):
            yield heads, list(chain)


def _reads(parts: Parts) -> int:
    """How many numbers a linear layer takes; 0 for anything else."""
    return parts["weight"][1] if _kind(parts) == "linear" else 0


def _heads(order: Sequence[str], modules: Mapping[str, Parts]) -> list[str]:
    """The two ends of an encoder: by their names, or two linear layers of one shape that cannot follow one another."""
    lines = [name for name in order if _kind(modules[name]) == "linear"]
    shapes = {modules[name]["weight"] for name in lines if _is_head(name)}
    if shapes:  # with those of the same shape, which names may not tell
        return [name for name in lines if modules[name]["weight"] in shapes]
    for before, here in pairwise(lines):
        rows, columns = modules[here]["weight"]
        if rows < columns and modules[before]["weight"] == (rows, columns):
            return [before, here]
    return []


def _is_head(name: str) -> bool:
    return not _words(name).isdisjoint(MEANS | SPREADS)


def _words(name: str) -> set[str]:
    """The words of a module's own name: fcLogVar has fc and logvar."""
    last = re.sub(r"log_?(?=var|sigma|std)", "log", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rpartition(".")[2]).lower())
    return set(re.split(r"[_\d]+", last))


def _halved(order: Sequence[str], modules: Mapping[str, Parts]) -> list[int]:
    """Places of linear layers that take half of what the layer before them makes, as after an encoder's one end."""
    lines = [place for place, name in enumerate(order) if _kind(modules[name]) == "linear"]
    return [here for before, here in pairwise(lines) if 2 * _reads(modules[order[here]]) == modules[order[before]]["weight"][0]]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Follows layers one by one; what has been read stays as it is, so that several ways can go on from it."""

    modules: Mapping[str, Parts]
    config: Config
    decoder: bool
    label: str
    least: int = 0  # inputs: what the heads of an encoder make
    before: str = ""
    inputs: int = 0
    ops: tuple[Op, ...] = ()
    flat: int = 0
    channels: int = 0  # 0 while the numbers are flat
    choices: tuple[tuple[int, tuple[Move, ...]], ...] = ()

    def take(self, name: str, last: bool) -> "_Reader | None":
        """What comes of one more layer; None where it cannot follow."""
        parts = self.modules[name]
        empty = slots(self.before, name)
        match _kind(parts):
            case "norm":
                taken = self._take_norm(name, _width(parts), empty or 0)
            case "act":
                taken = self._with(Op("act", name)) if self.ops and _width(parts) in (1, self.channels or self.flat) else None
            case "linear":
                taken = self._take_linear(name, parts["weight"], empty)
            case _:
                taken = self._take_conv(name, parts["weight"], empty, last)
        made = (taken.channels or taken.flat,) if taken else ()
        fits = _kind(parts) == "act" or all(parts.get(part, made) == made for part in ("bias", "running_mean", "running_var"))
        return replace(taken, before=name) if taken and fits else None

    def layout(self) -> Layout | None:
        """The whole, if it draws a picture."""
        side, ops = self._picture()
        channels = self.channels or (self.flat // side**2 if side else 0)
        if len(ops) < 2 or side < LEAST_SIDE or self.inputs >= channels * side**2 or self.inputs < self.least:
            return None
        classes = self.inputs - self.least if self.least and not self.label else 0
        return Layout(ops, self.inputs, channels, side, self.decoder, self.label, classes)

    def _with(self, *ops: Op) -> "_Reader":
        return replace(self, ops=(*self.ops, *ops))

    def _take_norm(self, name: str, width: int, empty: int) -> "_Reader | None":
        if not self.ops:
            return None
        squares = not self.channels and width != self.flat  # which one of the empty does
        on = self._with(Op("act")) if empty > squares and self.ops[-1].kind != "act" else self
        squared = on._square(width) if squares else on
        return squared._with(Op("norm", name)) if squared and width == (squared.channels or squared.flat) else None

    def _take_linear(self, name: str, shape: tuple[int, ...], empty: int | None) -> "_Reader | None":
        if not self.ops:
            return replace(self, inputs=shape[1], flat=shape[0], ops=(Op("linear", name),))
        if self.channels or shape[1] != self.flat:
            return None
        on = self._with(Op("act")) if empty != 0 and not self._acted() else self
        return replace(on._with(Op("linear", name)), flat=shape[0])

    def _take_conv(self, name: str, shape: tuple[int, ...], empty: int | None, last: bool) -> "_Reader | None":
        first, second, kernel, other = shape
        if not self.ops:
            opens = self.decoder and kernel == other and self.least in (0, first)
            return self._take_point(name, shape) if opens else None
        transposed = self._is_transposed(name, first, second, kernel)
        inside, outside = (first, second) if transposed else (second, first)
        if kernel != other or (not transposed and kernel % 2 == 0):
            return None
        opens = len(self.ops) > 1 and (self.ops[-2].kind, self.ops[-1].kind) == ("square", "norm")
        only_doubles = opens and empty == 1 and not transposed
        acted = self._acted()
        on = self._with(Op("act")) if not only_doubles and not acted and self._acts_before(name, empty) else self
        on = on if on.channels else on._square(inside) or on
        if inside != on.channels:
            return None
        if transposed:
            choice = (len(on.ops), _moves(kernel, last))
        else:
            doubles = only_doubles or self._doubles_before(name, (empty or 0) + acted, last or empty is not None)
            choice = (len(on.ops), (DOUBLES, STAYS) if doubles else (STAYS, DOUBLES))
            on = on._with(Op("double"))
        kind = "transposed" if transposed else "conv"
        return replace(on._with(Op(kind, name)), channels=outside, choices=(*on.choices, choice))

    def _take_point(self, name: str, shape: tuple[int, ...]) -> "_Reader":
        """A decoder's first transposed convolution, from a picture of one point."""
        ops = (Op("square", shape=(shape[0], 1, 1)), Op("transposed", name))
        choice = (1, ((shape[2], (1, 0, 0)),))
        return replace(self, inputs=shape[0], flat=shape[0], channels=shape[1], ops=ops, choices=(choice,))

    def _acts_before(self, name: str, empty: int | None) -> bool:
        if empty is not None:
            return empty >= (1 if self.channels else 2)  # one of them makes the square
        if self.channels:
            return True
        if BARE_NECKS.search(self.before) or self.ops[-1].kind != "linear":
            return self.ops[-1].kind != "linear"
        # A line of its own name is squared as it is, but in a decoder whose layers have names too: functions come between.
        alone = not self.before.rpartition(".")[2].isdecimal() and not (self.decoder and not self._is_in_row(name))
        return bool(self.config.get("neck_activation", not alone))

    def _is_in_row(self, name: str) -> bool:
        """Whether this is a layer of a Sequential; in a list of modules the next number would be one of its kind."""
        container, dot, number = name.rpartition(".")
        if not dot or not number.isdecimal():
            return False
        following = self.modules.get(f"{container}.{int(number[:9]) + 1}", {})
        return _kind(following) != "conv"

    def _is_transposed(self, name: str, first: int, second: int, kernel: int) -> bool:
        inside = self.channels
        fits = [_squares(self.flat, width) if not inside else width == inside for width in (first, second)]
        if fits[0] != fits[1]:
            return fits[0]
        alike = any(op.kind == "transposed" and self.modules[op.name]["weight"][2] == kernel for op in self.ops)
        return (
            alike
            or kernel % 2 == 0
            or TRANSPOSED.search(name) is not None
            or (self.decoder and not inside and not self._leads(name))
        )

    def _acted(self) -> bool:
        """Whether an activation has come since the last layer: what has no weights after it is none."""
        return next((op.kind == "act" for op in reversed(self.ops) if op.kind in ("act", *LAYERS)), False)

    def _doubles_before(self, name: str, empty: int, told: bool) -> bool:
        """Whether the picture is rather doubled before a convolution; after a transposed one what has no weights is dropout."""
        kinds = [op.kind for op in self.ops]
        if self._leads(name):
            return True
        if "transposed" in kinds:
            return False
        return empty >= 2 or not (told or self.before.rpartition(".")[2].isdecimal())

    def _leads(self, name: str) -> bool:
        """Whether a layer without weights stands before this one, the first with any in its Sequential."""
        container, _, number = name.rpartition(".")
        return number.isdecimal() and int(number[:9]) == 1 and f"{container}.0" not in self.modules

    def _square(self, channels: int) -> "_Reader | None":
        if not _squares(self.flat, channels):
            return None
        side = math.isqrt(self.flat // channels)
        return replace(self._with(Op("square", shape=(channels, side, side))), channels=channels)

    def _picture(self) -> tuple[int, tuple[Op, ...]]:
        """The side of the picture, 0 where there is none, and the layers with their steps, which are settled by it."""
        wanted = _wanted(self.config)
        if not self.channels:
            channels = next((colours for colours in COLOURS if _squares(self.flat, colours)), 0)
            side = math.isqrt(self.flat // channels) if channels else 0
            return (side if (side == wanted if wanted else side % FLAT_STEP == 0) else 0), self.ops
        if self.channels not in COLOURS:
            return 0, self.ops
        start = next(op.shape[1] for op in self.ops if op.kind == "square")
        moves = [each for _, each in self.choices]
        ways = [moves]
        transposed = all(self.ops[place].kind == "transposed" for place, _ in self.choices)
        if start == 1 and transposed and self.ops[0].kind == "linear":  # from one point: no paddings, or the first opens it
            (kernel, _), *_ = moves[0]
            ways = [[((kernel, (2, 0, 0)),) for ((kernel, _), *_) in moves], [((kernel, (1, 0, 0)),), *moves[1:]], moves]
        known = KNOWN.get((start, *(each[0][0] for each in moves))) if transposed else None
        if known:
            ways.insert(0, [((kernel, step),) for ((kernel, _), *_), step in zip(moves, known, strict=True)])
        usual = [{28}, *({side} for side in USUAL)] if self.channels == 1 else [set(USUAL)]
        for targets in [{wanted}] if wanted else usual:
            for each in ways:
                if settled := way(start, each, targets):
                    return end(start, settled), self._settled(settled)
        return 0, self.ops

    def _settled(self, moves: Sequence[Move]) -> tuple[Op, ...]:
        """The layers, with a transposed convolution's step in it, and without the doublings that are none."""
        steps = dict(zip((place for place, _ in self.choices), moves, strict=True))
        return tuple(
            replace(op, step=steps[place][1]) if place in steps and op.kind == "transposed" else op
            for place, op in enumerate(self.ops)
            if not (op.kind == "double" and steps[place] == STAYS)
        )


def _moves(kernel: int, last: bool) -> tuple[Move, ...]:
    """An even kernel doubles the size n. An odd one makes 2n, 2n - 1 or n; kernel 1 keeps n."""
    if kernel == 1:
        return (STAYS,)
    if kernel % 2 == 0:
        return ((kernel, (2, kernel // 2 - 1, 0)),)
    steps = odd(kernel)
    return tuple((kernel, steps[kind]) for kind in ((FULL, KEEPS, SHORT) if last else (FULL, SHORT, KEEPS)))


def _squares(count: int, channels: int) -> bool:
    return channels > 0 and count % channels == 0 and math.isqrt(count // channels) ** 2 == count // channels


def _wanted(config: Config) -> int | None:
    size, shape = config.get("image_size"), config.get("input_dim")
    if isinstance(shape, Sequence) and len(shape) == 3:
        size = shape[-1]
    return size if isinstance(size, int) and size > 0 else None
