"""3x3 convolutions with constant weights, as fast as plain torch can make them. It knows no family.

Where there are many channels, tiles of 4x4 pixels are made of 36 products instead of 144
(Winograd's F(4x4, 3x3): Lavin & Gray 2015, arXiv:1509.09308), each a matrix product over all
channels. Which way a layer goes depends on its shape alone, so that a picture that is kept is the
same at every start; frames under the hand have `ways` of their own.
"""

from collections import OrderedDict
from functools import cache
from typing import Callable, Hashable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# With the usual 0, ±1, ±2 the largest error is four times as large.
NEAR, FAR = 0.75, 1.5
RATIO = FAR / NEAR
SCALES = (2 * (1 - RATIO**2), NEAR, 2 * NEAR**2, NEAR**3 * (RATIO**3 - RATIO))
FEWEST_CHANNELS = 128  # below, the transforms take longer than they save
MOST_BYTES = 64 * 2**20  # of transformed weights, which are four times as many
MOST_TILES = 256  # at a time, and no more than channels: what they need stays in the processor's cache
ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)  # on some processors twice as fast as the default, MKL
CAN_PACK = ONEDNN is not None and all(
    hasattr(torch.ops.mkldnn, name) for name in ("_reorder_convolution_weight", "_reorder_convolution_transpose_weight")
)
LAYOUT = getattr(torch.ops.mkldnn, "_get_mkldnn_serialized_md", None)
FEWEST_PIXELS = 256  # for tiles, and for `to_few`
MOST_FEW = 4  # channels
USES = 8  # shapes of picture: previews, the whole one
BAND_BYTES = 64 * 2**20  # of a picture being doubled, which is made in bands: a larger tensor costs more than what is done in it
PHASED = 512  # outputs from which four convolutions make a doubled picture 7 to 20 % sooner than oneDNN's own way
PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))  # rows and columns, even or odd
MOST_PACKED = 1024  # pixels: of a larger picture the products take so long that reordering the weights does not show


class Conv3x3(nn.Module):
    """(N, inside, H, W) -> (N, outside, H, W), or twice the size where `up` takes nearest neighbours first."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, up: bool = False):
        super().__init__()
        self.up = up
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.winograd = Winograd()

    def forward(self, x: Tensor) -> Tensor:
        return self.winograd(x.contiguous(memory_format=torch.channels_last), self.weight, self.bias, up=self.up)


class Conv1x1(nn.Module):
    """(N, inside, H, W) -> (N, outside, H, W): a matrix for every point."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        self.weight = nn.Parameter(weight.flatten(1).contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        points = x.permute(0, 2, 3, 1)
        return product(points.flatten(0, 2), self.weight, self.bias).unflatten(0, points.shape[:3]).permute(0, 3, 1, 2)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (n, inside) weightᵀ (inside, outside) + bias, by the faster of torch's two libraries."""
    if ONEDNN is None or not x.is_cpu or x.dtype != torch.float32 or _wants_gradient(x, weight):
        return F.linear(x, weight, bias)
    y: Tensor = ONEDNN(x, weight, bias, "none", [], "")
    return y


