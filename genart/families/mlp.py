"""GANs and VAEs that begin with a linear layer, as tutorials write them.

(Goodfellow 2014, arXiv:1406.2661; Kingma 2013, arXiv:1312.6114.) Such files have no layout in
common, so the network is read off the order and the shapes of its layers: linear ones,
convolutions and transposed ones, each with a batch norm or none, from a few numbers to a square
picture. Of a VAE only the decoder is used. What no weight can tell is guessed as tutorials have
it, and `config` has the last word:

    activation      "relu" or "leaky_relu" or "leaky_relu_0.01", "elu", "tanh", "silu", "gelu";
                    else ReLU in a decoder or before transposed convolutions, leaky ReLU 0.2 in a GAN
    output          "tanh" for pictures in [-1, 1], "sigmoid" for [0, 1], or "none";
                    else sigmoid for a decoder, tanh for a GAN
    eps             of the batch norms; else 1e-5, but for the 0.8 of one well-known collection
    image_size      or `input_dim` (C, H, W); else a usual size, 28 first for grey pictures
    num_classes     a one-hot class follows z

In a Sequential, numbers left out are layers without weights: they say where an activation stands.
"""

import math
import re
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.recipe import Noise

TITLE = "MLP"
SPHERICAL_FROM = 9  # below this many dimensions a Gaussian still has mass at its centre
LEAST_SIDE = 8
USUAL = (28, 32, 64, 16, 48, 96, 128, 256, 512)
FLAT_STEP = 4  # sides of pictures from a last linear layer are its multiples: 100 numbers are classes, not 10 x 10 pixels
COLOURS = (1, 3, 4)
MOST_WAYS = 20_000

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "leaky_relu_0.01": lambda: nn.LeakyReLU(0.01),
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": lambda x: torch.sigmoid(x) * 2 - 1,
    "none": lambda x: x,
}

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


class MLP(nn.Module):
    """`body` leads from [z, class] to the picture before `output`; `label` (k, num_classes) embeds the class.

    `label_first` puts the class before z; where it is as long as z it is multiplied with it.
    """

    label: Tensor | None

    def __init__(self, body: nn.Sequential, layout: Layout, output: str, label: Tensor | None, label_first: bool = False):
        super().__init__()
        self.body = body
        self.output = output
        self.label_first = label_first
        self.register_buffer("label", label)
        self.times = label is not None and len(label) == layout.inputs
        self.z_dim = layout.inputs if label is None or self.times else layout.inputs - len(label)
        self.picture = (layout.channels, layout.side, layout.side)
        self.space = Space(
            z_dim=self.z_dim,
            w_dim=self.z_dim if label is None or self.times else layout.inputs + 1,
            num_ws=1,
            image_size=layout.side,
            channels=layout.channels,
            num_classes=0 if label is None else label.shape[1],
            spherical=self.z_dim >= SPHERICAL_FROM,
            sizes=(layout.side,),
        )

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim): zeros, the centre of the Gaussian."""
        return self._first.new_zeros(1, 1, self.space.w_dim)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> (N, 1, w_dim): z, or [z, embedding, 1], or z times the embedding.

        The 1 is scaled with the rest by psi and by mixing, so that the embedding can be read back
        at full strength: psi calms the drawing, never the class.
        """
        if self.label is None:
            return z[:, None]
        if label is None:
            label = z.new_full((len(z), self.space.num_classes), 1 / self.space.num_classes)
        embedding = label @ self.label.T
        return (z * embedding if self.times else torch.cat([z, embedding, z.new_ones(len(z), 1)], 1))[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) in [-1, 1]; there is no noise, and one size."""
        x = w[:, 0]
        if self.label is not None and not self.times:
            z, embedding, scale = x.split([self.z_dim, len(self.label), 1], dim=1)
            lost = scale.abs() < 1e-6  # at psi 0 the class is gone: the mean of all classes
            embedding = torch.where(lost, self.label.mean(1), embedding / torch.where(lost, 1.0, scale))
            x = torch.cat([embedding, z] if self.label_first else [z, embedding], 1)
        return OUTPUTS[self.output](self.body(x).reshape(len(x), *self.picture))

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer; zero where w holds the class."""
        start = self._first.shape[1] - self.z_dim if self.label_first else 0
        return F.pad(self._first[:, start : start + self.z_dim], (0, self.space.w_dim - self.z_dim))

    @property
    def _first(self) -> Tensor:
        return next(self.body.parameters())


