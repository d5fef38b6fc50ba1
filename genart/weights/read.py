"""A safetensors file becomes tensors: the header is checked before anything is allocated."""

import hashlib
from pathlib import Path
from typing import Mapping

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from genart.errors import BadWeights, quote

MAX_TENSORS = 20_000
MAX_BYTES = 8 * 2**30
DTYPES = {"F64", "F32", "F16", "BF16", "I64", "I32"}


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """The float32 tensors and the metadata of a safetensors file.

    Raises BadWeights for a file that is missing, truncated, no safetensors, too large, of an
    unknown dtype, or that holds a number that is not finite.
    """
    if not path.is_file():
        raise BadWeights(f"The weights file {path.name!r} is missing; download it again or reinstall genart.")
    try:
        with safe_open(path, framework="pt") as file:
            _check_header(file, path.name)
            state = {name: _as_float32(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - it is no dict
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise BadWeights(
            f"The weights file {path.name!r} is damaged or no safetensors file ({_reason(error, path)}); download it again."
        ) from None
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadWeights(f"The tensor {quote(name)} in {path.name!r} holds a number that is not finite; use another file.")
    return state, metadata


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_header(file: safe_open, name: str) -> None:
    keys = list(file.keys())
    if not 1 <= len(keys) <= MAX_TENSORS:
        raise BadWeights(f"The weights file {name!r} holds {len(keys)} tensors; a generator has 1 to {MAX_TENSORS}.")
    size = 0
    for key in keys:
        part = file.get_slice(key)
        if part.get_dtype() not in DTYPES:
            raise BadWeights(f"The tensor {quote(key)} in {name!r} has dtype {part.get_dtype()}; use float weights.")
        count = 1
        for length in part.get_shape():
            count *= length
        size += count * 4
    if size > MAX_BYTES:
        raise BadWeights(f"The weights file {name!r} needs {size / 2**30:.1f} GiB; at most {MAX_BYTES // 2**30} GiB are allowed.")


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _reason(error: Exception, path: Path) -> str:
    """What is wrong, without the server's folders."""
    return str(error).replace(str(path), path.name).split("\n")[0].removeprefix("Error while deserializing header: ")[:120]
