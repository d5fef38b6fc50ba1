"""What a checkpoint may name besides tensors, as inert data; and a reader for plain pickles such as NVIDIA's.

Nothing a file names is imported or looked up: a name is a key of the tables below, or refused. Every
callable in them is harmless whatever it is given, and so is every way to put them together.
"""

import io
import math
import pickle
from collections import OrderedDict
from typing import IO, Any, Callable

import numpy as np
import torch
from torch import Tensor


class Inert:
    """An object of another program: its state as the file gives it, and none of its code."""

    def __init__(self, *_: object, **__: object):
        pass

    def __setstate__(self, state: object) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {"state": state})


class Dtype(Inert):
    """A numpy dtype of numbers."""

    def __init__(self, code: object = "", *_: object):
        self.code, self.order = str(code), "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.order = str(state[1])

    def real(self) -> np.dtype:
        """Raises ValueError for one that is of no number."""
        if self.code.lstrip("<>|=") not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"):
            raise ValueError(f"dtype {self.code[:20]}")
        return np.dtype(self.code.lstrip("<>|=")).newbyteorder(self.order)  # type: ignore[arg-type]


class Array(Inert):
    """A numpy array, not yet believed."""

    state: Any = None
    made: Tensor | None = None

    def __setstate__(self, state: object) -> None:
        self.state, self.made = state, None

    def tensor(self) -> Tensor:
        """One tensor, however often it is asked for. Raises ValueError or TypeError where shape, dtype and bytes do not agree."""
        if self.made is None:
            self.made = self._read(self.state)
        return self.made

    @staticmethod
    def _read(state: Any) -> Tensor:
        _, shape, dtype, column_major, data = state
        kind = dtype.real()
        if math.prod(shape) * kind.itemsize != len(data):
            raise ValueError("an array of another size")
        values = np.frombuffer(data, kind).reshape(shape, order="F" if column_major else "C")
        return torch.from_numpy(np.ascontiguousarray(values, kind.newbyteorder("=")).reshape(shape).copy())


def _scalar(dtype: object = None, data: object = b"") -> float | int | bool | None:
    if not isinstance(dtype, Dtype) or not isinstance(data, bytes):
        return None
    kind = dtype.real()
    return np.frombuffer(data, kind)[0].item() if len(data) == kind.itemsize else None


def _mapping(*_: object) -> "OrderedDict[object, object]":
    return OrderedDict()


def _array(*_: object) -> Array:
    return Array()


def _object(kind: object = None, *_: object) -> Inert:
    return kind() if isinstance(kind, type) and issubclass(kind, Inert) else Inert()


def _network(meta: object = None) -> Inert:
    """What NVIDIA's persistence wrote of an object; the source text beside it is not read."""
    network = Inert()
    if isinstance(meta, dict):
        network.__setstate__(meta.get("state"))
    return network


def _stubs(*names: str) -> dict[str, type[Inert]]:
    return {name: type(name.rpartition(".")[2], (Inert,), {}) for name in names}


NUMPY: dict[str, Any] = {
    f"numpy.{core}.multiarray.{name}": value
    for core in ("core", "_core")
    for name, value in (("scalar", _scalar), ("_reconstruct", _array))
}

OMEGACONF = (
    *("dictconfig.DictConfig", "listconfig.ListConfig", "base.ContainerMetadata", "base.Metadata", "nodes.AnyNode"),
    *("nodes.StringNode", "nodes.IntegerNode", "nodes.FloatNode", "nodes.BooleanNode"),
)

# Settings, counters and records of training that lie beside the weights.
BESIDE: dict[str, Any] = {
    **NUMPY,
    "numpy.dtype": Dtype,
    "numpy.ndarray": Array,
    **_stubs("argparse.Namespace", "models.utils.config.BaseConfig", "pathlib.PosixPath", "pathlib.WindowsPath"),
    **_stubs(*(f"{lightning}.callbacks.model_checkpoint.ModelCheckpoint" for lightning in ("pytorch_lightning", "lightning"))),
    **_stubs("typing.Any", "torch.torch_version.TorchVersion"),
    **_stubs(*(f"omegaconf.{name}" for name in OMEGACONF)),
    "builtins.dict": OrderedDict,
    "builtins.list": list,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.str": str,
    "builtins.bool": bool,
    "collections.defaultdict": _mapping,
    "dnnlib.util.EasyDict": OrderedDict,
    "easydict.EasyDict": OrderedDict,
    "pytorch_lightning.utilities.parsing.AttributeDict": OrderedDict,
    "lightning_fabric.utilities.data.AttributeDict": OrderedDict,
    "lightning.fabric.utilities.data.AttributeDict": OrderedDict,
}