class Affine(nn.Module):
    """A batch norm in evaluation that follows no layer it could be folded into."""

    def __init__(self, scale: Tensor, shift: Tensor):
        super().__init__()
        self.scale, self.shift = nn.Parameter(scale), nn.Parameter(shift)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.ndim - 2))
        return x * self.scale.reshape(shape) + self.shift.reshape(shape)


# Reading the layout off names and shapes.

NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
OTHERS = re.compile(r"(^|\.)(enc\w*|disc\w*|critic\w*|netD|D|inference\w*)(\.|$)", re.IGNORECASE)
HEADS = re.compile(r"(mu|mean|log_?var|var|log_?sigma|sigma|log_?std|std)\d*$", re.IGNORECASE)
DECODER = re.compile(r"(^|\.)dec\w*(\.|$)", re.IGNORECASE)
EMBEDDING = re.compile(r"(label|class|cond|emb)\w*$", re.IGNORECASE)
TRANSPOSED = re.compile(r"(de_?conv|conv_?t|t_?conv|trans|up)", re.IGNORECASE)
SAMPLE_FC = {f"fc{name}.{part}" for name in ("1", "21", "22", "3", "4") for part in ("weight", "bias")}
BARE_NECKS = re.compile(r"(decoder_input|layers\.0\.0|l1\.0)$")  # collections that put nothing between this and the square
LABEL_FIRST = re.compile(r"(^|\.)label_emb$")  # so named where the class comes before z


def recognises(shapes: Shapes) -> bool:
    """A chain of layers from a few numbers to a picture of more; not the two layouts of the VAE family, nor a
    Progressive GAN's, whose layers form a chain too."""
    grows = any("toRGBLayers." in name for name in shapes)
    return not grows and not _is_of_vae(shapes) and next(_layouts(shapes, {}), None) is not None


def _is_of_vae(shapes: Shapes) -> bool:
    """fc1 … fc4 of PyTorch's example, or a table of layers without gaps."""
    if set(shapes) == SAMPLE_FC:
        return True
    numbers = {part: _numbers(shapes, part) for part in ("encoder", "decoder")}
    return all(found and found == set(range(len(found))) for found in numbers.values())


def _numbers(shapes: Shapes, part: str) -> set[int]:
    return {int(match[1]) for name in shapes if (match := re.fullmatch(rf"{part}\.(\d+)\.weight", name))}


def _layouts(shapes: Shapes, config: Config) -> Iterator[Layout]:
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


# Building the network.


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> MLP:
    """The generator in `state`, batch norms folded; BadWeights where its layers do not lead to a picture."""
    state = {name: tensor.float() for name, tensor in state.items()}
    layout = next(_layouts({name: tuple(tensor.shape) for name, tensor in state.items()}, config), None)
    if layout is None:
        shapes = [tuple(tensor.shape) for name, tensor in state.items() if name.endswith("weight")]
        raise BadWeights(
            f"The layers {quote(shapes, 200)} do not lead from z to a square picture; "
            "choose a generator, or give image_size in its config."
        )
    usual_activation, usual_output = _usual(layout)
    activation = _chosen(config, "activation", ACTIVATIONS, usual_activation)
    output = _chosen(config, "output", OUTPUTS, usual_output)
    label = state[f"{layout.label}.weight"].T.contiguous() if layout.label else None
    if label is None and config.get("num_classes"):
        label = torch.eye(min(int(str(config["num_classes"])), layout.inputs))
        label = None if len(label) == layout.inputs else label
    if label is not None and len(label) > layout.inputs:
        raise BadWeights(f"Classes of {len(label)} numbers leave nothing of {layout.inputs} inputs to z; give fewer classes.")
    body = nn.Sequential()
    for op in layout.ops:
        _add(body, op, state, config, ACTIVATIONS[activation])
    model = MLP(body, layout, output, label, LABEL_FIRST.search(layout.label) is not None)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval().requires_grad_(False)


