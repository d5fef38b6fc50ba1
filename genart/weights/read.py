"""A safetensors file becomes tensors: the header is checked before anything is allocated."""

import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from genart.errors import BadWeights, quote
from genart.hub.cache import sha256_of as sha256_of

MAX_TENSORS = 5_000  # those of the largest generators are about 1,000
MAX_NAME = 1_000  # characters
MAX_DIGITS = 20  # of 2^64
MAX_STATE = 8 * 2**30  # bytes in memory, where every number is a float32
MAX_HEADER = 8 * 2**20
MAX_DIMENSIONS = 8
CONVERTED = "genart.prefix"  # in the metadata of our copies
DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4}  # bytes each


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says of itself before any tensor is read."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    ordered: bool = True
    """Whether the tensors stand as they were made, and not by the alphabet, as the safetensors library writes them."""


def header_of(path: Path, name: str | None = None) -> Header:
    """Names, shapes and metadata of a safetensors file, without its tensors; `name` is what errors call it.

    Raises BadWeights for a header that is damaged, too long, of too many tensors or of a dtype that is
    no weight. That the tensors lie in the file as it says is left to the safetensors library.
    """
    name = name or path.name
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length} bytes")
            parts: Any = json.loads(file.read(length), parse_int=_integer)
            left = os.fstat(file.fileno()).st_size - file.tell()
        metadata = parts.pop("__metadata__", {})
        if max(map(len, parts), default=0) > MAX_NAME:
            raise ValueError(f"a name of more than {MAX_NAME} characters")
        shapes = {key: _shape(part, left, key, name) for key, part in parts.items()}
        alphabets = [[key for key, part in parts.items() if part["dtype"] == dtype] for dtype in DTYPES]
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that is no text")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OSError) as error:
        raise _damaged(error, path, name) from None
    if not 1 <= len(shapes) <= MAX_TENSORS:
        raise BadWeights(f"The weights file {name!r} holds {len(shapes)} tensors; a generator has 1 to {MAX_TENSORS}.")
    size = 4 * sum(math.prod(shape) for shape in shapes.values())
    if size > MAX_STATE:
        most = MAX_STATE // 2**30
        raise BadWeights(
            f"The weights in {name!r} take {size / 2**30:.1f} GiB of memory; use a model that takes at most {most} GiB."
        )
    return Header(shapes, metadata, CONVERTED in metadata or any(names != sorted(names) for names in alphabets))


def read_tensors(path: Path, name: str | None = None) -> dict[str, Tensor]:
    """The float32 tensors of a safetensors file, in the order of its header; `name` is what errors call it.

    Raises BadWeights as `header_of`, and for a file that is truncated or overlaps itself, or that
    holds a number that is not finite.
    """
    name = name or path.name
    header = header_of(path, name)
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: _as_float32(file.get_tensor(key)) for key in header.shapes}
    except (SafetensorError, OSError) as error:
        raise _damaged(error, path, name) from None
    for key, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadWeights(f"The tensor {quote(key)} in {name!r} holds a number that is not finite; use another file.")
    return state


def rewrite(path: Path, out: Path, metadata: Mapping[str, str]) -> None:
    """A copy of a safetensors file with other metadata; `out` is there at once, whole, or not at all."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        text = header_text({**header, "__metadata__": dict(metadata)})
        partial = out.with_name(f".{out.name}.partial")
        try:
            with open(partial, "wb") as copy:
                copy.write(text)
                shutil.copyfileobj(file, copy, 2**20)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)


def header_text(header: Mapping[str, object]) -> bytes:
    """A safetensors header as it stands at the start of a file, its length before it."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _shape(part: Any, left: int, key: str, name: str) -> tuple[int, ...]:
    """The shape of one tensor; ValueError where it is none, or its numbers are not all in the `left` bytes."""
    if part["dtype"] not in DTYPES:
        raise BadWeights(f"The tensor {quote(key)} in {name!r} has dtype {quote(part['dtype'])}; use float weights.")
    shape, (start, end) = tuple(part["shape"]), part["data_offsets"]
    whole = all(type(number) is int and 0 <= number <= 2**40 for number in (*shape, start, end))
    if not whole or len(shape) > MAX_DIMENSIONS or end > left or end - start != math.prod(shape) * DTYPES[part["dtype"]]:
        raise ValueError(f"a tensor of shape {quote(shape)} in the bytes {quote(part['data_offsets'])} of {left}")
    return shape


def _integer(digits: str) -> int:
    """ValueError for one of more digits than any size has, which Python would name in words about its own settings."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _damaged(error: Exception, path: Path, name: str) -> BadWeights:
    """What is wrong, without the server's folders."""
    reason = str(error).replace(str(path), name).split("\n")[0].removeprefix("Error while deserializing header: ")[:120]
    return BadWeights(f"The weights file {name!r} is damaged or no safetensors file ({reason}); download it again.")
