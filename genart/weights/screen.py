"""What a file is, told from its bytes before anything reads it. It builds no tensor and runs no pickle.

A pickle is a program. Here it is spelled out, step by step, and refused where it names anything but
weights; the child that reads it afterwards refuses the same once more.
"""

import io
import os
import pickletools
import struct
from pathlib import Path
from typing import IO, Container, Iterable
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from genart.errors import BadWeights, quote
from genart.weights.inert import PLAIN_NAMES, TORCH_NAMES

MAX_WEIGHTS_FILE = 8 * 2**30  # as it lies on the disk, whatever is in it
MAX_PARTS = 20_000  # files in an archive: a checkpoint has one for each tensor
MAX_INDEX = 8 * 2**20
MAX_STEPS = 1_000_000  # a checkpoint takes about 50 for each tensor
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first of the five pickles in torch's format before 1.6
PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg", "UserDict": "collections"}
TENSORFLOW = ("dnnlib.tflib.", "tfutil.")  # what NVIDIA's pickles before PyTorch need
UNREADABLE = (ValueError, OverflowError, MemoryError, EOFError, NotImplementedError, struct.error, BadZipFile)

Signs = Iterable[tuple[int, bytes, str]]
OTHER: Signs = (
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"GIF8", "a picture"),
    (8, b"WEBP", "a picture"),
    (0, b"\x89HDF\r\n", "a Keras file"),
    (0, b"\x08\x01\x12", "a TensorFlow model"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    *((0, bytes([8, version]), "an ONNX model") for version in range(2, 16)),
    # A map of msgpack whose first key is a text; a large one has its length between.
    *((0, bytes([first, key]), "a Flax file") for first in range(0x81, 0x90) for key in (*range(0xA1, 0xC0), 0xD9)),
    *((0, bytes([first]), "a Flax file") for first in (0xDE, 0xDF)),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"GGUF", "a GGUF model"),
)
TABLE = bytes.fromhex("57fb808b247547db")  # at the end of TensorFlow's tables of tensors
PACKED: Signs = (
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
)
MISSED: Signs = (
    (0, b"version https://git-lfs", "a git-LFS pointer"),
    (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"<?xml", "a web page"),
)


def kind_of(path: Path) -> str:
    """ "safetensors", "torch", "legacy" (torch before 1.6) or "pickle": how the file may be read.

    The bytes decide, not the name. Raises BadWeights that says what the file is instead, or what in
    it will not be read.
    """
    name = path.name
    if not os.path.isfile(path):
        if os.path.exists(path):
            raise BadWeights(f"{name!r} is a folder or a device; choose the file of a model.")
        raise BadWeights(f"The weights file {name!r} is missing; download it again or reinstall genart.")
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(4096)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    if not head:
        raise BadWeights(f"The file {name!r} is empty; download it again.")
    if size > MAX_WEIGHTS_FILE:
        most = MAX_WEIGHTS_FILE // 2**30
        raise BadWeights(
            f"The weights file {name!r} has {size / 2**30:.1f} GiB; use one of at most {most} GiB, of weights alone."
        )
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size:
        return "safetensors"
    if head.startswith(b"PK"):
        _screen_archive(path)
        return "torch"
    _refuse_other(head, name)
    if tail == TABLE:
        _refuse_format(name, "a TensorFlow checkpoint")
    if path.suffix == ".safetensors" and not head.startswith(b"\x80"):
        return "safetensors"
    with Wary(path) as stream:
        screen_pickles(stream, name)
    return "legacy" if head.startswith(MAGIC) else "pickle"


def screen_pickles(stream: IO[bytes], name: str) -> None:
    """Spell out a pickle, or all five of torch's old format; raises BadWeights as `kind_of` does."""
    legacy = stream.read(len(MAGIC)) == MAGIC
    stream.seek(0)
    for _ in range(5 if legacy else 1):
        try:
            screen_pickle(stream, TORCH_NAMES if legacy else PLAIN_NAMES, name, persistent=legacy)
        except UNREADABLE as error:
            reason = quote(str(error), 80)
            raise BadWeights(f"The file {name!r} is damaged or of no known kind ({reason}); download it again.") from error


def screen_pickle(stream: IO[bytes], allowed: Container[str], name: str, *, persistent: bool) -> None:
    """Spell one pickle out, up to its end.

    Raises BadWeights for a global that is not `allowed`, for one whose name is not plainly written
    before it, for the registry of extensions, for persistent ids unless they are expected, and for
    too many steps; what `pickletools` raises for a step that does not exist.
    """
    texts: tuple[str | None, str | None] = (None, None)  # the last two values pushed, where they are text
    memo: dict[int, str | None] = {}
    for steps, (step, argument, _) in enumerate(pickletools.genops(stream)):
        kind = step.name
        if steps > MAX_STEPS:
            raise BadWeights(f"The pickle in {name!r} has more than {MAX_STEPS} steps; use a file of weights alone.")
        if kind in ("GLOBAL", "INST"):
            _check_global(str(argument).replace(" ", ".", 1), allowed, name)
        elif kind == "STACK_GLOBAL":
            _check_global(".".join(text or "?" for text in texts), allowed, name)
        elif kind.startswith("EXT") or kind == "PERSID" or (kind == "BINPERSID" and not persistent):
            _check_global(kind, (), name)
        if kind in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if kind == "MEMOIZE" else int(str(argument))] = texts[1]  # as the reader counts
        elif kind in ("GET", "BINGET", "LONG_BINGET"):
            texts = (texts[1], memo.get(int(str(argument))))
        elif kind not in ("FRAME", "PROTO"):
            texts = (texts[1], str(argument) if kind.endswith(("UNICODE", "UNICODE8", "STRING")) else None)


