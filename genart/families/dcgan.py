"""DCGAN (Radford 2015, arXiv:1511.06434): transposed convolutions from one latent point to a picture.

Checkpoints name and number their layers as they like, so the network is read off the tensors:
the 4-D weights in order are the layers, and each batch norm belongs to the layer before it.

Strides and paddings are in no weight. `config` may give them (`strides`, `paddings`,
`output_paddings`, a number for each layer) or the `image_size` they lead to; else they are what
tutorials use: see `_choices`.
"""

import re
from itertools import islice, pairwise, product
from typing import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.recipe import Noise

Layers = Sequence[tuple[int, int, int]]
"""(in, out, kernel) of each transposed convolution."""

Step = tuple[int, int, int]
"""Stride, padding and output padding of a transposed convolution."""

NORM = {"weight", "bias", "running_mean", "running_var"}
LABEL = "label.weight"
EMBEDDING = re.compile(r"(label|class|emb)\w*\.weight$")  # (num_classes, k), where LABEL is (k, num_classes)
COUNT = "num_batches_tracked"
EMPTY = torch.empty(0)
COLOURS = (1, 3, 4)
USUAL = {8, 16, 28, 32, 48, 64, 96, 128, 192, 256, 512, 1024}  # sizes that a picture has
MOST_WAYS = 20_000
KNOWN: dict[tuple[int, ...], Sequence[Step]] = {  # kernels of a course that many have taken (Coursera's on GANs): 28 pixels
    (3, 4, 3, 4): ((2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)),
}


class DCGAN(nn.Module):
    """The generator: ReLU between the layers, tanh after the last; `norm` puts batch norm before each ReLU.

    `label` is (k, num_classes): the embedding of the class is concatenated to z.
    """

    def __init__(
        self, layers: Layers, label: tuple[int, int] | None = None, norm: bool = True, steps: Sequence[Step] | None = None
    ):
        super().__init__()
        self.main = nn.Sequential()
        steps = steps or usual_steps(layers)
        for index, ((inward, outward, kernel), step) in enumerate(zip(layers, steps, strict=True)):
            last = index == len(layers) - 1
            self.main.append(nn.ConvTranspose2d(inward, outward, kernel, *step, bias=last or not norm))
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


def usual_steps(layers: Layers, size: int | None = None) -> Sequence[Step]:
    """Steps that lead to `size`, or to a size that pictures have; raises BadWeights where none do.

    Of several ways the first is taken, every layer's choices tried in order of their use.
    """
    kernels = tuple(kernel for *_, kernel in layers)
    if kernels in KNOWN and size in (None, _size(layers, KNOWN[kernels])):
        return KNOWN[kernels]
    choices = [_choices(layer, index == 0, index == len(layers) - 1) for index, layer in enumerate(layers)]
    if size is None and all(len(choice) == 1 for choice in choices):
        return [choice[0] for choice in choices]
    for way in islice(product(*choices), MOST_WAYS):
        if _size(layers, way) in ({size} if size else USUAL):
            return way
    raise BadWeights(
        f"The kernels {list(kernels)} lead to no picture of {size or 'a usual number of'} pixels; "
        "write strides and paddings into its config."
    )