def to_few(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """F.conv2d with padding 1 of x (N, inside, H, W), quicker where it makes no more channels than a picture has.

    oneDNN would make 16. Here all taps' shares come of one product, and are added up, each shifted by its tap.
    """
    n, inside, height, width = x.shape
    few = len(weight) <= MOST_FEW and height * width >= FEWEST_PIXELS
    if not few or ONEDNN is None or not x.is_cpu or x.dtype != torch.float32 or _wants_gradient(x, weight):
        return F.conv2d(x, weight, bias, padding=1)
    taps = weight.permute(2, 3, 0, 1).reshape(-1, inside)
    shares = product(taps, x.permute(0, 2, 3, 1).reshape(-1, inside)).view(3, 3, len(weight), n, height, width)
    out = x.new_zeros(len(weight), n, height + 2, width + 2)
    for i in range(3):
        for j in range(3):
            out[:, :, 2 - i : 2 - i + height, 2 - j : 2 - j + width] += shares[i, j]
    out = out[:, :, 1:-1, 1:-1].transpose(0, 1)
    return out if bias is None else out + bias[:, None, None]


def rectified(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """relu(F.conv2d(x, weight, bias, padding=1)), by oneDNN in one pass."""
    wanted = _wants_gradient(x, weight) or (bias is not None and _wants_gradient(bias))
    if not CAN_PACK or not x.is_cpu or x.dtype != torch.float32 or wanted:
        return F.relu_(F.conv2d(x, weight, bias, padding=1))
    once = [1, 1], [1, 1], [1, 1], 1
    made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *once, "relu", [], "")
    return made


class Packed:
    """A layer's weights in the order that oneDNN wants, made once.

    Torch orders them anew at every call, which for a small picture takes longer than the convolution.
    They are kept until the weights change, once for all shapes of picture that want the same order, and are no part of
    what is saved.
    """

    def __init__(self) -> None:
        self.version: object = None
        self.weights: OrderedDict[Hashable, list[Tensor]] = OrderedDict()
        self.kept_bytes = 0

    def __deepcopy__(self, memo: object) -> "Packed":
        return Packed()

    def __reduce__(self) -> tuple[type["Packed"], tuple[()]]:
        return Packed, ()

    def convolution(self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        """F.conv2d of x (N, inside, H, W), channels last, in the precision of x, which may be lower than that of the weights."""
        around = [padding, padding]
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        [kept] = self._kept(weight, _use(x), lambda: [reorder(weight.to(x.dtype), around, [1, 1], [1, 1], 1, list(x.shape))])
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, kept, bias, around, [1, 1], [1, 1], 1, "none", [], "")
        return made

    def transposed(self, x: Tensor, weight: Tensor, flipped: bool = False) -> Tensor:
        """F.conv_transpose2d of x with stride 2, `weight` (outside, inside, 3, 3), as a convolution has it, in x's precision."""
        if len(weight) >= PHASED and x.dtype == weight.dtype:
            return self._phased(x, weight, flipped)
        none, two, one = [0, 0], [2, 2], [1, 1]
        reorder = torch.ops.mkldnn._reorder_convolution_transpose_weight
        shape = list(x.shape)

        def reordered() -> list[Tensor]:
            seen = (weight.flip(2, 3) if flipped else weight).transpose(0, 1)
            return [reorder(seen.to(x.dtype).contiguous(), none, none, two, one, 1, shape)]

        [kept] = self._kept(weight, _use(x), reordered)
        made: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(x, kept, None, none, none, two, one, 1, "none", [], "")
        return made

    def _phased(self, x: Tensor, weight: Tensor, flipped: bool) -> Tensor:
        """The same by four convolutions, for even and odd rows and columns."""
        ops, once = torch.ops.mkldnn, ([1, 1], [1, 1], 1)
        n, _, height, width = x.shape

        def reordered() -> list[Tensor]:
            seen = weight if flipped else weight.flip(2, 3)
            parts = [(seen[:, :, i::2, j::2].contiguous(), [1 - i, 1 - j]) for i, j in PHASES]
            return [ops._reorder_convolution_weight(part, around, *once, list(x.shape)) for part, around in parts]

        out = x.new_empty(n, 2 * height + 1, 2 * width + 1, len(weight)).permute(0, 3, 1, 2)
        for (i, j), part in zip(PHASES, self._kept(weight, _use(x), reordered), strict=True):
            out[:, :, i::2, j::2] = ops._convolution_pointwise(x, part, None, [1 - i, 1 - j], *once, "none", [], "")
        return out

    def doubled(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F.conv2d with padding 1 of x (N, inside, H, W), channels last, its nearest neighbours taken at twice the size.

        To double is to set pixels apart and add up what stands in 2x2. The convolution may come
        between the two, and then makes 9 products for each small pixel and not 36.
        """
        if packs(x, weight):
            return _added_up(self.transposed(x, weight, flipped=True), bias)
        if _wants_gradient(weight):
            flipped = weight.flip(2, 3)
        else:
            [flipped] = self._kept(weight, "flipped", lambda: [weight.flip(2, 3).contiguous(memory_format=torch.channels_last)])
        n, _, height, width = x.shape
        band = max(8, BAND_BYTES // (16 * n * width * len(weight)))
        if band >= height or not x.is_cpu or _wants_gradient(x, weight):
            return _added_up(F.conv_transpose2d(x, flipped.transpose(0, 1), stride=2), bias)
        out = x.new_empty(n, 2 * height, 2 * width, len(weight)).permute(0, 3, 1, 2)
        for top in range(0, height, band):
            end = min(top + band, height)
            first = max(top - 1, 0)  # a row more on either side, for what it adds to its neighbour
            part = F.conv_transpose2d(x[:, :, first : end + 1], flipped.transpose(0, 1), stride=2)
            out[:, :, 2 * top : 2 * end] = _added_up(part[:, :, 2 * (top - first) : 2 * (end - first) + 1], bias)
        return out

    def products(self, x: Tensor, weight: Tensor) -> Tensor:
        """x (tiles, 36 inside) -> (tiles, 36 outside): each of 36 times its own matrix of the transformed weights."""
        once = [0, 0], [1, 1], [1, 1], 36
        x = x.T[None, :, None]
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        [kept] = self._kept(weight, _use(x), lambda: [reorder(_transformed(weight), *once, list(x.shape))])
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, kept, None, *once, "none", [], "")
        return made[0, :, 0].T

    def _kept(self, weight: Tensor, use: Hashable, make: Callable[[], list[Tensor]]) -> list[Tensor]:
        version = (weight.data_ptr(), weight.dtype, 0 if weight.is_inference() else weight._version)
        if self.version != version:
            self.weights.clear()
            self.version = version
        if use not in self.weights:
            with torch.inference_mode(False), torch.no_grad():
                made = make()
            twins = (known for known in self.weights.values() if all(map(_laid_out_alike, known, made)))
            self.weights[use] = next(twins, made)
            if len(self.weights) > USES:
                self.weights.popitem(last=False)
            once = {id(part): part.numel() * part.element_size() for known in self.weights.values() for part in known}
            self.kept_bytes = sum(once.values())
        self.weights.move_to_end(use)
        return self.weights[use]


def _use(x: Tensor) -> Hashable:
    return x.shape, x.dtype


def _laid_out_alike(one: Tensor, other: Tensor) -> bool:
    """Whether oneDNN ordered the same weights in the same way, for two shapes of picture."""
    return LAYOUT is not None and one.is_mkldnn and other.is_mkldnn and torch.equal(LAYOUT(one), LAYOUT(other))


def packs(x: Tensor, weight: Tensor) -> bool:
    """Whether a convolution of x is faster with packed weights."""
    return (
        CAN_PACK
        and len(x) == 1
        and x.is_cpu
        and x.dtype == torch.float32
        and x.shape[2] * x.shape[3] <= MOST_PACKED
        and x.numel() <= weight.numel()
        and not _wants_gradient(x, weight)
    )


def _added_up(x: Tensor, bias: Tensor | None) -> Tensor:
    """(N, C, H + 1, W + 1) -> (N, C, H, W): every 2x2 pixels added up, and the bias."""
    return F.conv2d(x, x.new_ones(x.shape[1], 1, 2, 2), bias, groups=x.shape[1])


class Winograd(nn.Module):
    """A convolution of x (N, inside, H, W), channels last, with `weight` (outside, inside, 3, 3) or (…, 1, 1).

    It keeps the transformed weights until the weights change; they are no part of what is saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.packed = Packed()

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
        trained = _wants_gradient(x, weight, *(scale for scale in (style, gain, bias) if scale is not None))
        if trained or not _pays(x, weight):
            if weight.shape[2] == 3 and not trained and packs(x, weight):
                y = self.packed.convolution(scaled(x, style), weight, bias if gain is None else None, padding)
                return y if gain is None else scaled(y, gain, bias)
            return _direct(x, weight, bias, padding, style, gain)
        pictures = []
        for i, one in enumerate(x):
            own = (None if scale is None else scale[i] for scale in (style, gain))
            pictures.append(_tiled(one.permute(1, 2, 0), self.packed, weight, bias, padding, *own)[None])
        return (pictures[0] if len(pictures) == 1 else torch.cat(pictures)).permute(0, 3, 1, 2)


def _direct(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, style: Tensor | None, gain: Tensor | None) -> Tensor:
    """The convolution as torch has it, the scales in whichever is smaller, the weights or the picture."""
    if style is None and gain is None and weight.shape[2] == 3 and padding == 1:
        return to_few(x, weight, bias)
    if len(x) == 1 and x.numel() > weight.numel() and not _wants_gradient(x, weight):
        weight = weight if style is None else weight * style[0, :, None, None]
        weight = weight if gain is None else weight * gain[0, :, None, None, None]
        if weight.shape[2] == 1:
            return product(x[0].permute(1, 2, 0).flatten(0, 1), weight.flatten(1), bias).T.unflatten(1, x.shape[2:])[None]
        return F.conv2d(x, weight, bias, padding=padding)
    x = scaled(x, style)
    if gain is None:
        return F.conv2d(x, weight, bias, padding=padding)
    return scaled(F.conv2d(x, weight, padding=padding), gain, bias)


def scaled(x: Tensor, scale: Tensor | None, bias: Tensor | None = None) -> Tensor:
    """x (N, C, H, W) times `scale` (N, C), plus `bias` (C,)."""
    if scale is None:
        return x
    return x * scale[:, :, None, None] if bias is None else torch.addcmul(bias[:, None, None], x, scale[:, :, None, None])


def _pays(x: Tensor, weight: Tensor) -> bool:
    outside, inside = weight.shape[:2]
    return (
        CAN_PACK
        and weight.shape[2] == 3
        and x.is_cpu
        and x.dtype == torch.float32
        and min(outside, inside) >= FEWEST_CHANNELS
        and x.shape[2] * x.shape[3] >= FEWEST_PIXELS
        and 36 * outside * inside * 4 <= MOST_BYTES
    )


def _wants_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


@cache
def _scales() -> Tensor:
    """(4, 1, 4, 1): by what 4x4 pixels are to be multiplied when `_interpolated` leaves them."""
    with torch.inference_mode(False):
        scales = torch.tensor(SCALES, dtype=torch.float64)
        return torch.outer(scales, scales).float()[:, None, :, None]


def _transformed(weight: Tensor) -> Tensor:
    """(outside, inside, 3, 3) -> (36 outside, inside, 1, 1): columns and rows of three taps as polynomials, at six points each.

    Four outputs of three taps are the middle of a product of polynomials, found from its values
    at 0, ±NEAR, ±FAR and infinity (Toom 1963, Cook 1966).
    """
    points = torch.tensor([-FAR, NEAR, -NEAR, FAR, 0], dtype=torch.float64)
    apart = points[:, None] - points + torch.eye(5, dtype=torch.float64)
    values = F.pad(points[:, None] ** torch.arange(3) / apart.prod(1, keepdim=True), (0, 0, 0, 1))
    values[4] /= SCALES[0]  # these two are added to pixels before the scales
    values[5, 2] = 1 / SCALES[3]
    return torch.einsum("ia,jb,ocab->jioc", values, values, weight.double()).float().reshape(-1, weight.shape[1], 1, 1)


def _evaluated(x: Tensor, out: Tensor) -> None:
    """`out` (6, ...) becomes the polynomials that go with `_transformed`, of six pixels x (6, ...)."""
    near, far = torch.sub(x[2:], x[:4], alpha=FAR**2), torch.sub(x[3:5], x[1:3], alpha=NEAR**2)
    torch.sub(far[1], far[0], alpha=FAR, out=out[0])
    torch.add(near[2], near[1], alpha=NEAR, out=out[1])
    torch.sub(near[2], near[1], alpha=NEAR, out=out[2])
    torch.add(far[1], far[0], alpha=FAR, out=out[3])
    torch.sub(near[2], near[0], alpha=NEAR**2, out=out[4])
    torch.sub(near[3], near[1], alpha=NEAR**2, out=out[5])


def _interpolated(y: Tensor) -> Tensor:
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


def _tiled(
    x: Tensor, packed: Packed, weight: Tensor, bias: Tensor | None, padding: int, style: Tensor | None, gain: Tensor | None
) -> Tensor:
    """(h, w, inside) -> (H, W, outside), some rows of tiles at a time."""
    height, width, inside = x.shape
    outside = len(weight)
    tall, wide = height + 2 * padding - 2, width + 2 * padding - 2
    rows, across = -(-tall // 4), -(-wide // 4)
    strips = -(-rows // max(1, min(MOST_TILES, max(inside, outside)) // across))
    count = -(-rows // strips)
    scale = _scales() * (x.new_ones(outside) if gain is None else gain)
    out = x.new_empty(rows, 4, across, 4, outside)
    band = x.new_empty(4 * count + 2, 4 * across + 2, inside)  # of x, with zeros round it
    band[:, :padding] = band[:, padding + width :] = 0
    high = x.new_empty(count, band.shape[1], 6, inside)
    values = x.new_empty(count, across, 6, 6, inside)
    for strip in range(strips):
        top = min(strip * count, rows - count)  # all are of one size, for which the weights are packed
        first = 4 * top - padding
        start, end = max(first, 0), min(first + len(band), height)
        inner = band[start - first : end - first, padding : padding + width]
        inner.copy_(x[start:end]) if style is None else torch.mul(x[start:end], style, out=inner)
        band[: start - first] = band[end - first :] = 0
        _evaluated(band.unfold(0, 6, 4).movedim(-1, 0), high.movedim(2, 0))
        _evaluated(high.unfold(1, 6, 4).movedim(-1, 0), values.movedim(2, 0))
        made = packed.products(values.flatten(0, 1).flatten(1), weight).view(count, across, 6, 6, outside)
        made = _interpolated(_interpolated(made.movedim(3, 0)).movedim(3, 0)).permute(2, 1, 3, 0, 4)
        place = out[top : top + count]
        torch.mul(made, scale, out=place) if bias is None else torch.addcmul(bias, made, scale, out=place)
    return out.view(rows * 4, across * 4, outside)[:tall, :wide]
