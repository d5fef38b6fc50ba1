"""Foreign checkpoints become safetensors, once: read in a child process, kept under the original's SHA-256.

The copy is `<original>-<copy>.safetensors`, both as SHA-256, in a folder beside the Hugging Face cache.
So a copy says itself what it came from and whether it is whole.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import genart
from genart.errors import BadWeights
from genart.hub.cache import free, ours, sha256_of
from genart.limits import SPARE_BYTES
from genart.weights.read import Header

READER = 3  # part of the folder's name: raise it when copies made before should be made again
START_SECONDS = 60  # to start Python and torch, on a busy machine
SECONDS, SECONDS_A_BYTE = 5, 1 / 30e6
ROOM, ROOM_A_BYTE = 256 * 2**20, 3
STALE_SECONDS = 24 * 3600
ENVIRONMENT = (  # no token, key or password goes along
    *("PATH", "HOME", "LANG", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE", "APPDATA", "OMP_NUM_THREADS", "OMP_WAIT_POLICY"),
)
Refusal = BadWeights  # whose sentence was made in the child

_one_at_a_time = threading.Lock()


def folder() -> Path:
    """Where converted copies are: `genart/` beside the Hub's own folder in the Hugging Face cache."""
    return ours() / f"converted-{READER}"


def opened() -> Path:
    """Where uploads are kept that a person opened as models."""
    return folder().with_name("opened")


def kept(path: Path, sha256: str) -> Path:
    """A copy of a checkpoint, under its own name, where nobody sweeps; raises BadWeights if none can be written."""
    check_room(path)
    place = opened() / sha256
    try:
        place.mkdir(parents=True, exist_ok=True)
        partial = place / f"{path.name}.partial"
        shutil.copyfile(path, partial)
        return partial.replace(place / path.name)
    except OSError as error:
        raise no_place(path, error) from None


def check_room(path: Path) -> None:
    """Raise BadWeights where the disk has no room for a copy of a checkpoint in the cache."""
    needed, left = path.stat().st_size + SPARE_BYTES, free(ours())
    if needed > left:
        raise BadWeights(
            f"A copy of {path.name!r} needs {needed / 1e6:.0f} MB and the disk has {left / 1e6:.0f} MB free; "
            "make room, or set HF_HOME to a folder on a larger disk."
        )


def no_place(path: Path, error: OSError) -> BadWeights:
    return BadWeights(f"The cache has no place for a copy of {path.name!r} ({error.strerror}); set HF_HOME to a folder of yours.")


def copies() -> Iterator[tuple[Path, str, str]]:
    """Every converted copy with the SHA-256 of its original and its own."""
    for path in sorted(folder().glob("*-*.safetensors")):
        original, _, own = path.stem.partition("-")
        if len(original) == len(own) == 64:
            yield path, original, own


def converted(path: Path, kind: str, sha256: str) -> Path:
    """The copy of a checkpoint of that kind and SHA-256, made now if there is none that is whole.

    Raises BadWeights for a checkpoint that cannot or will not be read, and where the cache cannot be written.
    """
    with _one_at_a_time:
        for copy, original, own in copies():
            if original == sha256:
                if sha256_of(copy) == own:
                    return copy
                copy.unlink()
        check_room(path)
        try:
            folder().mkdir(parents=True, exist_ok=True)
            _tidy()
            handle, partial = tempfile.mkstemp(suffix=".partial", dir=folder())
        except OSError as error:
            raise no_place(path, error) from None
        os.close(handle)
        try:
            _convert(path, kind, Path(partial))
            return Path(partial).replace(folder() / f"{sha256}-{sha256_of(Path(partial))}.safetensors")
        finally:
            Path(partial).unlink(missing_ok=True)


def _convert(path: Path, kind: str, target: Path) -> None:
    size = path.stat().st_size
    seconds, room = SECONDS + int(size * SECONDS_A_BYTE), ROOM + ROOM_A_BYTE * size
    lines = _child("convert", seconds, room, os.path.abspath(path), kind, str(target))
    if not lines:
        raise BadWeights(f"The process that reads {path.name!r} did not start; run python -m genart doctor.")
    if len(lines) == 1:
        raise BadWeights(
            f"Reading {path.name!r} took more than the {seconds} s and {room >> 20} MB that its size allows; use another file."
        )
    if refused := json.loads(lines[1]).get("refused"):
        raise Refusal(refused)


def outlines(files: Sequence[tuple[Path, str]]) -> list[Header | BadWeights | None]:
    """Of each file, of kind "torch" or "legacy", the header that its converted copy would have, or why it is refused.

    The numbers of its tensors need not be there. None where the child did not get that far.
    """
    named = [text for path, kind in files for text in (os.path.abspath(path), kind)]
    lines = _child("outline", SECONDS * (1 + len(files)), ROOM, *named)[1:] if files else []
    return [_outlined(json.loads(line)) for line in lines] + [None] * (len(files) - len(lines))


def _outlined(told: Mapping[str, Any]) -> Header | BadWeights:
    if "refused" in told:
        return Refusal(told["refused"])
    return Header({name: tuple(shape) for name, shape in told["shapes"].items()}, told["metadata"])


def _child(task: str, seconds: int, room: int, *rest: str) -> list[bytes]:
    """The lines that the child says: "started", and an answer to each part of its task that it came to."""
    places = [str(Path(genart.__file__).parents[1]), *filter(None, sys.path)]
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "genart.weights.child", task, str(seconds), str(room), *rest],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=START_SECONDS + seconds,
            env=environment | {"PYTHONPATH": os.pathsep.join(places)},
        )
        return ended.stdout.splitlines()
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").splitlines()


def _tidy() -> None:
    """Remove what processes that were killed have left behind, and the copies of earlier readers."""
    for earlier in range(1, READER):
        shutil.rmtree(folder().with_name(f"converted-{earlier}"), ignore_errors=True)
    for partial in folder().glob("*.partial"):
        if time.time() - partial.stat().st_mtime > STALE_SECONDS:
            partial.unlink(missing_ok=True)
