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
    num_classes     a one-hot class follows z; else the decoder's inputs that its encoder does not make
    neck_activation whether one stands between the last linear layer and the first convolution, where that is not told
    label_first     whether the class comes before z; else only in the collection of PyTorch-GAN
    norm_groups     of norms after convolutions that keep no statistics; else each channel is a group

`chains.py` reads the way; here it is built and walked.
"""

import math
import re
from typing import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.chains import Layout, Op, layouts
from genart.families.ops import ACTIVATIONS, OUTPUTS, Affine, chosen, plain_weight, setting
from genart.recipe import Noise

TITLE = "MLP"
SPHERICAL_FROM = 9  # below this many dimensions a Gaussian still has mass at its centre


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


class Alone(nn.Module):
    """A norm that keeps no statistics: each picture is normalised for itself, by groups of channels (Wu 2018, arXiv:1803.08494).

    As many groups as channels is instance norm (Ulyanov 2016, arXiv:1607.08022), and batch norm without running
    statistics for one picture; of flat numbers all are one group (Ba 2016, arXiv:1607.06450).
    """

    def __init__(self, groups: int, weight: Tensor, bias: Tensor, eps: float):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.groups if x.ndim == 4 else 1, self.weight, self.bias, self.eps)


LABEL_FIRST = re.compile(r"(^|\.)label_emb$")  # so named where the class comes before z
SAMPLE_FC = {f"fc{name}.{part}" for name in ("1", "21", "22", "3", "4") for part in ("weight", "bias")}


def recognises(shapes: Shapes) -> bool:
    """A chain of layers from a few numbers to a picture of more; not the two layouts of the VAE family, nor a
    Progressive GAN's, whose layers form a chain too."""
    grows = any("toRGBLayers." in name for name in shapes)
    return not grows and not _is_of_vae(shapes) and next(layouts(shapes, {}), None) is not None


def _is_of_vae(shapes: Shapes) -> bool:
    """fc1 … fc4 of PyTorch's example, without classes, or a table of layers without gaps."""
    if set(shapes) == SAMPLE_FC and shapes["fc3.weight"][1:] == shapes["fc21.weight"][:1]:
        return True
    numbers = {part: _numbers(shapes, part) for part in ("encoder", "decoder")}
    return all(found and found == set(range(len(found))) for found in numbers.values())


def _numbers(shapes: Shapes, part: str) -> set[int]:
    return {int(match[1]) for name in shapes if (match := re.fullmatch(rf"{part}\.(\d+)\.weight", name))}


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> MLP:
    """The generator in `state`, batch norms folded; BadWeights where its layers do not lead to a picture, or in two ways."""
    state = {name: tensor.float() for name, tensor in state.items()}
    layout = next(layouts({name: tuple(tensor.shape) for name, tensor in state.items()}, config), None)
    if layout is None:
        shapes = [tuple(tensor.shape) for name, tensor in state.items() if name.endswith("weight")]
        raise BadWeights(
            f"The layers {quote(shapes, 200)} do not lead from z to a square picture; "
            "choose a generator, or give image_size in its config."
        )
    if layout.doubtful:
        names = [op.name for op in layout.ops if op.kind in ("linear", "conv", "transposed")]
        raise BadWeights(
            f"The order of the layers {quote(names, 200)} is lost, for the file lists them by the alphabet; "
            "use the .pt file of the same network."
        )
    usual_activation, usual_output = _usual(layout)
    activation = chosen(config, "activation", ACTIVATIONS, usual_activation, TITLE)
    output = chosen(config, "output", OUTPUTS, usual_output, TITLE)
    label = state[f"{layout.label}.weight"].T.contiguous() if layout.label else None
    classes = config.get("num_classes") or layout.classes
    if label is None and classes:
        label = torch.eye(min(int(str(classes)), layout.inputs))
        label = None if len(label) == layout.inputs else label
    if label is not None and len(label) > layout.inputs:
        raise BadWeights(f"Classes of {len(label)} numbers leave nothing of {layout.inputs} inputs to z; give fewer classes.")
    body = nn.Sequential()
    for op in layout.ops:
        _add(body, op, state, config, ACTIVATIONS[activation])
    label_first = bool(config.get("label_first", LABEL_FIRST.search(layout.label) and any(_collected(state))))
    model = MLP(body, layout, output, label, label_first)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval().requires_grad_(False)


