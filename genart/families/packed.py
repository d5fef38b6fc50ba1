"""Weights in the order that torch's library for convolutions, oneDNN, wants them, made once. It knows no family."""

from collections import OrderedDict
from typing import Callable, Hashable

import torch
from torch import Tensor
from torch.nn import functional as F

ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)  # on some processors twice as fast as the default, MKL
CAN_PACK = ONEDNN is not None and all(
    hasattr(torch.ops.mkldnn, name) for name in ("_reorder_convolution_weight", "_reorder_convolution_transpose_weight")
)
LAYOUT = getattr(torch.ops.mkldnn, "_get_mkldnn_serialized_md", None)
USES = 8  # shapes of picture: previews, the whole one
BAND_BYTES = 64 * 2**20  # of a picture being doubled, which is made in bands: a larger tensor costs more than what is done in it
PHASED = 512  # outputs from which four convolutions make a doubled picture 7 to 20 % sooner than oneDNN's own way
PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))  # rows and columns, even or odd
MOST_PACKED = 1024  # pixels: of a larger picture the products take so long that reordering the weights does not show


class Packed:
    """A layer's weights in the order that oneDNN wants, made once.

    Torch orders them anew at every call, which for a small picture takes longer than the convolution.
    They are kept until the weights change, once for all shapes of picture that want the same order, and are no part of
    what is saved. A change that torch does not count, one through `.data`, is not noticed: a loaded model keeps its weights.
    """

    def __init__(self) -> None:
        self.version: object = None
        self.weights: OrderedDict[Hashable, list[Tensor]] = OrderedDict()
        self.kept_bytes = 0

    def __deepcopy__(self, memo: object) -> "Packed":
        return Packed()

    def clear(self) -> None:
        """Gives up what it keeps, until the layer is used again."""
        self.version = None
        self.weights.clear()
        self.kept_bytes = 0

    def __reduce__(self) -> tuple[type["Packed"], tuple[()]]:
        return Packed, ()

    def convolution(self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        """F.conv2d of x (N, inside, H, W), channels last, in the precision of x, which may be lower than that of the weights."""
        around = [padding, padding]
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        [kept] = self.kept(weight, use_of(x), lambda: [reorder(weight.to(x.dtype), around, [1, 1], [1, 1], 1, list(x.shape))])
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

        [kept] = self.kept(weight, use_of(x), reordered)
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
        for (i, j), part in zip(PHASES, self.kept(weight, use_of(x), reordered), strict=True):
            out[:, :, i::2, j::2] = ops._convolution_pointwise(x, part, None, [1 - i, 1 - j], *once, "none", [], "")
        return out

    def doubled(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F.conv2d with padding 1 of x (N, inside, H, W), channels last, its nearest neighbours taken at twice the size.

        To double is to set pixels apart and add up what stands in 2x2. The convolution may come
        between the two, and then makes 9 products for each small pixel and not 36.
        """
        if packs(x, weight):
            return _added_up(self.transposed(x, weight, flipped=True), bias)
        if wants_gradient(weight):
            flipped = weight.flip(2, 3)
        else:
            [flipped] = self.kept(weight, "flipped", lambda: [weight.flip(2, 3).contiguous(memory_format=torch.channels_last)])
        n, _, height, width = x.shape
        band = max(8, BAND_BYTES // (16 * max(n, 1) * width * len(weight)))
        if band >= height or not x.is_cpu or wants_gradient(x, weight):
            return _added_up(F.conv_transpose2d(x, flipped.transpose(0, 1), stride=2), bias)
        out = x.new_empty(n, 2 * height, 2 * width, len(weight)).permute(0, 3, 1, 2)
        for top in range(0, height, band):
            end = min(top + band, height)
            first = max(top - 1, 0)  # a row more on either side, for what it adds to its neighbour
            part = F.conv_transpose2d(x[:, :, first : end + 1], flipped.transpose(0, 1), stride=2)
            out[:, :, 2 * top : 2 * end] = _added_up(part[:, :, 2 * (top - first) : 2 * (end - first) + 1], bias)
        return out

    def kept(self, weight: Tensor, use: Hashable, make: Callable[[], list[Tensor]]) -> list[Tensor]:
        """What was made of the weights for this use, until they change."""
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


def use_of(x: Tensor) -> Hashable:
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
        and not wants_gradient(x, weight)
    )


def _added_up(x: Tensor, bias: Tensor | None) -> Tensor:
    """(N, C, H + 1, W + 1) -> (N, C, H, W): every 2x2 pixels added up, and the bias."""
    return F.conv2d(x, x.new_ones(x.shape[1], 1, 2, 2), bias, groups=x.shape[1])


def runs_here(x: Tensor, *others: Tensor | None) -> bool:
    """Whether oneDNN's own functions take x: some numbers of 32 bits on a processor, and nobody wants a gradient."""
    return CAN_PACK and x.is_cpu and x.dtype == torch.float32 and len(x) > 0 and not wants_gradient(x, *others)


def wants_gradient(*tensors: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)