def _usual(layout: Layout) -> tuple[str, str]:
    """Activation and output as tutorials have them; `decoder_input` names a collection with its own (PyTorch-VAE)."""
    if any(op.name.endswith("decoder_input") for op in layout.ops):
        return "leaky_relu_0.01", "tanh"
    if layout.decoder:
        return "relu", "sigmoid"
    return "relu" if any(op.kind == "transposed" for op in layout.ops) else "leaky_relu", "tanh"


def _chosen(config: Config, name: str, known: Mapping[str, Any], usual: str) -> str:
    value = str(config.get(name, usual))
    if value not in known:
        raise BadWeights(f"{name} {quote(value)} of these {TITLE} weights is unknown; known are {', '.join(known)}.")
    return value


def _add(body: nn.Sequential, op: Op, state: Mapping[str, Tensor], config: Config, activation: Callable[[], nn.Module]) -> None:
    if op.kind == "norm":
        scale, shift = _affine(state, op.name, config)
        before = body[-1] if len(body) else None
        if isinstance(before, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            axis = 1 if isinstance(before, nn.ConvTranspose2d) else 0
            before.weight.data *= scale.reshape([-1 if i == axis else 1 for i in range(before.weight.ndim)])
            before.bias = nn.Parameter(shift if before.bias is None else before.bias.data * scale + shift)
        else:
            body.append(Affine(scale, shift))
    elif op.kind in ("act", "double", "square"):
        plain = {"act": activation, "double": lambda: nn.Upsample(scale_factor=2), "square": lambda: nn.Unflatten(1, op.shape)}
        body.append(plain[op.kind]())
    else:
        weight, bias = state[f"{op.name}.weight"].clone(), state.get(f"{op.name}.bias")
        layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d
        with torch.device("meta"):
            if op.kind == "linear":
                layer = nn.Linear(weight.shape[1], weight.shape[0])
            elif op.kind == "conv":
                layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=weight.shape[2] // 2)
            else:
                layer = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], weight.shape[2], *op.step)
        layer.weight, layer.bias = nn.Parameter(weight), None if bias is None else nn.Parameter(bias.clone())
        body.append(layer)


def _affine(state: Mapping[str, Tensor], name: str, config: Config) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation is a scale and a shift of each channel (Ioffe 2015, arXiv:1502.03167)."""
    mean = state.get(f"{name}.running_mean", torch.zeros(1))
    variance = state.get(f"{name}.running_var", torch.ones(1))
    scale = torch.rsqrt(variance + _epsilon(state, name, config)) * state.get(f"{name}.weight", torch.ones(1))
    return scale, state.get(f"{name}.bias", torch.zeros(1)) - mean * scale


def _epsilon(state: Mapping[str, Tensor], name: str, config: Config) -> float:
    """1e-5; but a collection of GANs that many have copied (PyTorch-GAN) gives 0.8, meant for the momentum.

    There the first linear layer has no norm and all later ones have, or the norms are conv_blocks.3 and .7.
    """
    if "eps" in config:
        return float(str(config["eps"]))
    lines = {"model.0.weight", "model.2.weight", "model.3.running_var", "model.5.weight", "model.6.running_var"} <= set(state)
    blocks = {"l1.0.weight", "conv_blocks.0.running_var", "conv_blocks.2.weight"} <= set(state) and name != "conv_blocks.0"
    return 0.8 if lines or blocks else 1e-5


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
