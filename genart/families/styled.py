"""The layers of StyleGAN2 (Karras 2019, arXiv:1912.04958): convolutions under a style, and pictures at twice the size.

They know no order of layers and no files.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.conv import Convolution, scaled
from genart.families.ops import EqualLinear, normal
from genart.families.packed import Packed, packs
from genart.families.ways import HALF, Ways

SLOPE = 0.2
ACTIVATION_GAIN = math.sqrt(2)
STRIP_BYTES = 16 * 2**20  # of a picture being doubled: a fresh large tensor costs more than what is done in it


class StyledConv(nn.Module):
    """3x3 convolution under a style, then noise, bias, leaky ReLU and clamp.

    The paper scales the weights by the style s and normalises them, one set for each picture.
    Scaling the input channels by s and the output channels by 1 / √(s² Σk w²) gives the same
    numbers, and the weights stay constant (Karras 2019, arXiv:1912.04958, section 2.2).
    """

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(self, inside: int, outside: int, w_dim: int, shape: tuple[int, int], clamp: float | None, up: bool = False):
        super().__init__()
        self.up = up
        self.clamp = clamp
        self.affine = EqualLinear(w_dim, inside, bias=1.0)
        self.weight = nn.Parameter(normal(outside, inside, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", normal(*shape))
        self.register_buffer("resample_filter", low_pass())
        self.convolution = Convolution()
        self.packed = Packed()
        self.kept_power: tuple[object, Tensor] = (None, self.noise_const)
        self.lay_out()

    def forward(self, x: Tensor, w: Tensor, pattern: Tensor | None, gain: float = 1.0, ways: Ways | None = None) -> Tensor:
        """(N, inside, h, w) -> (N, outside, H, W), channels last in memory.

        A leaky ReLU commutes with positive factors, so its gain and the layer's go into the
        scale, the noise and the bias. The clamp stands before it for the gradient's sake.
        """
        total_gain = gain * ACTIVATION_GAIN
        style = self.affine(w)
        scale = torch.rsqrt(style.square() @ self.power() + 1e-8) * total_gain
        bias = self.bias * total_gain
        noise = None if pattern is None else pattern * (self.noise_strength * total_gain)
        if not self.up:
            return self._finished(self._kept_size(x, style, scale, bias, ways), noise, gain)
        height, strip = x.shape[2], self._strip(x)
        if strip >= height:
            return self._finished(self._doubled(x, style, scale, bias, 0, height, ways), noise, gain)
        out = x.new_empty(len(x), 2 * height, 2 * x.shape[3], len(bias)).permute(0, 3, 1, 2)
        for top in range(0, height, strip):
            end = min(top + strip, height)
            part = self._doubled(x, style, scale, bias, top, end, ways)
            rows = slice(2 * top, 2 * end)
            out[:, :, rows] = self._finished(part, None if noise is None else noise[rows], gain)
        return out

    def _kept_size(self, x: Tensor, style: Tensor, scale: Tensor, bias: Tensor, ways: Ways | None) -> Tensor:
        def exact() -> Tensor:
            return self.convolution(x, self.weight, bias, style=style, gain=scale)

        def half() -> Tensor:
            made = self.packed.convolution(scaled(x, style).to(HALF), self.weight, None, 1)
            return scaled(made.float(), scale, bias)

        return exact() if ways is None else ways.made(self._name(x), exact, half)

    def _name(self, x: Tensor) -> str:
        """What decides how long this layer takes."""
        return "{} {} from {} {} {}".format("up" if self.up else "3x3", *self.weight.shape[:2], *x.shape[2:])

    def _strip(self, x: Tensor) -> int:
        """How many rows to double at a time: all while there are gradients, else what stays in the processor's cache."""
        if torch.is_grad_enabled() or not x.is_cpu:
            return x.shape[2]
        return max(8, STRIP_BYTES // (16 * x.shape[0] * x.shape[3] * self.weight.shape[0]))

    def _doubled(
        self, x: Tensor, style: Tensor, scale: Tensor, bias: Tensor, top: int, end: int, ways: Ways | None = None
    ) -> Tensor:
        """Rows `top` to `end` of x at twice the size, filtered, scaled and with the bias.

        A row more on either side is doubled too, for the filter reads it; beyond the picture's edge stand zeros.
        """
        first, last = max(top - 1, 0), min(end + 1, x.shape[2])
        x, taps, alone = x[:, :, first:last], 4 * self.resample_filter.flip(0, 1), len(x) == 1

        def exact() -> Tensor:
            weight = self.weight.transpose(0, 1)
            if alone and x.numel() > weight.numel() and not torch.is_grad_enabled():
                return F.conv_transpose2d(x, weight * style[0, :, None, None, None], stride=2)  # they are fewer than the pixels
            styled = scaled(x, style)
            return (
                self.packed.transposed(styled, self.weight)
                if packs(styled, self.weight)
                else F.conv_transpose2d(styled, weight, stride=2)
            )

        def half() -> Tensor:
            return self.packed.transposed(scaled(x, style).to(HALF), self.weight).float()

        y = exact() if ways is None else ways.made(self._name(x), exact, half)
        taps = taps * (scale[0] if alone else torch.ones_like(scale[0]))[:, None, None, None]  # a filter for every channel
        y = F.conv2d(y, taps, bias if alone else None, padding=1, groups=len(taps))
        y = y[:, :, 2 * (top - first) : 2 * (end - first)]
        return y if alone else scaled(y, scale, bias)

    def _finished(self, x: Tensor, noise: Tensor | None, gain: float) -> Tensor:
        if noise is not None:
            x = x.add_(noise)
        if self.clamp is not None:
            x = x.clamp_(-self.clamp * gain / SLOPE, self.clamp * gain)
        return F.leaky_relu_(x, SLOPE)

    def power(self) -> Tensor:
        """Σk w², (inside, outside): kept until the weights change, and not at all while they are trained."""
        if self.weight.requires_grad:
            return self.weight.square().sum((2, 3)).t()
        version = (self.weight.data_ptr(), self.weight.dtype, self.weight._version)
        if self.kept_power[0] != version:
            with torch.inference_mode(False):  # it may later meet a gradient
                self.kept_power = version, self.weight.square().sum((2, 3)).t().contiguous()
        return self.kept_power[1]

    def lay_out(self) -> None:
        """Orders the weights in memory as the convolution reads them, so that no call reorders them."""
        seen = self.weight.data.transpose(0, 1) if self.up else self.weight.data
        seen = seen.contiguous(memory_format=torch.channels_last)
        self.weight.data = seen.transpose(0, 1) if self.up else seen


class ToRGB(nn.Module):
    """1x1 convolution under a style, without normalisation: (N, inside, H, W) -> (N, rgb, H, W)."""

    def __init__(self, inside: int, rgb: int, w_dim: int, clamp: float | None):
        super().__init__()
        self.clamp = clamp
        self.affine = EqualLinear(w_dim, inside, bias=1.0)
        self.weight = nn.Parameter(normal(rgb, inside, 1, 1))
        self.bias = nn.Parameter(torch.zeros(rgb))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(x.shape[1])
        weights = self.weight[:, :, 0, 0] * style[:, None]  # (N, rgb, inside): small enough to be each picture's own
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
        rgb = torch.baddbmm(self.bias, pixels, weights.transpose(1, 2))
        rgb = rgb.reshape(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        return rgb if self.clamp is None else rgb.clamp_(-self.clamp, self.clamp)


class Skip(nn.Module):
    """The shortcut of a residual block: 1x1 convolution and doubled size."""

    resample_filter: Tensor

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.weight = nn.Parameter(normal(outside, inside, 1, 1))
        self.register_buffer("resample_filter", low_pass())

    def forward(self, x: Tensor) -> Tensor:
        return double(F.conv2d(x, self.weight * math.sqrt(0.5 / x.shape[1])), self.resample_filter)


def low_pass() -> Tensor:
    """The papers' resampling filter: binomial, (4, 4), sum 1."""
    taps = (1 / 8, 3 / 8, 3 / 8, 1 / 8)
    return torch.tensor([[a * b for b in taps] for a in taps])


def double(x: Tensor, taps: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W): zeros between the pixels, then the filter."""
    taps = 4 * taps.expand(x.shape[1], 1, 4, 4)  # each value is spread over four pixels
    return F.conv_transpose2d(x, taps, stride=2, padding=1, groups=x.shape[1])


# Reading weights. Sizes are read off them; `config` may hold `conv_clamp`, which they cannot say.
