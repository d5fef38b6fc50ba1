"""Small sounds, made when a test needs them."""

import io
import wave

import numpy as np

from genart.export.encode import import_av

RATE = 44_100


def beats(seconds: float = 2.0, *, every: float = 0.5) -> np.ndarray:
    """int16 (n,): a low hum, and a click each `every` seconds."""
    t = np.arange(int(RATE * seconds)) / RATE
    samples = 0.2 * np.sin(2 * np.pi * 110 * t)
    for start in np.arange(every / 2, seconds, every):
        samples[int(start * RATE) : int(start * RATE) + 200] = 0.8
    return (samples * 32767).astype(np.int16)


def wav(samples: np.ndarray) -> bytes:
    """Mono, 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def encoded(samples: np.ndarray, muxer: str, codec: str) -> bytes:
    """The samples as another program would save them."""
    av, file = import_av(), io.BytesIO()
    with av.open(file, "w", format=muxer) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for part in [*av.AudioResampler(format="s16", layout="mono", rate=48_000).resample(frame)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()
