"""What drawing a picture takes, counted on a network of which only the shapes are known. It knows no family and no file.

On torch's meta device a network is drawn without numbers: every operation tells how large its result would be, and nothing is
made. So a small file that asks for vast pictures is found out at no cost.
"""

import math
import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from genart.errors import BadWeights

ATEN = torch.ops.aten
ATTENTION = ATEN.scaled_dot_product_attention.default
PRODUCTS = {ATEN.mm.default, ATEN.addmm.default, ATEN.bmm.default, ATEN.baddbmm.default}
TRUTHS = {getattr(ATEN, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
# What takes a core as long as so many multiply-adds, measured: to write a number; to look at a place, beside its products;
# and a convolution's multiply-add where few channels leave no fewer products to be found (`families.winograd`).
WRITTEN, SEEN, FEW, OF_FEW = 200, 128, 64, 2


class Counted(TorchDispatchMode):
    """Counts what is drawn while it is open, in inference mode: multiply-adds, and the bytes that are alive at once.

    Raises BadWeights as soon as there are more than `most_bytes`, `most_work` or `most_steps`, which are operations of any
    size; `name` is for its sentence.
    """

    def __init__(self, name: str, most_bytes: int, most_work: int, most_steps: int):
        super().__init__()
        self.name = name
        self.most_bytes, self.most_work, self.most_steps = most_bytes, most_work, most_steps
        self.bytes = self.work = self.steps = 0
        self._alive = 0
        self._known: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is ever compiled; to be told so, torch would import its compiler."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is ATTENTION:  # its parts would make the matrix of all places, which it does not
            query, key = args[:2]
            self.work += math.prod(query.shape[:-1]) * key.shape[-2] * (2 * query.shape[-1] + SEEN)
        else:
            with self:
                made = function.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        self.steps += 1
        made = _made(function, args, kwargs)
        if function.overloadpacket in flop_registry:
            few = function is ATEN.convolution.default and min(args[1].shape[:2]) < FEW
            self.work += (OF_FEW if few else 1) * flop_registry[function.overloadpacket](*args, **kwargs, out_val=made) // 2
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, Tensor):
                self.work += 0 if function.is_view else WRITTEN * tensor.numel()
                self._keep(tensor)
        self._check()
        return made

    def _keep(self, tensor: Tensor) -> None:
        """Count the memory of a tensor, once, until nobody holds it."""
        storage = tensor.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        if place not in self._known:
            self._known.add(place)
            self._alive += size
            self.bytes = max(self.bytes, self._alive)
            weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._alive -= size

    def _check(self) -> None:
        if self.bytes > self.most_bytes:
            raise BadWeights(
                f"Drawing {self.name!r} takes more than {self.most_bytes >> 20} MB of memory; choose a smaller model."
            )
        if self.work > self.most_work:
            raise BadWeights(
                f"Drawing {self.name!r} takes more than {self.most_work / 1e9:.0f} billion multiplications; "
                "choose a smaller model."
            )
        if self.steps > self.most_steps:
            raise BadWeights(f"Drawing {self.name!r} takes more than {self.most_steps} operations; choose a smaller model.")


def _made(function: Any, args: Any, kwargs: Any) -> Any:
    """What an operation makes, of the right shape; most of torch's own ways to know it take 20 times as long."""
    tensors = [value for value in args if isinstance(value, Tensor)]
    if function._schema.is_mutable and torch.Tag.inplace_view not in function.tags:
        return kwargs.get("out", args[0])
    if function in PRODUCTS:
        one, other = args[-2:]
        return one.new_empty(*one.shape[:-1], other.shape[-1])
    if torch.Tag.pointwise in function.tags and function.overloadpacket not in TRUTHS:
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
        like = next((tensor for tensor in tensors if tensor.shape == shape and tensor.is_floating_point()), None)
        if like is not None:
            return torch.empty_like(like, memory_format=kwargs.get("memory_format") or torch.preserve_format)
    if function is ATEN.native_group_norm.default:
        x, groups = args[0], args[6]
        return torch.empty_like(x), x.new_empty(len(x), groups), x.new_empty(len(x), groups)
    if function is ATEN.convolution.default:
        return _convolved(*args)
    return function(*args, **kwargs)


def _convolved(
    x: Tensor, weight: Tensor, bias: Any, strides: Any, paddings: Any, steps: Any, transposed: bool, more: Any, groups: int
) -> Tensor:
    sizes = []
    for side, kernel, stride, padding, step, over in zip(
        x.shape[2:], weight.shape[2:], strides, paddings, steps, more, strict=True
    ):
        reach = step * (kernel - 1) - 2 * padding
        sizes.append((side - 1) * stride + reach + over + 1 if transposed else (side - reach - 1) // stride + 1)
    outside = weight.shape[1] * groups if transposed else weight.shape[0]
    last = x.dim() == 4 and any(one.is_contiguous(memory_format=torch.channels_last) for one in (x, weight))
    made = x.new_empty(len(x), outside, *sizes)
    return made.contiguous(memory_format=torch.channels_last) if last else made