def _usual(layout: Layout) -> tuple[str, str]:
    """Activation and output as tutorials have them; `decoder_input` names a collection with its own (PyTorch-VAE)."""
    if any(op.name.endswith("decoder_input") for op in layout.ops):
        return "leaky_relu_0.01", "tanh"
    if layout.decoder:
        return "relu", "sigmoid"
    return "relu" if any(op.kind == "transposed" for op in layout.ops) else "leaky_relu", "tanh"


def _add(body: nn.Sequential, op: Op, state: Mapping[str, Tensor], config: Config, activation: Callable[[], nn.Module]) -> None:
    if op.kind == "norm" and f"{op.name}.running_mean" in state:
        scale, shift = _affine(state, op.name, config)
        before = body[-1] if len(body) else None
        if isinstance(before, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            axis = 1 if isinstance(before, nn.ConvTranspose2d) else 0
            before.weight.data *= scale.reshape([-1 if i == axis else 1 for i in range(before.weight.ndim)])
            before.bias = nn.Parameter(shift if before.bias is None else before.bias.data * scale + shift)
        else:
            body.append(Affine(scale, shift))
    elif op.kind == "norm":
        weight, bias = state[f"{op.name}.weight"], state[f"{op.name}.bias"]
        groups = math.gcd(len(weight), int(setting(config, "norm_groups", len(weight), 1, len(weight))))
        body.append(Alone(groups, weight, bias, float(str(config.get("eps", 1e-5)))))
    elif op.kind == "act" and op.name:
        slope = nn.PReLU(len(state[f"{op.name}.weight"]))
        slope.weight = nn.Parameter(state[f"{op.name}.weight"])
        body.append(slope)
    elif op.kind in ("act", "double", "square"):
        plain = {"act": activation, "double": lambda: nn.Upsample(scale_factor=2), "square": lambda: nn.Unflatten(1, op.shape)}
        body.append(plain[op.kind]())
    else:
        weight = plain_weight(state, op.name, transposed=op.kind == "transposed").clone()
        offset = state.get(f"{op.name}.bias")
        layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d
        with torch.device("meta"):
            if op.kind == "linear":
                layer = nn.Linear(weight.shape[1], weight.shape[0])
            elif op.kind == "conv":
                layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=weight.shape[2] // 2)
            else:
                layer = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], weight.shape[2], *op.step)
        layer.weight, layer.bias = nn.Parameter(weight), None if offset is None else nn.Parameter(offset.clone())
        body.append(layer)


def _affine(state: Mapping[str, Tensor], name: str, config: Config) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation is a scale and a shift of each channel (Ioffe 2015, arXiv:1502.03167)."""
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = torch.rsqrt(variance + _epsilon(state, name, config)) * state.get(f"{name}.weight", torch.ones(1))
    return scale, state.get(f"{name}.bias", torch.zeros(1)) - mean * scale


def _epsilon(state: Mapping[str, Tensor], name: str, config: Config) -> float:
    """1e-5; but a collection of GANs that many have copied (PyTorch-GAN) gives 0.8, meant for the momentum."""
    if "eps" in config:
        return float(str(config["eps"]))
    lines, blocks = _collected(state)
    return 0.8 if lines or (blocks and name != "conv_blocks.0") else 1e-5


def _collected(state: Mapping[str, Tensor]) -> tuple[bool, bool]:
    """Whether this is a GAN of lines of that collection, and one of blocks.

    In the former the first linear layer has no norm and all later ones have; the norms of the latter are conv_blocks.0, 3, 7.
    """
    lines = {"model.0.weight", "model.2.weight", "model.3.running_var", "model.5.weight", "model.6.running_var"} <= set(state)
    blocks = {name.split(".")[1] for name in state if name.startswith("conv_blocks.")} == {"0", "2", "3", "6", "7", "9"}
    return lines, blocks and "l1.0.weight" in state


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
