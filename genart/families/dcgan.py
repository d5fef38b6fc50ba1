"""DCGAN (Radford 2015, arXiv:1511.06434): transposed convolutions from one latent point to a picture.

Checkpoints name and number their layers as they like, so the network is read off the tensors: the 4-D
weights in order are the layers, and each norm belongs to the layer before it. A batch norm is folded
into its layer; one without statistics normalises each picture for itself. A layer whose channels fit
only the other way round is a plain convolution.

Strides and paddings are in no weight. `config` may give them (`strides`, `paddings`,
`output_paddings`, a number for each layer) or the `image_size` they lead to; else they are what
tutorials use: see `usual_steps`. `norm_groups` are those of norms without statistics, else every
channel is one.
"""

import math
import re
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Container, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.ops import plain_parts, plain_weight, setting
from genart.families.order import as_they_follow, followers, likeliest, runs, told_by_numbers
from genart.families.steps import FULL, KEEPS, SHORT, Move, Step, end, odd, way
from genart.recipe import Noise

Layers = Sequence[tuple[int, int, int]]
"""(in, out, kernel) of each transposed convolution."""

NORM = {"weight", "bias", "running_mean", "running_var"}
LABEL = "label.weight"
EMBEDDING = re.compile(r"(label|class|emb)\w*\.weight$")  # (num_classes, k), where LABEL is (k, num_classes)
COUNT = "num_batches_tracked"
COLOURS = (1, 3, 4)
GREY = 28  # pixels of the digits that grey pictures mostly are
USUAL = {8, 16, 28, 32, 48, 64, 96, 128, 192, 256, 512, 1024}  # sizes that a picture has
MOST_LAYERS = 64
KNOWN: dict[tuple[int, ...], Sequence[Step]] = {  # kernels of a course that many have taken (Coursera's on GANs): 28 pixels
    (3, 4, 3, 4): ((2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)),
}


