"""3x3 convolutions with constant weights, as fast as plain torch can make them. It knows no family.

Which way a layer goes, its own products or the fewer ones of `winograd`, follows from its shape, or from what was
measured on this machine (`ways`).
"""

from functools import cache
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.packed import Packed, packs, runs_here, wants_gradient
from genart.families.ways import STARTS, Choice, Layer
from genart.families.winograd import bands, tiles

PLAIN = "plain"
TILE_CHANNELS = 96  # from which tiles repay what the transforms take
BAND_CHANNELS = 64  # and bands
TILE_PIXELS = 256
BAND_PIXELS = 4096
LEAST_TRIED = (32, 1024)  # channels and pixels of a layer, from which its ways are measured
MOST_TRIED = 32 * 2**20  # bytes of the picture that this is done with, before the layer or after it
MOST_BYTES = 64 * 2**20  # of weights transformed for tiles, which are four times as many
FEWEST_PIXELS = 256  # for `to_few`
MOST_FEW = 4  # channels
SHARES_BYTES = 64 * 2**20  # at a time


class Conv3x3(nn.Module):
    """(N, inside, H, W) -> (N, outside, H, W), or twice the size where `up` takes nearest neighbours first."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, up: bool = False):
        super().__init__()
        self.up = up
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.convolution = Convolution()

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x.contiguous(memory_format=torch.channels_last), self.weight, self.bias, up=self.up)


class FastConv2d(nn.Conv2d):
    """nn.Conv2d of 3x3 or 1x1 that keeps the size; `up` doubles x first, for 3x3."""

    def __init__(self, inside: int, outside: int, kernel: int = 3, bias: bool = True):
        super().__init__(inside, outside, kernel, padding=kernel // 2, bias=bias)
        self.convolution = Convolution()

    def forward(self, x: Tensor, up: bool = False) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        return self.convolution(x, self.weight, self.bias, padding=self.padding[0], up=up)  # type: ignore[no-any-return]

    def rectified(self, x: Tensor) -> Tensor:
        """With ReLU after it."""
        return self.convolution.rectified(x.contiguous(memory_format=torch.channels_last), self.weight, self.bias)


class Conv1x1(nn.Module):
    """(N, inside, H, W) -> (N, outside, H, W): a matrix for every point."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        self.weight = nn.Parameter(weight.flatten(1).contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return _at_each_point(x, self.weight, self.bias)


