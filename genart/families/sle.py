"""The network of FastGAN and Projected GAN: gated blocks that double the size, and skip-layer
excitation from the small ones to the large (Liu 2021, arXiv:2101.04775). It knows no family's names.
"""

import re
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights
from genart.families.base import Space
from genart.families.conv import Conv3x3
from genart.families.ops import SeededNoise, Stock, kept
from genart.recipe import Noise

OWN_SEED = 0  # of the pattern that stands for noise where a recipe asks for none in particular


class SLE(nn.Module):
    """z (N, z_dim) -> pictures (N, C, H, W); the last layer's values, not squashed.

    The weights are read off `stock` under FastGAN's names: `init`, `feat_{size}`, `se_{size}`,
    `to_big` and, for a small picture beside the large one, `to_128`.
    """

    def __init__(self, stock: Stock):
        super().__init__()
        self.init = Init(stock)
        sizes = sorted({int(match[1]) for name in stock.left if (match := re.match(r"feat_(\d+)\.", name))})
        if not sizes or any(large != 2 * small for small, large in pairwise([4, *sizes])):
            raise BadWeights(
                f"The blocks {sizes} of these {stock.title} weights do not double from 4 pixels; choose another file."
            )
        self.sizes = (4, *sizes)
        self.blocks = nn.ModuleList()
        self.excitations = nn.ModuleDict()
        channels = {4: self.init.channels}
        noisy: list[tuple[int, int]] = []
        for size in sizes:
            block = UpBlock(stock, f"feat_{size}", channels[size // 2])
            channels[size] = block.channels
            self.blocks.append(block)
            noisy += [(size, size)] * block.noisy
            if stock.has_weight(f"se_{size}.main.1"):
                self.excitations[str(size)] = Excitation(stock, f"se_{size}", channels[size // 16], channels[size])
        self.to_big = ToRGB(stock, "to_big", channels[sizes[-1]])
        self.seeded = SeededNoise(noisy)
        small = stock.has_weight("to_128") and sizes[-1] > 128
        self.to_small = ToRGB(stock, "to_128", channels[128]) if small else None

    def forward(self, z: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """`size` up to 128 gives the small picture, where there is one."""
        patterns = self.patterns(noise, z.device)
        features = {4: self.init(z)}
        for place, block in zip(self.sizes[1:], self.blocks, strict=True):
            x = block(features[place // 2], patterns)
            if str(place) in self.excitations:
                x = x * self.excitations[str(place)](features[place // 16])
            if place == 128 and size is not None and size <= 128 and self.to_small is not None:
                return self.to_small(x)
            features[place] = x
        return self.to_big(x)

    def patterns(self, noise: Noise, device: torch.device) -> "list[Tensor | None]":
        """The noise (H, W) of every noisy layer, last first, as the blocks take them from the end."""
        if noise.mode == "none":
            return [None] * len(self.seeded.shapes)
        drawn = self.seeded(noise.seed if noise.mode == "random" else OWN_SEED, device)
        return [pattern * noise.strength for pattern in reversed(drawn)]

    @property
    def has_noise(self) -> bool:
        return bool(self.seeded.shapes)


class Skipping(nn.Module):
    """What generators of this network share; each says itself how z becomes w, which is as long."""

    def __init__(self, network: SLE):
        super().__init__()
        self.network = network
        z_dim, size = network.init.weight.shape[0], network.sizes[-1]
        self.space = Space(
            z_dim=z_dim,
            w_dim=z_dim,
            num_ws=1,
            image_size=size,
            channels=len(network.to_big.weight),
            spherical=True,
            has_noise=network.has_noise,
            sizes=(size,) if network.to_small is None else (128, size),
        )

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim): zeros, the centre of the Gaussian."""
        return self.network.init.weight.new_zeros(1, 1, self.space.w_dim)

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) about [-1, 1]; stops at 128 where the network has that head."""
        return self.network(w[:, 0], noise, size)

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer."""
        return self.network.init.weight.T


class Init(nn.Module):
    """z (N, z_dim) -> (N, C, 4, 4): a transposed convolution of one point, that is a linear map, and a gate."""

    def __init__(self, stock: Stock):
        super().__init__()
        weight = stock.weight("init.init.0", None, None, 4, 4, transposed=True)
        scale, shift = stock.norm("init.init.1", weight.shape[1])
        self.channels = weight.shape[1] // 2
        self.weight = kept((weight * scale[:, None, None]).permute(0, 2, 3, 1).flatten(1))
        self.shift = kept(shift)

    def forward(self, z: Tensor) -> Tensor:
        x = (z @ self.weight).reshape(len(z), 4, 4, -1) + self.shift
        return gate(x.permute(0, 3, 1, 2))


class UpBlock(nn.Module):
    """Nearest neighbours at twice the size, then convolutions, each with noise where it has some and a gate."""

    def __init__(self, stock: Stock, name: str, inside: int):
        super().__init__()
        self.layers = nn.ModuleList()
        self.noisy = 0
        for place in sorted({int(match[1]) for key in stock.left if (match := re.match(rf"{name}\.(\d+)\.", key))}):
            layer = f"{name}.{place}"
            if not stock.has_weight(layer) or len(stock.weight_shape(layer)) != 4:
                continue
            noise = f"{name}.{place + 1}" if f"{name}.{place + 1}.running_mean" not in stock else None
            norm = f"{name}.{place + 1 if noise is None else place + 2}"
            conv = GatedConv(stock, layer, noise, norm, inside, up=not len(self.layers))
            self.layers.append(conv)
            self.noisy += noise is not None
            inside = conv.channels
        self.channels = inside

    def forward(self, x: Tensor, patterns: "list[Tensor | None]") -> Tensor:
        for layer in self.layers:
            x = layer(x, patterns.pop() if layer.noise is not None else None)
        return x


class GatedConv(nn.Module):
    """3x3 convolution, noise, batch norm and gate; the norm is folded into what stands before it."""

    def __init__(self, stock: Stock, layer: str, noise: str | None, norm: str, inside: int, up: bool):
        super().__init__()
        weight = stock.weight(layer, None, inside, 3, 3)
        scale, shift = stock.norm(norm, len(weight))
        if f"{layer}.bias" in stock:
            shift = shift + scale * stock.take(f"{layer}.bias", len(weight))
        self.channels = len(weight) // 2
        self.conv = Conv3x3(weight * scale[:, None, None, None], shift, up=up)
        self.noise = None if noise is None else kept(stock.take(f"{noise}.weight", 1) * scale)

    def forward(self, x: Tensor, pattern: Tensor | None) -> Tensor:
        x = self.conv(x)
        if pattern is not None:
            x = torch.addcmul(x, self.noise[:, None, None], pattern)  # type: ignore[index]
        return gate(x)


class Excitation(nn.Module):
    """The factors (N, C, 1, 1) that a small layer gives the channels of a large one."""

    def __init__(self, stock: Stock, name: str, inside: int, outside: int):
        super().__init__()
        first = stock.weight(f"{name}.main.1", outside, inside, 4, 4)
        second = stock.weight(f"{name}.main.3", outside, outside, 1, 1)
        biases = [f"{name}.main.{place}.bias" for place in (1, 3)]
        self.first, self.second = kept(first.flatten(1)), kept(second.flatten(1))
        self.biases = nn.ParameterList(
            kept(stock.take(bias, outside) if bias in stock else torch.zeros(outside)) for bias in biases
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(x, 4).flatten(1)
        x = F.silu(F.linear(x, self.first, self.biases[0]))
        return torch.sigmoid(F.linear(x, self.second, self.biases[1]))[:, :, None, None]


class ToRGB(nn.Module):
    def __init__(self, stock: Stock, name: str, inside: int):
        super().__init__()
        kernel = stock.weight_shape(name)[-1]
        self.weight = nn.Parameter(stock.weight(name, None, inside, kernel, kernel), requires_grad=False)
        channels = len(self.weight)
        self.bias = kept(stock.take(f"{name}.bias", channels) if f"{name}.bias" in stock else torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)


def gate(x: Tensor) -> Tensor:
    """(N, 2C, H, W) -> (N, C, H, W): one half lets the other through (Dauphin 2016, arXiv:1612.08083)."""
    return F.glu(x, dim=1)