class Wary(io.BufferedReader):
    """A file that believes no announced length: it reads at most what is there, and `most` at once."""

    def __init__(self, path: Path, most: int = MAX_WEIGHTS_FILE):
        super().__init__(io.FileIO(path))
        self._size, self._most = os.path.getsize(path), most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = max(0, self._size - self.tell())
        if size > 8192 and size > min(self._most, self._size):  # one step of a pickle is read often
            raise ValueError(f"{size} bytes are announced, the file has {self._size}")
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(8192)


def _check_global(full: str, allowed: Container[str], name: str) -> None:
    module, _, last = full.rpartition(".")
    if full.startswith(TENSORFLOW):
        raise BadWeights(
            f"The file {name!r} needs the code {quote(full, 100)} of TensorFlow's time; "
            "use the same model saved by PyTorch, a .pt or a .pkl of stylegan2-ada-pytorch."
        )
    if f"{PYTHON_2.get(module, module)}.{last}" not in allowed:
        raise BadWeights(
            f"The file {name!r} needs the code {quote(full, 100)}, and genart reads weights alone; "
            "use this model's .safetensors file or a saved state_dict."
        )


def _refuse_other(head: bytes, name: str) -> None:
    """Raise BadWeights where the first bytes are those of another known format."""

    def found(signs: Signs, text: bytes) -> str | None:
        return next((what for start, sign, what in signs if text[start : start + len(sign)] == sign), None)

    if what := found(MISSED, head.lstrip().lower()):
        raise BadWeights(f"The file {name!r} is {what}, left by a download that failed; download the weights themselves.")
    if what := found(PACKED, head):
        raise BadWeights(f"The file {name!r} is {what}; unpack it and use the checkpoint inside.")
    if what := found(OTHER, head):
        _refuse_format(name, what)


def _refuse_format(name: str, what: str) -> None:
    raise BadWeights(f"The file {name!r} is {what}; genart reads safetensors and PyTorch checkpoints, so look for one of those.")


def _screen_archive(path: Path) -> None:
    """Look through a zip archive by its index; raises BadWeights unless it is as torch.save writes them."""
    name = path.name
    try:
        with Wary(path, MAX_INDEX) as stream, ZipFile(stream) as archive:
            parts = archive.infolist()
            _refuse_other_archive(parts, name)
            index = _index(parts, os.path.getsize(path))
            screen_pickle(io.BytesIO(archive.read(index)), TORCH_NAMES, name, persistent=True)
    except (*UNREADABLE, KeyError, OSError) as error:
        reason = quote(str(error), 80)
        raise BadWeights(f"The archive {name!r} is not as torch.save writes it ({reason}); download it again.") from None


def _refuse_other_archive(parts: list[ZipInfo], name: str) -> None:
    leaves = {part.filename.rpartition("/")[2] for part in parts}
    if "constants.pkl" in leaves or any("code/" in part.filename for part in parts):
        raise BadWeights(f"The file {name!r} is TorchScript, which is code; use the model's state_dict, saved with torch.save.")
    if "model.weights.h5" in leaves:
        _refuse_format(name, "a Keras file")
    if leaves and all(leaf.endswith(".npy") for leaf in leaves):
        _refuse_format(name, "an archive of NumPy arrays")
    if parts and "data.pkl" not in leaves:
        raise BadWeights(f"The file {name!r} is {'a zip archive'}; unpack it and use the checkpoint inside.")


def _index(parts: list[ZipInfo], size: int) -> ZipInfo:
    """The one pickle of a torch archive; raises BadZipFile for anything torch.save would not write."""
    if len(parts) > MAX_PARTS:
        raise BadZipFile(f"it has {len(parts)} parts")
    names = [part.filename for part in parts]
    index = [part for part in parts if part.filename.endswith("/data.pkl")]
    if len(index) != 1:
        raise BadZipFile(f"it has {len(index)} lists of tensors")
    top = index[0].filename.removesuffix("data.pkl")
    if len(set(names)) < len(names) or not all(part.startswith(top) and ".." not in part and "\\" not in part for part in names):
        raise BadZipFile("its parts have doubtful names")
    if any(part.compress_type != ZIP_STORED or part.flag_bits & 1 for part in parts):
        raise BadZipFile("its parts are compressed")
    if sum(part.file_size for part in parts) > size:
        raise BadZipFile("its parts are larger than the whole")
    return index[0]
