"""DCGAN (Radford 2015, arXiv:1511.06434): transposed convolutions from one latent point to a picture.

Checkpoints name and number their layers as they like, so the network is read off the tensors: the 4-D
weights in order are the layers, and each norm belongs to the layer before it. A batch norm is folded
into its layer; one without statistics normalises each picture for itself. A layer whose channels fit
only the other way round is a plain convolution.

Strides and paddings are in no weight. `config` may give them (`strides`, `paddings`,
`output_paddings`, a number for each layer) or the `image_size` they lead to; else they are what
tutorials use: see `usual_steps`. `norm_groups` are those of norms without statistics, else every
channel is one; `activation` and `output` are named as those of the MLP family, else ReLU and tanh;
`num_classes` tells of a one-hot class, and `label_first` that it comes before z.
"""

import math
import re
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Container, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.ops import (
    ACTIVATIONS,
    OUTPUTS,
    TRANSPOSED,
    UNREAD,
    Affine,
    chosen,
    plain_parts,
    plain_weight,
    setting,
)
from genart.families.order import as_they_follow, followers, likeliest, runs, slots, told_by_numbers
from genart.families.steps import FULL, KEEPS, SHORT, Move, Step, end, odd, way
from genart.recipe import Noise

Parts = Mapping[str, tuple[int, ...]]

Layers = Sequence[tuple[int, int, int]]
"""(in, out, kernel) of each transposed convolution."""

NORM = {"weight", "bias", "running_mean", "running_var"}
LABEL = "label.weight"
EMBEDDING = re.compile(r"(label|class|emb)\w*\.weight$")  # (num_classes, k), where LABEL is (k, num_classes)
COUNT = "num_batches_tracked"
TITLE = "DCGAN"
COLOURS = (1, 3, 4)
GREY = 28  # pixels of the digits that grey pictures mostly are
USUAL = {8, 16, 28, 32, 48, 64, 96, 128, 192, 256, 512, 1024}  # sizes that a picture has
LEAST_SIDE = 8
MOST_LAYERS = 64
KNOWN: dict[tuple[int, ...], Sequence[Step]] = {  # kernels of a course that many have taken (Coursera's on GANs): 28 pixels
    (3, 4, 3, 4): ((2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)),
}


