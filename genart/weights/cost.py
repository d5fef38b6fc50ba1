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

ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
# Of one core, measured: a number that is written, and a place that attention looks at, beside its products.
WRITTEN, SEEN = 64, 128  # multiply-adds that take as long


class Counted(TorchDispatchMode):
    """Counts what is drawn while it is open, in inference mode: multiply-adds, and the bytes that are alive at once.

    Raises BadWeights as soon as there are more than `most_bytes` or `most_work`; `task` and `name` are for its sentence.
    """

    def __init__(self, task: str, name: str, most_bytes: int, most_work: int):
        super().__init__()
        self.task, self.name = task, name
        self.most_bytes, self.most_work = most_bytes, most_work
        self.bytes = self.work = 0
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
        made = function(*args, **kwargs)
        if function.overloadpacket in flop_registry:
            self.work += flop_registry[function.overloadpacket](*args, **kwargs, out_val=made) // 2
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
                f"{self.task} {self.name!r} takes more than {self.most_bytes >> 20} MB of memory; choose a smaller model."
            )
        if self.work > self.most_work:
            raise BadWeights(
                f"{self.task} {self.name!r} takes more than {self.most_work / 1e9:.0f} billion multiplications; "
                "choose a smaller model."
            )
