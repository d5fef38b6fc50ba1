"""3x3 convolutions by fewer products (Winograd's: Lavin & Gray 2015, arXiv:1509.09308). It knows no family.

Four outputs of three taps are the middle of a product of two polynomials, found from six of its
values (Toom 1963, Cook 1966): six products and not twelve. Down the columns alone these are six
convolutions along the rows, in `bands`, with half the products of one; along the rows too they are
36 matrix products, in `tiles`, with a quarter, but the pictures pass through the processor's cache
more often, which only many channels repay.
"""

from functools import cache
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.families.packed import Packed, use_of

Values = TypeVar("Values", Tensor, list[Tensor])

# The points are 0, ±NEAR, ±FAR and infinity. With the usual 0, ±1, ±2 the largest error is four times as large.
NEAR, FAR = 0.75, 1.5
RATIO = FAR / NEAR
SCALES = (2 * (1 - RATIO**2), NEAR, 2 * NEAR**2, NEAR**3 * (RATIO**3 - RATIO))
MOST_TILES = 256  # at a time, and no more than channels: what they need stays in the processor's cache
BAND_POINTS = 2048  # of each of the six convolutions of a band


def tiles(
    x: Tensor, packed: Packed, weight: Tensor, bias: Tensor | None, padding: int, style: Tensor | None, gain: Tensor | None
) -> Tensor:
    """(h, w, inside) -> (H, W, outside), by 36 products for 4x4 pixels, some rows of tiles at a time."""
    height, width, inside = x.shape
    outside = len(weight)
    tall, wide = height + 2 * padding - 2, width + 2 * padding - 2
    rows, across = -(-tall // 4), -(-wide // 4)
    strips = -(-rows // max(1, min(MOST_TILES, max(inside, outside)) // across))
    count = -(-rows // strips)
    scale = torch.outer(_scales(), _scales())[:, None, :, None] * (x.new_ones(outside) if gain is None else gain)
    out = x.new_empty(rows, 4, across, 4, outside)
    band = x.new_empty(4 * count + 2, 4 * across + 2, inside)  # of x, with zeros round it
    band[:, :padding] = band[:, padding + width :] = 0
    high = x.new_empty(count, band.shape[1], 6, inside)
    values = x.new_empty(count, across, 6, 6, inside)
    for strip in range(strips):
        top = min(strip * count, rows - count)  # all are of one size, for which the weights are packed
        _copied(x, 4 * top - padding, band[:, padding : padding + width], style)
        _evaluated(band.unfold(0, 6, 4).movedim(-1, 0), high.movedim(2, 0))
        _evaluated(high.unfold(1, 6, 4).movedim(-1, 0), values.movedim(2, 0))
        made = _products(values.flatten(0, 1).flatten(1), packed, weight).view(count, across, 6, 6, outside)
        made = _interpolated(_interpolated(made.movedim(3, 0)).movedim(3, 0)).permute(2, 1, 3, 0, 4)
        place = out[top : top + count]
        torch.mul(made, scale, out=place) if bias is None else torch.addcmul(bias, made, scale, out=place)
    return out.view(rows * 4, across * 4, outside)[:tall, :wide]


def bands(
    x: Tensor, packed: Packed, weight: Tensor, bias: Tensor | None, padding: int, style: Tensor | None, gain: Tensor | None
) -> Tensor:
    """(h, w, inside) -> (H, W, outside), by six convolutions along the rows for four of them, some rows at a time."""
    height, width, inside = x.shape
    outside = len(weight)
    tall, wide = height + 2 * padding - 2, width + 2 * padding - 2
    rows = -(-tall // 4)
    strips = -(-rows // max(1, BAND_POINTS // wide))
    count = -(-rows // strips)
    scale = _scales()[:, None] * (x.new_ones(outside) if gain is None else gain)
    bias = x.new_zeros(outside) if bias is None else bias
    out = x.new_empty(rows, 4, wide, outside)
    band = x.new_empty(4 * count + 2, width, inside)
    values = x.new_empty(6, count, width, inside)
    room = torch.empty_like(values)
    once = [0, padding], [1, 1], [1, 1], 1
    points = values[:1].permute(0, 3, 1, 2)
    reorder = torch.ops.mkldnn._reorder_convolution_weight
    kernels = packed.kept(
        weight, (use_of(points), padding), lambda: [reorder(part, *once, list(points.shape)) for part in _along_rows(weight)]
    )
    for strip in range(strips):
        top = min(strip * count, rows - count)  # all are of one size, for which the weights are packed
        first = 4 * top - padding
        whole = style is None and first >= 0 and first + len(band) <= height
        seen = x[first : first + len(band)] if whole else _copied(x, first, band, style)
        _evaluated(seen.unfold(0, 6, 4).movedim(-1, 0), values, room)
        made = [
            torch.ops.mkldnn._convolution_pointwise(part[None].permute(0, 3, 1, 2), kernel, None, *once, "none", [], "")
            for part, kernel in zip(values, kernels, strict=True)
        ]
        for i, row in enumerate(_interpolated([part[0].permute(1, 2, 0) for part in made])):
            torch.addcmul(bias, row, scale[i], out=out[top : top + count, i])
    return out.view(rows * 4, wide, outside)[:tall]


def _copied(x: Tensor, first: int, band: Tensor, style: Tensor | None) -> Tensor:
    """Rows of x (h, w, inside) from `first` on, times the style, in `band`; zeros where x has none."""
    start, end = max(first, 0), min(first + len(band), len(x))
    inner = band[start - first : end - first]
    inner.copy_(x[start:end]) if style is None else torch.mul(x[start:end], style, out=inner)
    band[: start - first] = band[end - first :] = 0
    return band


def _products(x: Tensor, packed: Packed, weight: Tensor) -> Tensor:
    """x (tiles, 36 inside) -> (tiles, 36 outside): each of 36 times its own matrix of the transformed weights."""
    once = [0, 0], [1, 1], [1, 1], 36
    x = x.T[None, :, None]
    reorder = torch.ops.mkldnn._reorder_convolution_weight
    [kernel] = packed.kept(weight, use_of(x), lambda: [reorder(_both_ways(weight), *once, list(x.shape))])
    made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, kernel, None, *once, "none", [], "")
    return made[0, :, 0].T


@cache
def _scales() -> Tensor:
    """(4,): by what four pixels are to be multiplied when `_interpolated` leaves them."""
    with torch.inference_mode(False):
        return torch.tensor(SCALES)


def _values_of_taps() -> Tensor:
    """(6, 3): three taps as a polynomial, at the six points, with the scales that pixels do not get."""
    points = torch.tensor([-FAR, NEAR, -NEAR, FAR, 0], dtype=torch.float64)
    apart = points[:, None] - points + torch.eye(5, dtype=torch.float64)
    values = F.pad(points[:, None] ** torch.arange(3) / apart.prod(1, keepdim=True), (0, 0, 0, 1))
    values[4] /= SCALES[0]  # these two are added to pixels before the scales
    values[5, 2] = 1 / SCALES[3]
    return values


def _both_ways(weight: Tensor) -> Tensor:
    """(outside, inside, 3, 3) -> (36 outside, inside, 1, 1): the columns' values, and of these the rows'."""
    values = _values_of_taps()
    return torch.einsum("ia,jb,ocab->jioc", values, values, weight.double()).float().reshape(-1, weight.shape[1], 1, 1)


def _along_rows(weight: Tensor) -> Tensor:
    """(outside, inside, 3, 3) -> (6, outside, inside, 1, 3): the columns' values, each with its row of taps."""
    return torch.einsum("ia,ocab->iocb", _values_of_taps(), weight.double()).float()[:, :, :, None]


def _evaluated(x: Tensor, out: Tensor, room: Tensor | None = None) -> None:
    """`out` (6, ...) becomes the polynomials that go with `_values_of_taps`, of six pixels x (6, ...); `room` is as large."""
    near = torch.sub(x[2:], x[:4], alpha=FAR**2, out=None if room is None else room[:4])
    far = torch.sub(x[3:5], x[1:3], alpha=NEAR**2, out=None if room is None else room[4:])
    torch.sub(far[1], far[0], alpha=FAR, out=out[0])
    torch.add(near[2], near[1], alpha=NEAR, out=out[1])
    torch.sub(near[2], near[1], alpha=NEAR, out=out[2])
    torch.add(far[1], far[0], alpha=FAR, out=out[3])
    torch.sub(near[2], near[0], alpha=NEAR**2, out=out[4])
    torch.sub(near[3], near[1], alpha=NEAR**2, out=out[5])


def _interpolated(y: Values) -> Values:
    """Four pixels, but for `_scales`, from six values y (6, ...), in their place."""
    even_far, odd_near, even_near, odd_far, at_zero, at_infinity = y
    odd_near.sub_(even_near)
    even_near.add_(odd_near, alpha=0.5)  # half the sum of what the two were
    odd_far.sub_(even_far)
    even_far.add_(odd_far, alpha=0.5)
    odd_near.add_(odd_far, alpha=RATIO)
    odd_far.add_(odd_near, alpha=1 / (RATIO**3 - RATIO)).add_(at_infinity)
    even_near.add_(even_far, alpha=RATIO**2)
    even_far.add_(even_near, alpha=1 / (1 - RATIO**2)).add_(at_zero)
    return y[:4]