class DCGAN(nn.Module):
    """The generator: ReLU between the layers, tanh after the last; `norm` puts batch norm before each ReLU.

    `label` is (k, num_classes): the embedding of the class is concatenated to z, or multiplied with it where it
    is as long. `plain` are the places of layers that are plain convolutions; `after` holds what comes after
    each layer, in place of norm and ReLU.
    """

    def __init__(
        self,
        layers: Layers,
        label: tuple[int, int] | None = None,
        norm: bool = True,
        steps: Sequence[Step] | None = None,
        plain: Container[int] = (),
        after: Sequence[Sequence[nn.Module]] = (),
        output: str = "tanh",
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
            self.main.extend(after[index] if after else () if last else [nn.ReLU()])
        self.output = output
        self.label: nn.Linear | None = nn.Linear(label[1], label[0], bias=False) if label else None
        self.times = label is not None and label[0] == layers[0][0]
        self.z_dim = layers[0][0] - (label[0] if label and not self.times else 0)
        size = _size(layers, steps)
        self.space = Space(
            z_dim=self.z_dim,
            w_dim=self.z_dim + (label[0] + 1 if label and not self.times else 0),
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
        """(N, z_dim) -> (N, 1, z_dim), or (N, 1, z_dim + k + 1) with a class: [z, embedding, 1]; or z times the embedding.

        The 1 is scaled with the rest by psi and by mixing, so that the embedding can be read
        back at full strength: psi calms the drawing, never the class.
        """
        if self.label is None:
            return z[:, None]
        if label is None:
            label = z.new_full((len(z), self.space.num_classes), 1 / self.space.num_classes)
        if self.times:
            return (z * self.label(label))[:, None]
        return torch.cat([z, self.label(label), z.new_ones(len(z), 1)], dim=1)[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) in [-1, 1]; there is no noise, and one size."""
        z = w[:, 0]
        if self.label is not None and not self.times:
            z, embedding, scale = z.split([self.z_dim, self.label.out_features, 1], dim=1)
            lost = scale.abs() < 1e-6  # at psi 0 the class is gone: the mean of all classes
            embedding = torch.where(lost, self.label.weight.mean(1), embedding / torch.where(lost, 1.0, scale))
            z = torch.cat([z, embedding], dim=1)
        return OUTPUTS[self.output](self.main(z[:, :, None, None]))

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
    opening = 1 if kernels[0] == 1 else 0  # of kernel 1 there is still one point
    places = [place for place in places if place > opening]
    moves = [
        _moves(layer, max(0, place - opening), len(layers) - 1 - opening, place in plain) for place, layer in enumerate(layers)
    ]
    if size is None and not places and all(len(each) == 1 for each in moves):
        steps = [step for ((_, step),) in moves]
        if _size(layers, steps) >= LEAST_SIDE:
            return steps
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

    modules: Mapping[str, Parts]
    names: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    channels: int = 0
    beside: bool = False

    def kernel(self, name: str) -> int:
        return self.modules[name]["weight"][2]

    def take(self, name: str, last: bool = False) -> "_Chain | None":
        """With one layer more; None where its channels do not fit."""
        first, second, kernel, _ = self.modules[name]["weight"]
        names = (*self.names, name)
        if not self.names or first == self.channels:
            plain = bool(self.names) and first == second and kernel % 2 == 1 and not self._is_transposed(name, kernel)
            taken = replace(self, names=names, channels=second, plain=(*self.plain, name) if plain else self.plain)
        elif second == self.channels and kernel % 2:
            taken = replace(self, names=names, plain=(*self.plain, name), channels=first)
        elif len(self.names) == 1 and kernel == self.kernel(self.names[0]):
            taken = replace(self, names=names, channels=self.channels + second, beside=True)
        else:
            return None
        return taken if self.modules[name].get("bias", (taken.width(name),)) == (taken.width(name),) else None

    def _is_transposed(self, name: str, kernel: int) -> bool:
        """Of a layer that leaves the channels as they are: as its name has it, or other layers of its kernel."""
        alike = [shape for parts in self.modules.values() if len(shape := parts.get("weight", ())) == 4 and shape[2] == kernel]
        opens = all(self.kernel(before) == 1 for before in self.names)  # there is still one point
        return opens or TRANSPOSED.search(name) is not None or any(shape[0] > shape[1] for shape in alike)

    def width(self, name: str) -> int:
        """The channels that a layer makes."""
        return self.modules[name]["weight"][0 if name in self.plain else 1]

    def draws(self, left: Sequence[str] = ()) -> bool:
        """Whether this is a generator: a kernel is for one thing, and the first takes more than one number."""
        transposed = [self.kernel(name) for name in self.names if name not in self.plain]
        mixed = any(self.kernel(name) in transposed for name in self.plain)
        many = self.names and self.modules[self.names[0]]["weight"][0] > 1
        return bool(not left and many and not mixed and len(transposed) - self.beside >= 2 and self.channels in COLOURS)


def _chains(modules: Mapping[str, Parts], ordered: bool) -> tuple[list[_Chain], list[str]]:
    """The ways in which the 4-D weights follow one another down to a picture, and the modules in that order.

    One way if the modules stand in order or are numbered; at most two, where they stand by the alphabet
    and what fits has to tell.
    """
    kernels = [name for name, parts in modules.items() if len(parts.get("weight", ())) == 4]
    begin = _Chain(modules)
    follows = _follows(modules)
    orders = [as_they_follow(order, follows) for order in likeliest(modules)]
    for order in orders if ordered or told_by_numbers(kernels) else []:
        chain: _Chain | None = begin
        for name in order:
            chain = chain and (chain.take(name) if name in kernels else chain)
        if chain and chain.draws():
            return [chain], order
    if list(modules) != sorted(modules):
        return [], orders[-1]
    return runs(kernels, {}, begin, _Chain.take, _Chain.draws, strict=True), orders[-1]


def _follows(modules: Mapping[str, Parts]) -> dict[str, str]:
    flat = {name: next(iter(parts.values())) for name, parts in modules.items() if not _is_slope(parts)}
    norms = {name: shape[0] for name, shape in flat.items() if len(shape) == 1}
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
        and not any(map(UNREAD.search, modules))
        and all(set(parts) <= NORM and ("running_mean" in parts) == ("running_var" in parts) for parts in modules.values())
        and all(len(shape) == 1 for parts in modules.values() for shape in parts.values() if shape not in kernels)
        and any(_holds(chain, modules) for chain in _chains(modules, ordered=True)[0])
    )


def _holds(chain: _Chain, modules: Mapping[str, Parts]) -> bool:
    """Whether all other modules are as wide as a layer, as norms and slopes are."""
    widths = {(chain.width(name),) for name in chain.names}
    others = {name: parts for name, parts in modules.items() if name not in chain.names}
    return all(set(parts.values()) <= widths | ({(1,)} if _is_slope(parts) else set()) for parts in others.values())


def _is_slope(parts: Parts) -> bool:
    """An activation that has learnt its slope: a weight alone."""
    return set(parts) == {"weight"} and len(parts["weight"]) == 1


def _modules(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of each module's tensors, without the class's embedding and batch norm's counters."""
    return plain_parts({name: shape for name, shape in shapes.items() if not name.endswith(COUNT) and not _is_label(name, shape)})


def _is_label(name: str, shape: Sequence[int]) -> bool:
    return len(shape) == 2 and (_leaf(name) == LABEL or EMBEDDING.search(name) is not None)


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> DCGAN:
    """The generator in `state`, batch norm folded into its layers.

    Raises BadWeights for a tensor left over, and where the order of the layers or their steps cannot be told.
    """
    state = {name: tensor.float() for name, tensor in state.items() if not name.endswith(COUNT)}
    label = _label_in(state)
    read = _read(state, config)
    if read[0].beside:
        label = torch.eye(len(read[1].weight))
        read = [_side_by_side(*read[:2]), *read[2:]]
    layers = [_sizes(layer) for layer in read]
    inputs = layers[0][0]
    if label is None and config.get("num_classes"):
        label = torch.eye(min(int(str(config["num_classes"])), inputs))
        label = None if len(label) == inputs else label
    if label is not None and len(label) > inputs:
        raise BadWeights(f"Classes of {len(label)} numbers leave nothing of {inputs} inputs to z; give fewer classes.")
    if label is not None and config.get("label_first"):
        weight = read[0].weight
        read[0] = replace(read[0], weight=torch.cat([weight[len(label) :], weight[: len(label)]]))
    plain = [place for place, layer in enumerate(read) if layer.plain]
    model = DCGAN(
        layers,
        None if label is None else (label.shape[0], label.shape[1]),
        norm=False,
        steps=_steps_in(config, layers, plain),
        plain=plain,
        after=[layer.after for layer in read],
        output=chosen(config, "output", OUTPUTS, "tanh", TITLE),
    )
    places = [module for module in model.main if isinstance(module, (nn.ConvTranspose2d, nn.Conv2d))]
    for place, layer in zip(places, read, strict=True):
        place.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    if model.label is not None:
        model.label.load_state_dict({"weight": label})
    model.main.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.06 to 1.2 times faster on a CPU
    return model.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True)
class _Layer:
    """What the file says of one layer, `after` what comes between it and the next."""

    weight: Tensor
    bias: Tensor
    plain: bool = False
    after: tuple[nn.Module, ...] = ()
    beside: bool = False


def _sizes(layer: _Layer) -> tuple[int, int, int]:
    first, second, kernel, _ = layer.weight.shape
    return (second, first, kernel) if layer.plain else (first, second, kernel)


def _label_in(state: dict[str, Tensor]) -> Tensor | None:
    """The embedding of the classes (k, num_classes), taken out of `state`."""
    name = next((name for name, tensor in state.items() if _is_label(name, tensor.shape)), None)
    if name is None:
        return None
    return state.pop(name) if _leaf(name) == LABEL else state.pop(name).T.contiguous()


def _side_by_side(for_z: _Layer, for_class: _Layer) -> _Layer:
    """One layer that does to [z, class] what two did to each: zeros where they do not meet."""
    top, low = for_z.weight, for_class.weight
    if any(True for module in (*for_z.after, *for_class.after) for _ in module.parameters()):
        raise BadWeights(
            "The DCGAN's first layers for z and for the class do more than batch norm and ReLU; use one that does not."
        )
    left = torch.cat([top, low.new_zeros(len(low), *top.shape[1:])])
    right = torch.cat([top.new_zeros(len(top), *low.shape[1:]), low])
    return _Layer(torch.cat([left, right], 1), torch.cat([for_z.bias, for_class.bias]), after=for_z.after)


def _read(state: Mapping[str, Tensor], config: Config) -> list[_Layer]:
    """The layers in order, each with what comes after it."""
    modules = _modules({name: tuple(tensor.shape) for name, tensor in state.items()})
    chain, order = _only_chain(modules, bool(config.get("ordered", True)))
    for name in chain.names:
        _only(modules[name], {"weight", "bias"}, name)
    between = _between(chain, order, modules)
    activation = ACTIVATIONS[chosen(config, "activation", ACTIVATIONS, "relu", TITLE)]
    read = []
    for place, name in enumerate(chain.names):
        following = chain.names[place + 1] if place + 1 < len(chain.names) else None
        weight = plain_weight(state, name, transposed=name not in chain.plain)
        bias = state.get(f"{name}.bias", weight.new_zeros(chain.width(name)))
        layer = _Layer(weight, bias, name in chain.plain, beside=chain.beside and not place)
        for kind in _steps_between([name, *between[name]], following, modules):
            if kind == "act":
                layer = replace(layer, after=(*layer.after, activation()))
            elif _is_slope(modules[kind]):
                layer = replace(layer, after=(*layer.after, _slope(state[f"{kind}.weight"])))
            else:
                layer = _normed(layer, state, kind, config)
        read.append(layer)
    return read


def _only_chain(modules: Mapping[str, Parts], ordered: bool) -> tuple[_Chain, list[str]]:
    """The one way in which the layers follow one another, and the modules in that order; BadWeights for none or several."""
    chains, order = _chains(modules, ordered)
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
    return chains[0], order


def _between(chain: _Chain, order: Sequence[str], modules: Mapping[str, Parts]) -> dict[str, list[str]]:
    """The norms and slopes after each layer, by name.

    A norm belongs to the layer that its name tells, else to the one just before it, else to the first of
    its width that has none: `deconv1, deconv2, bn1` is as good as `main.0, main.1, main.3`.
    """
    follows = _follows(modules)
    between: dict[str, list[str]] = {name: [] for name in chain.names}
    before = chain.names[0]
    for name in order:
        if name in between:
            before = name
            continue
        _only(modules[name], NORM, name)
        slope = _is_slope(modules[name])
        told = [follows[name]] if name in follows else [before]
        fits = [
            layer
            for layer in (told if slope else told + list(chain.names))
            if set(modules[name].values()) <= {(chain.width(layer),), *([(1,)] if slope else [])}
            and not any(_is_slope(modules[other]) == slope for other in between[layer])
        ]
        if not fits:
            raise BadWeights(f"The DCGAN has no layer for the tensors of {quote(name)}; is the file of another kind of model?")
        between[fits[0]].append(name)
    return between


def _steps_between(names: Sequence[str], following: str | None, modules: Mapping[str, Parts]) -> list[str]:
    """What comes after a layer, the first of the names: norms and slopes by name, and "act", by the numbers of a Sequential.

    What has no weights and comes first is the activation, and another is dropout.
    """
    steps: list[str] = []
    for before, name in pairwise(names):
        if slots(before, name) and "act" not in steps and following:
            steps.append("act")
        steps.append(name)
    acts = "act" in steps or any(_is_slope(modules[name]) for name in steps)
    if following and not acts and slots(names[-1], following) != 0:
        steps.append("act")
    return steps


def _slope(weight: Tensor) -> nn.PReLU:
    """(He 2015, arXiv:1502.01852)."""
    slope = nn.PReLU(len(weight))
    slope.weight = nn.Parameter(weight)
    return slope


def _only(parts: Mapping[str, object], known: set[str], prefix: str) -> None:
    for part in sorted(set(parts) - known):
        name = f"{prefix}.{part}"
        raise BadWeights(f"The DCGAN has no place for the tensor {quote(name)}; is the file of another kind of model?")


def _normed(layer: _Layer, state: Mapping[str, Tensor], norm: str, config: Config) -> _Layer:
    """With a norm: batch norm in evaluation is a scale and a shift of each channel (Ioffe 2015, arXiv:1502.03167)."""
    weight, bias, width = layer.weight, layer.bias, len(layer.bias)
    scale, shift = state.get(f"{norm}.weight", weight.new_ones(width)), state.get(f"{norm}.bias", weight.new_zeros(width))
    if f"{norm}.running_var" not in state:
        groups = math.gcd(width, int(setting(config, "norm_groups", width, 1, width)))
        alone = nn.GroupNorm(groups, width)  # a channel to a group: instance norm (Ulyanov 2016, arXiv:1607.08022)
        alone.load_state_dict({"weight": scale, "bias": shift})
        return replace(layer, after=(*layer.after, alone))
    scale = scale * torch.rsqrt(state[f"{norm}.running_var"] + 1e-5)
    shift = shift - state[f"{norm}.running_mean"] * scale
    if layer.after:
        return replace(layer, after=(*layer.after, Affine(scale, shift)))
    across = (-1, 1, 1, 1) if layer.plain else (-1, 1, 1)
    return replace(layer, weight=weight * scale.reshape(across), bias=bias * scale + shift)


def _leaf(name: str) -> str:
    return ".".join(name.split(".")[-2:])


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
