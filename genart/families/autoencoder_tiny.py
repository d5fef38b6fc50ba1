"""Tiny autoencoder for the latents of diffusion models (madebyollin/taesd, distilled from Rombach 2021, arXiv:2112.10752).

It reads the original files, encoder and decoder together or the decoder alone, and the layout of
diffusers. Both number their layers with gaps for those without weights, so only the order counts,
and a layer's shape says what it is:

    conv.0, conv.2, conv.4   a block: three convolutions beside a skip, an activation between them and ReLU after the sum
    a kernel with bias       a convolution; the decoder's first is followed by the activation
    a kernel without bias    halves the picture in the encoder, and comes after a doubling in the decoder

The activation is ReLU unless `act_fn` names another. It knows no files.
"""

import re
from typing import Mapping, Sequence, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes
from genart.families.conv import FastConv2d
from genart.families.ops import fill, said
from genart.families.pictures import PictureLatents
from genart.families.taming import ACTS, activation

TITLE = "Tiny autoencoder"
MAGNITUDE = 3.0  # latents are pressed softly into this range

Layers = Sequence[tuple[int, int, str]]
"""(in, out, kind) of each layer; kind is "block", "conv" or "resize"."""


class AutoencoderTiny(PictureLatents):
    """Latents in the scaled space of a diffusion model, about unit variance; pictures about [-1, 1]."""

    def __init__(self, encoder: Layers, decoder: Layers, act: str = "relu"):
        factor = 2 ** sum(kind == "resize" for *_, kind in decoder)
        super().__init__(decoder[0][0], factor, decoder[-1][1], encoder=bool(encoder))
        self.act = ACTS[act]
        self.encoder = nn.ModuleList(_layer(*layer, act, stride=2) for layer in encoder)
        self.decoder = nn.ModuleList(_layer(*layer, act, stride=1) for layer in decoder)

    def read(self, x: Tensor) -> Tensor:
        x = (x * 0.5 + 0.5).contiguous(memory_format=torch.channels_last)
        for layer in self.encoder:
            x = layer(x)
        return x

    def decode(self, latents: Tensor) -> Tensor:
        x = torch.tanh(latents / MAGNITUDE) * MAGNITUDE
        x = x.contiguous(memory_format=torch.channels_last)
        for place, layer in enumerate(self.decoder):
            x = layer(x)
            if place == 0:
                x = self.act(x)
        return x * 2 - 1

    def first_kernels(self) -> Tensor:
        return next(self.decoder[0].parameters())


class Block(nn.Module):
    """relu(conv act conv act conv x + skip x); the skip is a 1x1 convolution where channels change.

    The modules between the convolutions are there for the weights' names alone: a ReLU belongs to its convolution.
    """

    def __init__(self, inside: int, outside: int, act: str):
        super().__init__()
        self.act = None if act == "relu" else ACTS[act]
        convs = [FastConv2d(before, outside) for before in (inside, outside, outside)]
        self.conv = nn.Sequential(convs[0], nn.Identity(), convs[1], nn.Identity(), convs[2])
        self.skip = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else None

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = (cast(FastConv2d, self.conv[i]) for i in (0, 2, 4))
        act = self.act
        y = second.rectified(first.rectified(x)) if act is None else act(second(act(first(x))))
        return F.relu_(last(y).add_(x if self.skip is None else self.skip(x)))


class Double(FastConv2d):
    """Nearest neighbours at twice the size, then a convolution."""

    def forward(self, x: Tensor, up: bool = True) -> Tensor:
        return super().forward(x, up)


def _layer(inside: int, outside: int, kind: str, act: str, stride: int) -> nn.Module:
    if kind == "block":
        return Block(inside, outside, act)
    if kind == "conv":
        return FastConv2d(inside, outside)
    if stride == 1:
        return Double(inside, outside, bias=False)
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)


# Reading weights. The original decoder file has bare numbers for names; so has the encoder's.

WRAPPERS = re.compile(r"^((module|model|vae|taesd)\.)+")
NAME = re.compile(r"(?:(?:taesd_)?(encoder|decoder)\.(?:layers\.)?)?(\d+)\.((?:conv\.[024]\.|skip\.)?(?:weight|bias))")


def recognises(shapes: Shapes) -> bool:
    """Every name is a numbered layer, and there are blocks of three 3x3 convolutions."""
    names = [NAME.fullmatch(WRAPPERS.sub("", name)) for name in shapes]
    blocks = {name[3] for name in names if name} >= {"conv.0.weight", "conv.2.weight", "conv.4.weight"}
    kernels = all(len(shape) == 1 or (len(shape) == 4 and shape[2] == shape[3] in (1, 3)) for shape in shapes.values())
    return blocks and all(names) and kernels


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> AutoencoderTiny:
    """The autoencoder in `state`; `config` may hold `act_fn`. BadWeights for a tensor or a setting that does not fit."""
    for name, usual in (("upsample_fn", "nearest"), ("upsampling_scaling_factor", 2)):
        if said(config, name) not in (None, usual):
            value = said(config, name)
            raise BadWeights(f"{name} {quote(value)} of these {TITLE} weights is not read; use one with {usual}.")
    parts: dict[str, dict[int, dict[str, Tensor]]] = {"encoder": {}, "decoder": {}}
    for name, tensor in state.items():
        match = NAME.fullmatch(WRAPPERS.sub("", name))
        if match is None:
            raise BadWeights(f"The tensor {quote(name)} is no part of {TITLE}; use a file with the autoencoder alone.")
        parts[match[1] or "decoder"].setdefault(int(match[2]), {})[match[3]] = tensor
    ordered = {part: [layers[number] for number in sorted(layers)] for part, layers in parts.items()}
    encoder, decoder = ([_kind(layer) for layer in ordered[part]] for part in ("encoder", "decoder"))
    reads_pictures = bool(decoder) and decoder[0][0] == 3 != decoder[-1][1]
    if not decoder or (reads_pictures and not encoder):
        raise BadWeights(f"These {TITLE} weights hold the encoder alone; choose the decoder's file, or both in one.")
    with torch.device("meta"):
        model = AutoencoderTiny(encoder, decoder, activation(config, "relu", TITLE))
    renamed = {
        f"{part}.{place}.{leaf}": tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        for part, layers in ordered.items()
        for place, layer in enumerate(layers)
        for leaf, tensor in layer.items()
    }
    fill(model, renamed, TITLE)
    model.eval().requires_grad_(False)
    if encoder:
        model.look()
    return model


def _kind(layer: Mapping[str, Tensor]) -> tuple[int, int, str]:
    block = "conv.0.weight" in layer
    weight = layer.get("conv.0.weight" if block else "weight")
    if weight is None or weight.ndim != 4:
        raise BadWeights(
            f"These {TITLE} weights lack the kernel of a layer that has {quote(sorted(layer))}; fetch the file again."
        )
    return weight.shape[1], weight.shape[0], "block" if block else "conv" if "bias" in layer else "resize"


FAMILY = Family(title=TITLE, kind="autoencoder", recognises=recognises, from_state_dict=from_state_dict)
