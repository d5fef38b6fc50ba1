"""A sound file becomes samples, decoded in a process of its own, and samples what a walk carries of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

import genart
from genart.errors import BadRecipe, printable, quote
from genart.export.decode import SECONDS, TOO_LONG
from genart.export.encode import import_av
from genart.sound import Sound, heard

TIMEOUT = SECONDS + 30  # for a process that does not end by itself, and begins on a busy machine
ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME", "SYSTEMROOT")


def heard_in(samples: np.ndarray, name: str) -> Sound:
    """What is heard in samples, int16 (n, 2), as a walk carries it."""
    return heard(samples.mean(1, dtype=np.float32) / 32768, printable(name)[:200])


def samples_of(data: bytes, name: str, *, most_bytes: int, most_seconds: float) -> np.ndarray:
    """The samples in a WAV, MP3, Ogg, FLAC or M4A file, int16 (n, 2), RATE a second; raises BadRecipe."""
    if len(data) > most_bytes:
        raise BadRecipe(
            f"The sound {quote(name)} has {len(data) / 2**20:.0f} MB; use one of at most {most_bytes / 2**20:.0f} MB."
        )
    kind = kind_of(data)
    if kind is None:
        raise BadRecipe(f"{quote(name)} is no sound file that genart reads; use WAV, MP3, Ogg, FLAC or M4A.")
    import_av()
    places = [str(Path(genart.__file__).parents[1]), *filter(None, sys.path)]
    environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ} | {"PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-P", "-m", "genart.export.decode", kind, str(int(most_seconds))]
    slow = False
    try:
        ended = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT, env=environment)
    except subprocess.TimeoutExpired:
        slow = True
    if slow or _ran_out_of_time(ended):
        raise BadRecipe(f"Decoding the sound {quote(name)} took more than {SECONDS} seconds; use a shorter one.")
    if ended.returncode == TOO_LONG:
        raise BadRecipe(f"The sound {quote(name)} lasts longer than {int(most_seconds)} seconds; cut it, or use another.")
    if ended.returncode or len(ended.stdout) < 4:
        raise BadRecipe(f"The sound {quote(name)} is damaged; save it again, as WAV or MP3.")
    return np.frombuffer(ended.stdout, np.int16).reshape(-1, 2)


def _ran_out_of_time(ended: "subprocess.CompletedProcess[bytes]") -> bool:
    """Whether the process was ended by its own clock: that of the processor, or the one of `faulthandler`."""
    return ended.returncode == -getattr(signal, "SIGXCPU", 0) != 0 or ended.stderr.startswith(b"Timeout (")


def kind_of(data: bytes) -> str | None:
    """FFmpeg's name for what the first bytes say; None for what is not read here, such as playlists and films."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[4:8] == b"ftyp" and data[8:11] in (b"M4A", b"M4B", b"mp4", b"iso"):
        return "mov"
    if data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1:2] >= b"\xe0" and data[1:2] != b"\xff"):
        return "mp3"
    return {b"OggS": "ogg", b"fLaC": "flac"}.get(data[:4])
