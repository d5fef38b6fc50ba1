"""The parts of a file on the Hub that tell what it is: it knows how checkpoints begin and end, and no more.

They are fetched by range into a file as long as the whole, which is empty everywhere else: whoever
reads names and shapes off it reads it like any other.
"""

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import get_session
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import hf_raise_for_status

BLOCK = 2**17  # bytes fetched at once, the least
MOST = 2**24  # of one file
HEADER = 8 * 2**20
BEGINNING = 2**20  # where a pickle has its names, unless its numbers are among them
BEFORE_PART = 2**12  # a zip's own words before the bytes of a part


def bring_parts(url: str, size: int, target: Path, seconds: float) -> None:
    """Fill `target`, of `size` bytes: a safetensors header, a zip's index and its list of tensors, a pickle's beginning.

    It is not there where the server gives no parts, or would have to give too many. Raises what the network raises.
    """
    try:
        with open(target, "wb+", buffering=0) as kept:
            kept.truncate(size)
            _bring_what_tells(Ranged(url, size, kept, seconds))
    except TooMuch:
        target.unlink()


def _bring_what_tells(stream: "Ranged") -> None:
    head = stream.read(16)
    if head[8:9] == b"{":
        stream.read(min(int.from_bytes(head[:8], "little"), HEADER))
    elif head.startswith(b"PK"):
        _bring_index(stream)
    else:
        stream.read(BEGINNING)


def _bring_index(stream: "Ranged") -> None:
    with suppress(zipfile.BadZipFile, NotImplementedError, ValueError), zipfile.ZipFile(stream) as archive:
        for part in archive.infolist():
            if part.filename.endswith("data.pkl"):
                stream.seek(part.header_offset)
                stream.read(BEFORE_PART + min(part.compress_size, HEADER))


class TooMuch(Exception):
    """More of the file was asked for than tells what it is, or the server gives no parts."""


class Ranged(io.RawIOBase):
    """A file on the Hub, fetched as it is read and kept in `kept`."""

    def __init__(self, url: str, size: int, kept: BinaryIO, seconds: float):
        self._url, self._size, self._kept, self._seconds = url, size, kept, seconds
        self._place = self._fetched = 0
        self._there: set[int] = set()  # blocks

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if self._place < 0:
            raise ValueError("a place before the beginning")
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        end = min(self._place + len(buffer), self._size)
        count = max(0, end - self._place)
        if count:
            self._bring(self._place // BLOCK, (end - 1) // BLOCK)
            self._kept.seek(self._place)
            buffer[:count] = self._kept.read(count)
            self._place = end
        return count

    def _bring(self, first: int, last: int) -> None:
        """Fetch what is missing of the blocks from `first` to `last`, in one piece."""
        missing = [block for block in range(first, last + 1) if block not in self._there]
        if not missing:
            return
        start, end = missing[0] * BLOCK, min((missing[-1] + 1) * BLOCK, self._size)
        self._fetched += end - start
        if self._fetched > MOST:
            raise TooMuch
        # In the bytes as they are: a packed answer would have other places.
        headers = {**build_hf_headers(), "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        with get_session().stream("GET", self._url, headers=headers, timeout=self._seconds) as answer:
            if answer.status_code >= 400:
                answer.read()
            hf_raise_for_status(answer)
            if answer.status_code != 206 and start:
                raise TooMuch
            self._kept.seek(start)
            for piece in answer.iter_raw():
                self._kept.write(piece[: max(0, end - self._kept.tell())])
                if self._kept.tell() >= end:
                    break
        self._there |= set(range(missing[0], missing[-1] + 1))
