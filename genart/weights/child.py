"""The process that reads foreign checkpoints: `python -m genart.weights.child`.

It writes one as safetensors, or tells the outlines of several, which may be files without numbers. It
says "started" on one line, and what became of each on the next.
Before it looks at the file it gives up the network, writing elsewhere, starting programs, and more
memory and time than a file of that size may take. What a platform cannot take away is kept: these are
walls behind the readers, which run no code of the file in the first place.
"""

import ctypes
import faulthandler
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Callable, Mapping
from zipfile import ZipFile

import torch
from torch import Tensor

from genart.errors import BadWeights, GenartError, quote
from genart.families.base import Shapes
from genart.weights import MISFITS, recognise
from genart.weights.inert import BESIDE, Outline, Plain
from genart.weights.read import CONVERTED, MAX_TENSORS, header_text
from genart.weights.screen import Wary, screen_pickles
from genart.weights.unwrap import Found, unwrapped

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
}
MAX_SETTINGS = 100_000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
NETWORK = ("socket.", "webbrowser.")
PROGRAMS = (
    "subprocess.",
    "pty.",
    "ctypes.dlopen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
)
FILES = (
    "shutil.",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
)
FORBIDDEN = (*NETWORK, *PROGRAMS, "os.kill", *FILES)


def convert(source: Path, kind: str, target: Path, seconds: int, room: int) -> dict[str, Any]:
    """Write `source` as safetensors: {} when it is done, else {"refused": why}."""
    with open(source, "rb") as file, open(target, "wb") as out:
        give_up(seconds, room, 2 * os.fstat(file.fileno()).st_size + 2**24)

        def written() -> dict[str, Any]:
            found = _found(_read(file, kind, source.name), source, "cpu")
            write(out, found.state, _metadata(found))
            return {}

        return _answered(written, source.name)


def outline(source: Path, kind: str) -> dict[str, Any]:
    """Names, shapes and metadata of what `convert` would write, or {"refused": why}."""

    def told() -> dict[str, Any]:
        found = _found(_read_outline(source, kind), source, "meta")
        return {"shapes": {key: list(tensor.shape) for key, tensor in found.state.items()}, "metadata": _metadata(found)}

    return _answered(told, source.name)


def _found(loaded: object, source: Path, device: str) -> Found:
    """The generator in what was read; raises BadWeights where there is none, for the unknown is not kept."""
    found = unwrapped(loaded, _recognised)
    check(found.state, source.name, source.stat().st_size, device)
    recognise({key: tuple(tensor.shape) for key, tensor in found.state.items()}, source.name)
    return found


def _metadata(found: Found) -> dict[str, str]:
    text = json.dumps(found.settings)
    about = {CONVERTED: found.prefix[:1000], "genart.left_out": ", ".join(found.left_out)[:1000]}
    return {"genart": text if len(text) <= MAX_SETTINGS else "{}", **about}


def _answered(work: Callable[[], dict[str, Any]], name: str) -> dict[str, Any]:
    """What comes of the work; whatever a hostile file provokes in torch or pickle ends here, as a sentence."""
    try:
        return work()
    except GenartError as error:
        return {"refused": str(error)}
    except Exception as error:
        text = str(error).rpartition("WeightsUnpickler error: ")[2].strip() or type(error).__name__
        reason = quote(text.split("\n")[0], 100)
        return {"refused": str(BadWeights(f"The file {name!r} cannot be read as weights ({reason}); download it again."))}


def give_up(seconds: int, room: int, written: int) -> None:
    """Live with at most `room` more bytes of memory, `written` bytes of output and `seconds`, and without a network."""
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)  # where the kernel lets us, and before a second thread
    faulthandler.dump_traceback_later(seconds, exit=True)  # on every platform, even in the middle of a C function
    if sys.platform != "win32":
        import resource

        used = int(sum(os.times()[:2]))
        limits = {resource.RLIMIT_CPU: used + seconds, resource.RLIMIT_FSIZE: written, resource.RLIMIT_CORE: 0}
        with suppress(OSError):
            mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            limits[resource.RLIMIT_AS] = mapped + room
        for limit, most in limits.items():
            with suppress(OSError, ValueError):
                resource.setrlimit(limit, (most, most))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's own tripwire: none of this is needed to read weights."""
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    if writes or event.startswith(FORBIDDEN):
        raise PermissionError(f"a file of weights may not {event}")


def _read(file: BinaryIO, kind: str, name: str) -> object:
    """What the file holds, as tensors, plain values and inert objects."""
    if kind == "pickle":
        return Plain(file, lambda data: screen_pickles(io.BytesIO(data), name)).load()
    with torch.serialization.safe_globals([(value, full) for full, value in BESIDE.items()]):
        return torch.load(file, map_location="cpu", weights_only=True)


def _read_outline(source: Path, kind: str) -> object:
    """What torch's list of tensors holds, the tensors without numbers."""
    if kind == "torch":
        with ZipFile(source) as archive:
            index = next(part for part in archive.namelist() if part.endswith("/data.pkl"))
            return Outline(io.BytesIO(archive.read(index))).load()
    with Wary(source) as file:
        for _ in range(3):  # a number, the protocol and the machine come first
            Outline(file).load()
        return Outline(file).load()


def _recognised(shapes: Shapes) -> bool:
    if len(shapes) > MAX_TENSORS:
        return False
    try:
        recognise(shapes, "")
    except (BadWeights, *MISFITS):
        return False
    return True


def check(state: Mapping[str, Tensor], name: str, size: int, device: str = "cpu") -> None:
    """Raise BadWeights unless these are plain tensors of numbers, no more than the file can hold."""
    if not 1 <= len(state) <= MAX_TENSORS:
        raise BadWeights(f"The weights file {name!r} holds {len(state)} tensors; a generator has 1 to {MAX_TENSORS}.")
    for key, tensor in state.items():
        plain = tensor.layout == torch.strided and tensor.device.type == device and not tensor.is_quantized
        if not plain or tensor.dtype not in DTYPES:
            kind = str(tensor.dtype if plain else tensor.layout).removeprefix("torch.")
            raise BadWeights(f"The tensor {quote(key)} in {name!r} has dtype {kind}; use float weights.")
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise BadWeights(f"The tensor {quote(key)} in {name!r} claims more numbers than the file has; use another file.")
    if sum(tensor.nbytes for tensor in state.values()) > 2 * size + 2**20:
        raise BadWeights(f"The tensors of {name!r} claim more numbers than the file has; use another file.")


def write(out: BinaryIO, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """safetensors, one tensor at a time, so that no second copy of the weights is in memory."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in state.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    out.write(header_text(header))
    for tensor in state.values():
        out.write(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    out.flush()
    os.fsync(out.fileno())


if __name__ == "__main__":
    task, seconds, room, *rest = sys.argv[1:]
    print("started", flush=True)
    if task == "convert":
        print(json.dumps(convert(Path(rest[0]), rest[1], Path(rest[2]), int(seconds), int(room))), flush=True)
    else:
        give_up(int(seconds), int(room), 0)
        for source, kind in zip(rest[::2], rest[1::2], strict=True):
            print(json.dumps(outline(Path(source), kind)), flush=True)
    os._exit(0)  # nothing of the file's may have a say at exit