def _choices(layer: tuple[int, int, int], first: bool, last: bool) -> Sequence[Step]:
    """What a layer of this kernel may do to the size n.

    The first opens one point to its kernel. An even kernel doubles. An odd one makes 2n - 1 (the
    way from 4 to 7, for 28 pixels), 2n or n; at the end n comes first. Kernel 1 mixes channels,
    and on grey pictures may cut 32 to 28.
    """
    kernel = layer[2]
    if first:
        return [(1, 0, 0)]
    if kernel % 2 == 0:
        return [(2, kernel // 2 - 1, 0)]
    if kernel == 1:
        return [(1, 2, 0), (1, 0, 0)] if last and layer[1] == 1 else [(1, 0, 0)]
    keeps, short, full = (1, kernel // 2, 0), (2, kernel // 2, 0), (2, kernel // 2, 1)
    return [keeps, full, short] if last else [short, full, keeps]


def _size(layers: Layers, steps: Sequence[Step]) -> int:
    size = 1
    for (_, _, kernel), (stride, padding, more) in zip(layers, steps, strict=True):
        size = (size - 1) * stride - 2 * padding + kernel + more
    return size


def _steps_in(config: Config, layers: Layers) -> Sequence[Step]:
    """What `config` says of strides and paddings, else the usual ones for its `image_size`."""
    if "strides" not in config and "paddings" not in config:
        size = config.get("image_size")
        return usual_steps(layers, size if isinstance(size, int) and size > 0 else None)
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


def recognises(shapes: Shapes) -> bool:
    """Square kernels that chain as transposed convolutions do, (in, out, k, k), down to 1, 3 or 4 channels."""
    convolutions = [(shape[0], shape[1], shape[2]) for name in _in_order(shapes) if len(shape := shapes[name]) == 4]
    others = {name: shape for name, shape in shapes.items() if len(shape) != 4 and not _is_label(name, shape)}
    return (
        len(convolutions) >= 2
        and {name.rpartition(".")[2] for name in others} <= {*NORM, COUNT}
        and all(len(shape) < 2 for shape in others.values())
        and _chains(_beside(convolutions))
        and convolutions[-1][1] in COLOURS
        and all(len(shape) != 4 or shape[2] == shape[3] for shape in shapes.values())
    )


def _chains(layers: Layers) -> bool:
    return all(before[1] == after[0] for before, after in pairwise(layers))


def _beside(layers: Layers) -> Layers:
    """The layers, where the first two stand side by side, one for z and one for the class, as one."""
    if len(layers) < 3 or layers[0][1] == layers[1][0] or layers[0][1] + layers[1][1] != layers[2][0]:
        return layers
    (z, for_z, kernel), (classes, for_class, _), *rest = layers
    return [(z + classes, for_z + for_class, kernel), *rest]


def _is_label(name: str, shape: Sequence[int]) -> bool:
    return len(shape) == 2 and (_leaf(name) == LABEL or EMBEDDING.search(name) is not None)


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> DCGAN:
    """The generator in `state`, batch norm folded into its layers; BadWeights for a tensor left over.

    `config["num_classes"]` says that z is followed by a one-hot class, which no weight can tell.
    """
    state = {name: tensor.float() for name, tensor in state.items() if not name.endswith(COUNT)}
    label = _label_in(state)
    folded = _folded_layers(state)
    layers = [(weight.shape[0], weight.shape[1], weight.shape[2]) for weight, _ in folded]
    if len(_beside(layers)) < len(layers):
        label = torch.eye(layers[1][0])
        folded = [_side_by_side(*folded[:2]), *folded[2:]]
        layers = list(_beside(layers))
    if label is None and config.get("num_classes"):
        label = torch.eye(min(int(str(config["num_classes"])), layers[0][0]))
    if len(layers) < 2 or not _chains(layers):
        raise BadWeights(f"The 4-D weights {quote(layers, 200)} do not follow from one another; choose the generator of a DCGAN.")
    if label is not None and label.shape[0] >= layers[0][0]:
        raise BadWeights(f"Classes of {label.shape[0]} numbers leave nothing of {layers[0][0]} inputs to z; give fewer classes.")
    shape = None if label is None else (label.shape[0], label.shape[1])
    model = DCGAN(layers, shape, norm=False, steps=_steps_in(config, layers))
    places = [module for module in model.main if isinstance(module, nn.ConvTranspose2d)]
    for place, (weight, bias) in zip(places, folded, strict=True):
        place.load_state_dict({"weight": weight, "bias": bias})
    if model.label is not None:
        model.label.load_state_dict({"weight": label})
    model.main.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.06 to 1.2 times faster on a CPU
    return model.eval().requires_grad_(False)


def _label_in(state: dict[str, Tensor]) -> Tensor | None:
    """The embedding of the classes (k, num_classes), taken out of `state`."""
    name = next((name for name, tensor in state.items() if _is_label(name, tensor.shape)), None)
    if name is None:
        return None
    return state.pop(name) if _leaf(name) == LABEL else state.pop(name).T.contiguous()


def _side_by_side(for_z: tuple[Tensor, Tensor], for_class: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """One layer that does to [z, class] what two did to each: zeros where they do not meet."""
    (top, top_bias), (low, low_bias) = for_z, for_class
    left, right = (
        torch.cat([top, low.new_zeros(len(low), *top.shape[1:])]),
        torch.cat([top.new_zeros(len(top), *low.shape[1:]), low]),
    )
    return torch.cat([left, right], 1), torch.cat([top_bias, low_bias])


def _folded_layers(state: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, in order, with the batch norm that follows it in them.

    A batch norm belongs to the layer named just before it, else to the first of its width that
    has none: `deconv1, deconv2, bn1` is as good as `main.0, main.1, main.3`.
    """
    modules: dict[str, dict[str, Tensor]] = {}
    for name in _in_order(state):
        prefix, _, part = name.rpartition(".")
        modules.setdefault(prefix, {})[part] = state[name]
    convolutions = [prefix for prefix, parts in modules.items() if parts.get("weight", EMPTY).ndim == 4]
    norms: dict[str, dict[str, Tensor]] = {}
    before: list[str] = []
    for prefix, parts in modules.items():
        if prefix in convolutions:
            before = [prefix]
            _only(parts, {"weight", "bias"}, prefix)
            if not _fits(parts["weight"], {"bias": parts.get("bias", parts["weight"][0, :, 0, 0])}):
                raise BadWeights(f"The bias of {quote(prefix)} does not fit its weight; the file is damaged, fetch it again.")
            continue
        _only(parts, NORM, prefix)
        free = [name for name in before + convolutions if name not in norms and _fits(modules[name]["weight"], parts)]
        if not free:
            raise BadWeights(f"The DCGAN has no layer for the tensors of {quote(prefix)}; is the file of another kind of model?")
        norms[free[0]] = parts
    return [_folded(modules[name], norms.get(name, {})) for name in convolutions]


def _only(parts: Mapping[str, Tensor], known: set[str], prefix: str) -> None:
    for part in sorted(set(parts) - known):
        name = f"{prefix}.{part}"
        raise BadWeights(f"The DCGAN has no place for the tensor {quote(name)}; is the file of another kind of model?")


def _fits(weight: Tensor, norm: Mapping[str, Tensor]) -> bool:
    return all(tensor.shape == weight.shape[1:2] for tensor in norm.values())


def _folded(layer: Mapping[str, Tensor], norm: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Batch norm in evaluation is a scale and a shift of each channel (Ioffe 2015, arXiv:1502.03167)."""
    weight = layer["weight"]
    zeros, ones = weight.new_zeros(weight.shape[1]), weight.new_ones(weight.shape[1])
    scale = norm.get("weight", ones)
    if "running_var" in norm:
        scale = scale * torch.rsqrt(norm["running_var"] + 1e-5)
    bias = (layer.get("bias", zeros) - norm.get("running_mean", zeros)) * scale + norm.get("bias", zeros)
    return weight * scale[:, None, None], bias


def _in_order(names: Mapping[str, object]) -> list[str]:
    """Names as a person counts: main.3 before main.12, whatever the order of the file."""
    return sorted(names, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)])


def _leaf(name: str) -> str:
    return ".".join(name.split(".")[-2:])


FAMILY = Family(title="DCGAN", kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