class DCGAN(nn.Module):
    """The generator: ReLU between the layers, tanh after the last; `norm` puts batch norm before each ReLU.

    `label` is (k, num_classes): the embedding of the class is concatenated to z. `plain` are the places of
    layers that are plain convolutions.
    """

    def __init__(
        self,
        layers: Layers,
        label: tuple[int, int] | None = None,
        norm: bool = True,
        steps: Sequence[Step] | None = None,
        plain: Container[int] = (),
    ):
        super().__init__()
        self.main = nn.Sequential()
        steps = steps or usual_steps(layers, plain=plain)
        for index, ((inward, outward, kernel), step) in enumerate(zip(layers, steps, strict=True)):
            last = index == len(layers) - 1
            biased = last or not norm
            if index in plain:
                self.main.append(nn.Conv2d(inward, outward, kernel, padding=kernel // 2, bias=biased))
            else:
                self.main.append(nn.ConvTranspose2d(inward, outward, kernel, *step, bias=biased))
            if norm and not last:
                self.main.append(nn.BatchNorm2d(outward))
            self.main.append(nn.Tanh() if last else nn.ReLU())
        self.label: nn.Linear | None = nn.Linear(label[1], label[0], bias=False) if label else None
        self.z_dim = layers[0][0] - (label[0] if label else 0)
        size = _size(layers, steps)
        self.space = Space(
            z_dim=self.z_dim,
            w_dim=self.z_dim + (label[0] + 1 if label else 0),
            num_ws=1,
            image_size=size,
            channels=layers[-1][1],
            num_classes=label[1] if label else 0,
            spherical=True,
            sizes=(size,),
        )

    @property
    def w_mean(self) -> Tensor:
        return self._first.new_zeros(1, 1, self.space.w_dim)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> (N, 1, z_dim), or (N, 1, z_dim + k + 1) with a class: [z, embedding, 1].

        The 1 is scaled with the rest by psi and by mixing, so that the embedding can be read
        back at full strength: psi calms the drawing, never the class.
        """
        if self.label is None:
            return z[:, None]
        if label is None:
            label = z.new_full((len(z), self.space.num_classes), 1 / self.space.num_classes)
        return torch.cat([z, self.label(label), z.new_ones(len(z), 1)], dim=1)[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) in [-1, 1]; there is no noise, and one size."""
        z = w[:, 0]
        if self.label is not None:
            z, embedding, scale = z.split([self.z_dim, self.label.out_features, 1], dim=1)
            lost = scale.abs() < 1e-6  # at psi 0 the class is gone: the mean of all classes
            embedding = torch.where(lost, self.label.weight.mean(1), embedding / torch.where(lost, 1.0, scale))
            z = torch.cat([z, embedding], dim=1)
        return self.main(z[:, :, None, None])

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer; zero where w holds the class."""
        return F.pad(self._first[: self.z_dim].flatten(1).T, (0, self.space.w_dim - self.z_dim))

    @property
    def _first(self) -> Tensor:
        return next(self.main[0].parameters())


def usual_steps(layers: Layers, size: int | None = None, plain: Container[int] = ()) -> Sequence[Step]:
    """Steps that lead to `size`, or to a size that pictures have; raises BadWeights where none do.

    The first layer opens one point to its kernel. An even kernel doubles, a plain convolution keeps.
    Kernel 1 mixes channels, and on grey pictures may cut 32 to 28. What odd kernels do is guessed: as few
    different things as possible, but for one more where grey pictures get 28 pixels.
    """
    kernels = tuple(kernel for *_, kernel in layers)
    if kernels in KNOWN and size in (None, _size(layers, KNOWN[kernels])):
        return KNOWN[kernels]
    places = [place for place, kernel in enumerate(kernels) if place and kernel % 2 and kernel > 1 and place not in plain]
    doubles = any(kernel % 2 == 0 for kernel in kernels[1:])
    moves = [_moves(layer, place, len(layers) - 1, place in plain) for place, layer in enumerate(layers)]
    if size is None and not places and all(len(each) == 1 for each in moves):
        return [step for ((_, step),) in moves]
    targets = {size} if size else USUAL
    for kinds, ends in _guesses(places == [len(layers) - 1], doubles, targets, grey=layers[-1][1] == 1 and not size):
        narrowed = [
            [move for move in each if move[1] in [odd(move[0])[kind] for kind in kinds]] if place in places else each
            for place, each in enumerate(moves)
        ]
        if settled := way(1, narrowed, ends):
            return [step for _, step in settled]
    raise BadWeights(
        f"The kernels {quote(list(kernels), 120)} lead to no picture of {size or 'a usual number of'} pixels; "
        "write strides and paddings into its config."
    )


def _moves(layer: tuple[int, int, int], place: int, last: int, plain: bool) -> Sequence[Move]:
    """What a layer may do to the size."""
    kernel = layer[2]
    if place == 0:
        return [(kernel, (1, 0, 0))]
    if plain:
        return [(kernel, (1, kernel // 2, 0))]
    if kernel % 2 == 0:
        return [(kernel, (2, kernel // 2 - 1, 0))]
    if kernel == 1:
        return [(1, (1, 2, 0)), (1, (1, 0, 0))] if place == last and layer[1] == 1 else [(1, (1, 0, 0))]
    steps = odd(kernel)
    return [(kernel, steps[kind]) for kind in ((KEEPS, FULL, SHORT) if place == last else (SHORT, FULL, KEEPS))]


def _guesses(only_last: bool, doubles: bool, targets: set[int], grey: bool) -> list[tuple[tuple[str, ...], set[int]]]:
    """What odd kernels may do, and the sizes that it should lead to, the likeliest first.

    Where even kernels double, odd ones rather keep the size; alone they double, as in the paper.
    """
    kinds = (KEEPS, FULL, SHORT) if only_last else (SHORT, KEEPS, FULL) if doubles else (SHORT, FULL, KEEPS)
    one, two, three = ([*combinations(kinds, count)] for count in (1, 2, 3))
    digits = {GREY} & targets if grey else set()
    return [(kind, digits) for kind in [*one, *two] if digits] + [(kind, targets) for kind in [*one, *two, *three]]


def _size(layers: Layers, steps: Sequence[Step]) -> int:
    return end(1, ((kernel, step) for (_, _, kernel), step in zip(layers, steps, strict=True)))


def _steps_in(config: Config, layers: Layers, plain: Container[int]) -> Sequence[Step]:
    """What `config` says of strides and paddings, else the usual ones for its `image_size`."""
    if "strides" not in config and "paddings" not in config:
        size = config.get("image_size")
        return usual_steps(layers, size if isinstance(size, int) and size > 0 else None, plain)
    columns = [
        config.get(name) or [default] * len(layers) for name, default in (("strides", 1), ("paddings", 0), ("output_paddings", 0))
    ]
    try:
        stride, padding, more = ([int(number) for number in column] for column in columns)  # type: ignore[attr-defined]
        return list(zip(stride, padding, more, strict=True))[: len(layers)]
    except (TypeError, ValueError):
        raise BadWeights(
            f"The strides and paddings {quote(columns, 120)} are not {len(layers)} whole numbers each; mend the config."
        ) from None


@dataclass(frozen=True, slots=True)
class _Chain:
    """Layers in the order they run, by name: `plain` are plain convolutions; `beside` if the first two take z and the class."""

    kernels: Mapping[str, tuple[int, ...]]
    names: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    channels: int = 0
    beside: bool = False

    def take(self, name: str, last: bool = False) -> "_Chain | None":
        """With one layer more; None where its channels do not fit."""
        first, second, kernel, _ = self.kernels[name]
        if not self.names or first == self.channels:
            return replace(self, names=(*self.names, name), channels=second)
        if second == self.channels and kernel % 2:
            return replace(self, names=(*self.names, name), plain=(*self.plain, name), channels=first)
        if len(self.names) == 1 and kernel == self.kernels[self.names[0]][2]:
            return replace(self, names=(*self.names, name), channels=self.channels + second, beside=True)
        return None

    def width(self, name: str) -> int:
        """The channels that a layer makes."""
        return self.kernels[name][0 if name in self.plain else 1]

    def draws(self, left: Sequence[str] = ()) -> bool:
        transposed = [self.kernels[name][2] for name in self.names if name not in self.plain]
        mixed = any(self.kernels[name][2] in transposed for name in self.plain)  # one kernel is for one thing
        return not left and not mixed and len(transposed) - self.beside >= 2 and self.channels in COLOURS


def _chains(modules: Mapping[str, Mapping[str, tuple[int, ...]]], ordered: bool) -> tuple[list[_Chain], list[str]]:
    """The ways in which the 4-D weights follow one another down to a picture, and the modules in that order.

    One way if the modules stand in order or are numbered; at most two, where what fits has to tell.
    """
    kernels = {name: parts["weight"] for name, parts in modules.items() if len(parts.get("weight", ())) == 4}
    begin = _Chain(kernels)
    follows = _follows(modules)
    orders = [as_they_follow(order, follows) for order in likeliest(modules)]
    for order in orders if ordered or told_by_numbers(kernels) else []:
        chain: _Chain | None = begin
        for name in order:
            chain = chain and (chain.take(name) if name in kernels else chain)
        if chain and chain.draws():
            return [chain], order
    if len({name.count(".") for name in kernels}) > 1:  # blocks within blocks are another family's
        return [], orders[-1]
    return runs(list(kernels), {}, begin, _Chain.take, _Chain.draws, strict=True), orders[-1]


def _follows(modules: Mapping[str, Mapping[str, tuple[int, ...]]]) -> dict[str, str]:
    norms = {name: next(iter(parts.values()))[0] for name, parts in modules.items() if len(next(iter(parts.values()))) == 1}
    return followers(norms, {name: parts["weight"][1] for name, parts in modules.items() if len(parts.get("weight", ())) == 4})


def recognises(shapes: Shapes) -> bool:
    """Square kernels that chain as transposed convolutions do, (in, out, k, k), down to 1, 3 or 4 channels."""
    modules = _modules(shapes)
    if not 2 <= len(modules) <= 3 * MOST_LAYERS:
        return False
    kernels = [parts["weight"] for parts in modules.values() if len(parts.get("weight", ())) == 4]
    return (
        2 <= len(kernels) <= MOST_LAYERS
        and all(shape[2] == shape[3] for shape in kernels)
        and all(set(parts) <= NORM and ("running_mean" in parts) == ("running_var" in parts) for parts in modules.values())
        and all(len(shape) == 1 for parts in modules.values() for shape in parts.values() if shape not in kernels)
        and any(_holds(chain, modules) for chain in _chains(modules, ordered=True)[0])
    )


def _holds(chain: _Chain, modules: Mapping[str, Mapping[str, tuple[int, ...]]]) -> bool:
    """Whether all other modules are as wide as a layer, as norms are."""
    widths = {(chain.width(name),) for name in chain.names}
    return all(set(parts.values()) <= widths for name, parts in modules.items() if name not in chain.names)


def _modules(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of each module's tensors, without the class's embedding and batch norm's counters."""
    return plain_parts({name: shape for name, shape in shapes.items() if not name.endswith(COUNT) and not _is_label(name, shape)})


def _is_label(name: str, shape: Sequence[int]) -> bool:
    return len(shape) == 2 and (_leaf(name) == LABEL or EMBEDDING.search(name) is not None)


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> DCGAN:
    """The generator in `state`, batch norm folded into its layers.

    Raises BadWeights for a tensor left over, and where the order of the layers or their steps cannot be told.
    `config["num_classes"]` says that z is followed by a one-hot class, which no weight can tell.
    """
    state = {name: tensor.float() for name, tensor in state.items() if not name.endswith(COUNT)}
    label = _label_in(state)
    read = _read(state, config)
    layers = [_sizes(layer) for layer in read]
    if read[0].beside:
        label = torch.eye(layers[1][0])
        read = [_side_by_side(*read[:2]), *read[2:]]
        layers = [_sizes(layer) for layer in read]
    if label is None and config.get("num_classes"):
        label = torch.eye(min(int(str(config["num_classes"])), layers[0][0]))
    if label is not None and label.shape[0] >= layers[0][0]:
        raise BadWeights(f"Classes of {label.shape[0]} numbers leave nothing of {layers[0][0]} inputs to z; give fewer classes.")
    shape = None if label is None else (label.shape[0], label.shape[1])
    plain = [place for place, layer in enumerate(read) if layer.plain]
    model = DCGAN(layers, shape, norm=False, steps=_steps_in(config, layers, plain), plain=plain)
    _fill(model.main, read, config)
    if model.label is not None:
        model.label.load_state_dict({"weight": label})
    model.main.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.06 to 1.2 times faster on a CPU
    return model.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True)
class _Layer:
    """What the file says of one layer; `alone` is a norm without statistics, its weight and bias."""

    weight: Tensor
    bias: Tensor
    plain: bool = False
    alone: tuple[Tensor, Tensor] | None = None
    beside: bool = False


def _sizes(layer: _Layer) -> tuple[int, int, int]:
    first, second, kernel, _ = layer.weight.shape
    return (second, first, kernel) if layer.plain else (first, second, kernel)


def _fill(main: nn.Sequential, read: Sequence[_Layer], config: Config) -> None:
    places = [place for place, module in enumerate(main) if isinstance(module, (nn.ConvTranspose2d, nn.Conv2d))]
    for place, layer in reversed(list(zip(places, read, strict=True))):
        main[place].load_state_dict({"weight": layer.weight, "bias": layer.bias})
        if layer.alone:
            channels = len(layer.bias)
            groups = math.gcd(channels, int(setting(config, "norm_groups", channels, 1, channels)))
            norm = nn.GroupNorm(groups, channels)  # a channel to a group: instance norm (Ulyanov 2016, arXiv:1607.08022)
            norm.load_state_dict(dict(zip(("weight", "bias"), layer.alone, strict=True)))
            main.insert(place + 1, norm)


def _label_in(state: dict[str, Tensor]) -> Tensor | None:
    """The embedding of the classes (k, num_classes), taken out of `state`."""
    name = next((name for name, tensor in state.items() if _is_label(name, tensor.shape)), None)
    if name is None:
        return None
    return state.pop(name) if _leaf(name) == LABEL else state.pop(name).T.contiguous()


def _side_by_side(for_z: _Layer, for_class: _Layer) -> _Layer:
    """One layer that does to [z, class] what two did to each: zeros where they do not meet."""
    top, low = for_z.weight, for_class.weight
    if for_z.alone or for_class.alone:
        raise BadWeights(
            "The DCGAN's first layers for z and for the class have norms without statistics; use one with batch norm."
        )
    left = torch.cat([top, low.new_zeros(len(low), *top.shape[1:])])
    right = torch.cat([top.new_zeros(len(top), *low.shape[1:]), low])
    return _Layer(torch.cat([left, right], 1), torch.cat([for_z.bias, for_class.bias]))


def _read(state: Mapping[str, Tensor], config: Config) -> list[_Layer]:
    """The layers in order, each with the norm that follows it.

    A norm belongs to the layer that its name tells, else to the one just before it, else to the first of
    its width that has none: `deconv1, deconv2, bn1` is as good as `main.0, main.1, main.3`.
    """
    modules = _modules({name: tuple(tensor.shape) for name, tensor in state.items()})
    chains, order = _chains(modules, bool(config.get("ordered", True)))
    if not chains:
        kernels = [parts["weight"] for parts in modules.values() if len(parts.get("weight", ())) == 4]
        raise BadWeights(
            f"The 4-D weights {quote(kernels, 200)} do not follow from one another; choose the generator of a DCGAN."
        )
    if len(chains) > 1:
        raise BadWeights(
            f"The order of the layers {quote([*chains[0].names], 200)} is lost, for the file lists them by the alphabet; "
            "use the .pt file of the same network."
        )
    chain = chains[0]
    widths = {name: chain.width(name) for name in chain.names}
    for name in chain.names:
        _only(modules[name], {"weight", "bias"}, name)
        if modules[name].get("bias", (widths[name],)) != (widths[name],):
            raise BadWeights(f"The bias of {quote(name)} does not fit its weight; the file is damaged, fetch it again.")
    norms: dict[str, str] = {}
    follows = _follows(modules)
    before: list[str] = []
    for name in order:
        if name in widths:
            before = [name]
            continue
        _only(modules[name], NORM, name)
        told = [follows[name]] if name in follows else before
        fits = [layer for layer in told + list(chain.names) if set(modules[name].values()) == {(widths[layer],)}]
        free = [layer for layer in fits if layer not in norms]
        if not free:
            raise BadWeights(f"The DCGAN has no layer for the tensors of {quote(name)}; is the file of another kind of model?")
        norms[free[0]] = name
    read = [_folded(state, name, norms.get(name), name in chain.plain) for name in chain.names]
    return [replace(read[0], beside=chain.beside), *read[1:]]


def _only(parts: Mapping[str, object], known: set[str], prefix: str) -> None:
    for part in sorted(set(parts) - known):
        name = f"{prefix}.{part}"
        raise BadWeights(f"The DCGAN has no place for the tensor {quote(name)}; is the file of another kind of model?")


def _folded(state: Mapping[str, Tensor], name: str, norm: str | None, plain: bool) -> _Layer:
    """Batch norm in evaluation is a scale and a shift of each channel (Ioffe 2015, arXiv:1502.03167)."""
    weight = plain_weight(state, name, transposed=not plain)
    width = weight.shape[0 if plain else 1]
    bias = state.get(f"{name}.bias", weight.new_zeros(width))
    if norm is None:
        return _Layer(weight, bias, plain)
    scale, shift = state.get(f"{norm}.weight", weight.new_ones(width)), state.get(f"{norm}.bias", weight.new_zeros(width))
    if f"{norm}.running_var" not in state:
        return _Layer(weight, bias, plain, alone=(scale, shift))
    scale = scale * torch.rsqrt(state[f"{norm}.running_var"] + 1e-5)
    bias = (bias - state.get(f"{norm}.running_mean", weight.new_zeros(width))) * scale + shift
    return _Layer(weight * scale.reshape((-1, 1, 1, 1) if plain else (-1, 1, 1)), bias, plain)


def _leaf(name: str) -> str:
    return ".".join(name.split(".")[-2:])


FAMILY = Family(title="DCGAN", kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