STORAGES = ("Float", "Half", "Double", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
DTYPES = ("float32", "float16", "float64", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")

# What torch.load(weights_only=True) is allowed to meet: less than it would accept by itself, which
# includes sparse, quantised and meta tensors and buffers of any length.
TORCH_NAMES = frozenset(BESIDE) | {
    "_codecs.encode",
    "collections.Counter",
    "builtins.set",
    "collections.OrderedDict",
    "torch.Size",
    "torch.device",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
    *(f"torch.{kind}Storage" for kind in STORAGES),
    *(f"torch.cuda.{kind}Storage" for kind in STORAGES),
    *(f"torch.{kind}" for kind in DTYPES),
}

MODULES = {
    "container": ("Sequential", "ModuleList", "ModuleDict", "ParameterList"),
    "conv": ("Conv1d", "Conv2d", "ConvTranspose2d"),
    "linear": ("Linear", "Identity"),
    "batchnorm": ("BatchNorm1d", "BatchNorm2d"),
    "instancenorm": ("InstanceNorm2d",),
    "normalization": ("GroupNorm", "LayerNorm"),
    "activation": ("ReLU", "LeakyReLU", "Tanh", "Sigmoid", "SiLU", "GELU", "GLU", "Softmax"),
    "upsampling": ("Upsample", "UpsamplingNearest2d"),
    "padding": ("ZeroPad2d", "ReflectionPad2d"),
    "pooling": ("AvgPool2d", "MaxPool2d", "AdaptiveAvgPool2d"),
    "dropout": ("Dropout", "Dropout2d"),
    "sparse": ("Embedding",),
    "flatten": ("Flatten", "Unflatten"),
}


class Plain(pickle.Unpickler):
    """Reads a pickle that torch.save did not write: NVIDIA's snapshots, or arrays and tensors in a dict.

    `screen` looks at each pickle inside the pickle before torch reads it.
    """

    def __init__(self, file: IO[bytes], screen: Callable[[bytes], None]):
        super().__init__(file)
        self._screen = screen

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "torch.storage._load_from_bytes":
            return self._storage
        if full not in PLAIN:
            raise pickle.UnpicklingError(f"it asks for {full}")
        return PLAIN[full]

    def persistent_load(self, name: object) -> object:
        raise pickle.UnpicklingError("it asks for a persistent id")

    def _storage(self, data: object = None) -> object:
        if not isinstance(data, bytes):
            raise pickle.UnpicklingError("a storage has no bytes")
        self._screen(data)
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _tensor(storage: Any = None, offset: Any = 0, size: Any = (), stride: Any = (), *_: object) -> Tensor:
    """A view of the storage, which may not reach beyond it: torch would enlarge it."""
    numbers = (offset, *size, *stride)
    if not isinstance(storage, torch.storage.TypedStorage) or not all(type(x) is int and 0 <= x < 2**40 for x in numbers):
        raise pickle.UnpicklingError("a tensor has no storage or no shape")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= storage.untyped().nbytes() // storage.dtype.itemsize:
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    return torch.empty(0, dtype=storage.dtype).set_(storage.untyped(), offset, size, stride)  # type: ignore[call-overload]


def _parameter(tensor: object = None, *_: object) -> object:
    return tensor


PLAIN: dict[str, Any] = {
    **BESIDE,
    **{f"torch.{kind}": getattr(torch, kind) for kind in DTYPES},
    **_stubs(*(f"torch.nn.modules.{file}.{kind}" for file, kinds in MODULES.items() for kind in kinds)),
    "builtins.object": Inert,
    "builtins.set": set,
    "collections.OrderedDict": OrderedDict,
    "copyreg._reconstructor": _object,
    "torch.Size": tuple,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch_utils.persistence._reconstruct_persistent_obj": _network,
}
# And the nested pickle, which the reader answers itself.
PLAIN_NAMES = frozenset(PLAIN) | {"torch.storage._load_from_bytes"}


def _outlined(storage: Any = None, offset: object = 0, size: Any = (), *_: object) -> Tensor:
    """A tensor of that size without numbers; `storage` is the persistent id that stands for them."""
    if not all(type(length) is int and 0 <= length < 2**40 for length in size) or len(size) > 8:
        raise pickle.UnpicklingError("a tensor has no shape")
    return torch.empty(size, dtype=storage[1], device="meta")


def _encoded(text: object = "", coding: object = "") -> bytes:
    """The bytes of a number that numpy wrote into an old pickle."""
    return text.encode("latin-1") if isinstance(text, str) and coding == "latin1" else b""


OUTLINED: dict[str, Any] = {
    **PLAIN,
    **{f"torch.{kind}Storage": getattr(torch, dtype) for kind, dtype in zip(STORAGES, DTYPES, strict=True)},
    **{f"torch.cuda.{kind}Storage": getattr(torch, dtype) for kind, dtype in zip(STORAGES, DTYPES, strict=True)},
    "torch._utils._rebuild_tensor": _outlined,
    "torch._utils._rebuild_tensor_v2": _outlined,
    "torch.device": _object,
    "_codecs.encode": _encoded,
    "collections.Counter": _mapping,
}


class Outline(pickle.Unpickler):
    """Reads the list of tensors that torch.save writes, without the tensors' numbers, which need not be there."""

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in OUTLINED:
            raise pickle.UnpicklingError(f"it asks for {full}")
        return OUTLINED[full]

    def persistent_load(self, name: object) -> object:
        if not isinstance(name, tuple):
            raise pickle.UnpicklingError("it asks for a persistent id")
        return name