def _at_each_point(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(N, inside, H, W), weight (outside, inside) -> (N, outside, H, W)."""
    points = x.permute(0, 2, 3, 1)
    return product(points.flatten(0, 2), weight, bias).unflatten(0, points.shape[:3]).permute(0, 3, 1, 2)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (n, inside) weightᵀ (inside, outside) + bias, by the faster of torch's two libraries."""
    if not runs_here(x, weight, bias):
        return F.linear(x, weight, bias)
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


def to_few(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """F.conv2d with padding 1 of x (N, inside, H, W), quicker where it makes no more channels than a picture has.

    oneDNN would make 16. Here all taps' shares come of one product, and are added up, each shifted by its tap.
    """
    n, inside, height, width = x.shape
    few = len(weight) <= MOST_FEW and height * width >= FEWEST_PIXELS
    if not few or not runs_here(x, weight, bias):
        return F.conv2d(x, weight, bias, padding=1)
    taps = weight.permute(2, 3, 0, 1).reshape(-1, inside)
    out = x.new_zeros(len(weight), n, height + 2, width + 2)
    strip = max(1, SHARES_BYTES // (4 * len(taps) * n * width))
    for top in range(0, height, strip):
        rows = x[:, :, top : top + strip]
        tall = rows.shape[2]
        shares = product(taps, rows.permute(0, 2, 3, 1).reshape(-1, inside)).view(3, 3, len(weight), n, tall, width)
        for i in range(3):
            for j in range(3):
                out[:, :, top + 2 - i : top + 2 - i + tall, 2 - j : 2 - j + width] += shares[i, j]
    out = out[:, :, 1:-1, 1:-1].transpose(0, 1)
    return out if bias is None else out + bias[:, None, None]


class Convolution(nn.Module):
    """A convolution of x (N, inside, H, W), channels last, with `weight` (outside, inside, 3, 3) or (…, 1, 1).

    It keeps the transformed weights until the weights change; they are no part of what is saved.
    """

    def __init__(self, choice: Choice | None = None) -> None:
        super().__init__()
        self.packed = Packed()
        self.choice = choice

    def forward(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        padding: int = 1,
        up: bool = False,
        style: Tensor | None = None,
        gain: Tensor | None = None,
    ) -> Tensor:
        """(N, outside, H + 2 padding - 2, W + 2 padding - 2), channels last; `up` doubles x first, with padding 1 and no scales.

        `style` (N, inside) scales what goes in and `gain` (N, outside) what comes out, before the bias.
        """
        if up:
            return self.packed.doubled(x, weight, bias)
        constant = runs_here(x, weight, style, gain, bias)
        way = self._way(x, weight) if constant else PLAIN
        if way == PLAIN:
            if weight.shape[2] == 3 and constant and packs(x, weight):
                y = self.packed.convolution(scaled(x, style), weight, bias if gain is None else None, padding)
                return y if gain is None else scaled(y, gain, bias)
            return _direct(x, weight, bias, padding, style, gain)
        fewer_products = tiles if way == "tiles" else bands
        pictures = []
        for i, one in enumerate(x):
            own = (None if scale is None else scale[i] for scale in (style, gain))
            pictures.append(fewer_products(one.permute(1, 2, 0), self.packed, weight, bias, padding, *own)[None])
        return (pictures[0] if len(pictures) == 1 else torch.cat(pictures)).permute(0, 3, 1, 2)

    def rectified(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """ReLU of the convolution with padding 1, in one pass where the library can."""
        if runs_here(x, weight, bias) and self._way(x, weight) == PLAIN:
            once = [1, 1], [1, 1], [1, 1], 1
            made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *once, "relu", [], "")
            return made
        return F.relu_(self(x, weight, bias))

    def _way(self, x: Tensor, weight: Tensor) -> str:
        if weight.shape[2] != 3:
            return PLAIN
        layer = Layer(*weight.shape[:2], *x.shape[2:])
        usual = usual_way(layer)
        return usual if self.choice is None else self.choice.way(layer, [usual, *(way for way in _ways(layer) if way != usual)])


def _direct(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, style: Tensor | None, gain: Tensor | None) -> Tensor:
    """The convolution as torch has it, the scales in whichever is smaller, the weights or the picture."""
    if style is None and gain is None and weight.shape[2] == 3 and padding == 1:
        return to_few(x, weight, bias)
    if len(x) == 1 and x.numel() > weight.numel() and not wants_gradient(x, weight):
        weight = weight if style is None else weight * style[0, :, None, None]
        weight = weight if gain is None else weight * gain[0, :, None, None, None]
        return _plain(x, weight, bias, padding)
    x = scaled(x, style)
    return _plain(x, weight, bias, padding) if gain is None else scaled(_plain(x, weight, None, padding), gain, bias)


def _plain(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    if weight.shape[2] == 1 and not padding:
        return _at_each_point(x, weight.flatten(1), bias)
    return F.conv2d(x, weight, bias, padding=padding)


def scaled(x: Tensor, scale: Tensor | None, bias: Tensor | None = None) -> Tensor:
    """x (N, C, H, W) times `scale` (N, C), plus `bias` (C,)."""
    if scale is None:
        return x
    return x * scale[:, :, None, None] if bias is None else torch.addcmul(bias[:, None, None], x, scale[:, :, None, None])


def usual_way(layer: Layer) -> str:
    """The way that was quickest for layers of this shape on processors as we know them."""
    channels, pixels = min(layer.outside, layer.inside), layer.height * layer.width
    if channels >= TILE_CHANNELS and pixels >= TILE_PIXELS and _fits_tiles(layer):
        return "tiles"
    return "bands" if channels >= BAND_CHANNELS and pixels >= BAND_PIXELS else PLAIN


def trial(layer: Layer) -> Callable[[str], Tensor]:
    """A layer of this shape to be timed, which goes the way that it is told; of a large picture it has the first rows."""
    layer = layer._replace(height=min(layer.height, MOST_TRIED // (4 * layer.width * max(layer.inside, layer.outside))))
    x = torch.ones(1, layer.height, layer.width, layer.inside).permute(0, 3, 1, 2)
    weight = torch.ones(layer.outside, layer.inside, 3, 3).contiguous(memory_format=torch.channels_last)
    going = cache(lambda way: Convolution(Choice({str(layer): (way,) * STARTS})))
    return lambda way: going(way)(x, weight)


def _ways(layer: Layer) -> list[str]:
    """Those that are worth a trial."""
    channels, pixels = min(layer.outside, layer.inside), layer.height * layer.width
    if channels < LEAST_TRIED[0] or pixels < LEAST_TRIED[1]:
        return []
    return [PLAIN, "bands", *(["tiles"] if _fits_tiles(layer) else [])]


def _fits_tiles(layer: Layer) -> bool:
    return 36 * layer.outside * layer.inside * 4 <= MOST_BYTES
