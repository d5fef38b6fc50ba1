"""The process that decodes one sound file: `python -m genart.export.decode KIND SECONDS`, bytes in, samples out.

Before it looks at the file it gives up the network, writing files, and more memory and time than that
takes: decoders are old programs in C, and the file may be anybody's. It knows only the formats that
`listen.py` names, so that no playlist sends it elsewhere.
"""

import ctypes
import faulthandler
import io
import sys
from contextlib import suppress
from typing import Any, Iterator

from genart.sound import RATE

TOO_LONG, DAMAGED = 3, 4  # what it exits with
CODECS = ("pcm_", "mp3", "vorbis", "opus", "flac", "aac", "alac")
SECONDS = 60  # that decoding may take, by the clock or of the processor
ROOM = 512 * 2**20  # bytes of memory beside the file's own
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def give_up(room: int, seconds: int) -> None:
    """Live with at most `room` more bytes and `seconds`, without a network and without writing a file."""
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)  # where the kernel lets us
    faulthandler.dump_traceback_later(seconds, exit=True)
    if sys.platform != "win32":
        import resource

        limits = {resource.RLIMIT_FSIZE: (0, 0), resource.RLIMIT_CORE: (0, 0)}
        limits[resource.RLIMIT_CPU] = (seconds, seconds + 5)  # first the signal that says why
        with suppress(OSError), open("/proc/self/statm") as file:
            most = int(file.read().split()[0]) * resource.getpagesize() + room
            limits[resource.RLIMIT_AS] = (most, most)
        for limit, bounds in limits.items():
            with suppress(OSError, ValueError):
                resource.setrlimit(limit, bounds)


def decoded(data: bytes, kind: str) -> Iterator[Any]:
    """The samples of the first audio stream, int16 (n, 2) at RATE, part by part; spoilt packets are left out."""
    import av
    from av.error import InvalidDataError

    good = spoilt = 0
    with av.open(io.BytesIO(data), format=kind) as container:
        stream = container.streams.audio[0]
        if not stream.codec_context.name.startswith(CODECS):
            raise ValueError(stream.codec_context.name)
        alone = stream.codec_context.channels == 1  # FFmpeg would make both sides 3 dB quieter than the one
        resampler = av.AudioResampler(format="s16", layout="mono" if alone else "stereo", rate=RATE)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except InvalidDataError:  # a tag at the end of an MP3, or a scratch
                spoilt += 1
                continue
            good += bool(frames)
            for part in (part for frame in frames for part in resampler.resample(frame)):
                yield _both(part.to_ndarray(), alone)
        for part in resampler.resample(None):
            yield _both(part.to_ndarray(), alone)
    if not good or spoilt > good:
        raise ValueError("nothing to hear")


def _both(samples: Any, alone: bool) -> Any:
    """Interleaved or single int16 (1, n) -> (n, 2)."""
    return samples.reshape(-1, 1).repeat(2, axis=1) if alone else samples.reshape(-1, 2)


def main(kind: str, most: int) -> int:
    data = sys.stdin.buffer.read()
    import av  # noqa: F401  # before its memory is counted

    give_up(ROOM + 2 * len(data), SECONDS)
    count = 0
    try:
        for part in decoded(data, kind):
            count += len(part)
            if count > most * RATE:
                return TOO_LONG
            sys.stdout.buffer.write(part.tobytes())
        sys.stdout.buffer.flush()
    except Exception:  # whatever a damaged file provokes ends here; the parent has the sentence
        return DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
