"""The decoders of two autoencoders as their authors write them: plain, channels first, and sharing nothing with genart.

AutoencoderKL (Rombach 2021, arXiv:2112.10752) in the names of diffusers, and the tiny autoencoder
distilled from it (madebyollin/taesd). Tests compare with them, and benchmarks/families.py times against them.
"""

from typing import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
Act = Callable[[Tensor], Tensor]
GROUPS = 32


def kl_decode(state: State, z: Tensor, act: Act = F.silu) -> Tensor:
    """(N, 4, h, w) -> (N, 3, 8h, 8w). `act` is that of the residual blocks; the last norm is always followed by SiLU."""
    x = conv(state, "decoder.conv_in", conv(state, "post_quant_conv", z))
    x = resnet(state, "decoder.mid_block.resnets.0", x, act)
    x = attention(state, "decoder.mid_block.attentions.0", x)
    x = resnet(state, "decoder.mid_block.resnets.1", x, act)
    level = 0
    while f"decoder.up_blocks.{level}.resnets.0.conv1.weight" in state:
        name, block = f"decoder.up_blocks.{level}", 0
        while f"{name}.resnets.{block}.conv1.weight" in state:
            x = resnet(state, f"{name}.resnets.{block}", x, act)
            block += 1
        if f"{name}.upsamplers.0.conv.weight" in state:
            x = conv(state, f"{name}.upsamplers.0.conv", F.interpolate(x, scale_factor=2.0, mode="nearest"))
        level += 1
    return conv(state, "decoder.conv_out", F.silu(norm(state, "decoder.conv_norm_out", x)))


def resnet(state: State, name: str, x: Tensor, act: Act) -> Tensor:
    y = conv(state, f"{name}.conv1", act(norm(state, f"{name}.norm1", x)))
    y = conv(state, f"{name}.conv2", act(norm(state, f"{name}.norm2", y)))
    return y + (conv(state, f"{name}.conv_shortcut", x) if f"{name}.conv_shortcut.weight" in state else x)


def attention(state: State, name: str, x: Tensor) -> Tensor:
    points = norm(state, f"{name}.group_norm", x).flatten(2).transpose(1, 2)
    q, k, v = (F.linear(points, state[f"{name}.to_{part}.weight"], state[f"{name}.to_{part}.bias"]) for part in "qkv")
    seen = torch.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, dim=2) @ v
    out = F.linear(seen, state[f"{name}.to_out.0.weight"], state[f"{name}.to_out.0.bias"])
    return x + out.transpose(1, 2).reshape(x.shape)


def norm(state: State, name: str, x: Tensor) -> Tensor:
    return F.group_norm(x, GROUPS, state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)


def conv(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[2] // 2)


def tiny_decode(state: State, z: Tensor, act: Act = F.relu) -> Tensor:
    """(N, 4, h, w) -> (N, 3, 8h, 8w) about [-1, 1]. A block ends in ReLU, whatever is within."""
    x = torch.tanh(z / 3) * 3
    for name in sorted({key.split(".")[2] for key in state}, key=int):
        layer = f"decoder.layers.{name}"
        if f"{layer}.conv.0.weight" in state:
            y = act(conv(state, f"{layer}.conv.0", x))
            y = act(conv(state, f"{layer}.conv.2", y))
            x = F.relu(conv(state, f"{layer}.conv.4", y) + x)
        elif f"{layer}.bias" in state:
            x = conv(state, layer, x)
            x = act(x) if name == "0" else x
        else:
            x = conv(state, layer, F.interpolate(x, scale_factor=2.0, mode="nearest"))
    return x * 2 - 1


class Drawn(dict[str, Tensor]):
    """A state dict that draws its tensors, with nothing at a trivial value."""

    def __init__(self, seed: int):
        super().__init__()
        self.draw = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=self.draw) * spread

    def layer(self, name: str, outside: int, inside: int, kernel: int = 3, bias: bool = True, flat: bool = False) -> None:
        shape = (outside, inside) if flat else (outside, inside, kernel, kernel)
        self[f"{name}.weight"] = self.normal(*shape, spread=(inside * kernel**2) ** -0.5)
        if bias:
            self[f"{name}.bias"] = self.normal(outside, spread=0.1)

    def norm(self, name: str, channels: int) -> None:
        self[f"{name}.weight"], self[f"{name}.bias"] = 1 + self.normal(channels, spread=0.1), self.normal(channels, spread=0.1)

    def resnet(self, name: str, inside: int, outside: int) -> None:
        self.norm(f"{name}.norm1", inside)
        self.layer(f"{name}.conv1", outside, inside)
        self.norm(f"{name}.norm2", outside)
        self.layer(f"{name}.conv2", outside, outside)
        if inside != outside:
            self.layer(f"{name}.conv_shortcut", outside, inside, 1)

    def middle(self, name: str, channels: int) -> None:
        for place in range(2):
            self.resnet(f"{name}.resnets.{place}", channels, channels)
        self.norm(f"{name}.attentions.0.group_norm", channels)
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            self.layer(f"{name}.attentions.0.{part}", channels, channels, 1, flat=True)


def kl_state(channels: Sequence[int] = (128, 256, 512, 512), seed: int = 0) -> State:
    """The whole of AutoencoderKL, for a latent of 4 channels; `channels` are its levels' from the largest."""
    state = Drawn(seed)
    state.layer("encoder.conv_in", channels[0], 3)
    state.layer("decoder.conv_in", channels[-1], 4)
    for part, stages, wide, blocks, resized in (
        ("encoder", "down", list(channels), 2, "downsamplers"),
        ("decoder", "up", list(channels)[::-1], 3, "upsamplers"),
    ):
        inside = wide[0]
        for level, outside in enumerate(wide):
            for block in range(blocks):
                state.resnet(f"{part}.{stages}_blocks.{level}.resnets.{block}", inside, outside)
                inside = outside
            if level < len(wide) - 1:
                state.layer(f"{part}.{stages}_blocks.{level}.{resized}.0.conv", outside, outside)
        state.middle(f"{part}.mid_block", channels[-1])
        state.norm(f"{part}.conv_norm_out", wide[-1])
    state.layer("encoder.conv_out", 8, channels[-1])
    state.layer("decoder.conv_out", 3, channels[0])
    state.layer("quant_conv", 8, 8, 1)
    state.layer("post_quant_conv", 4, 4, 1)
    return dict(state)


def tiny_state(channels: int = 64, seed: int = 0) -> State:
    """The tiny autoencoder's decoder, numbered as in diffusers: doublings and activations have numbers too."""
    state = Drawn(seed)
    state.layer("decoder.layers.0", channels, 4)
    for place in (2, 3, 4, 7, 8, 9, 12, 13, 14, 17):
        for part in (0, 2, 4):
            state.layer(f"decoder.layers.{place}.conv.{part}", channels, channels)
    for place in (6, 11, 16):
        state.layer(f"decoder.layers.{place}", channels, channels, bias=False)
    state.layer("decoder.layers.18", 3, channels)
    return dict(state)
