"""Frames become files, one at a time: video by PyAV, GIF, PNG and sheets by Pillow.

An encoder takes frames of one size and knows neither recipes nor walks, only the notes it writes.
`with` closes the file; whoever opens it removes what an error leaves behind.
"""

import io
import json
import math
import threading
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from PIL import GifImagePlugin, Image

from genart.errors import GenartError
from genart.export.notes import Notes
from genart.export.png import chunks_of, png, png_at_once
from genart.export.sheet import contact_sheet
from genart.sound import RATE

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # the uuid of XMP in MP4 (XMP specification, part 3)
GIF_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"  # ends an XMP block in GIF, as the specification has it
BT709 = 1
GIF_COLOURS = 256
PALETTE_SECONDS = 0.1  # in which frames share their colours: 0.1 dB in slow walks, 0.9 in the fastest, for a third of the time
SMALL = 512 * 512  # pixels of frames that one thread encodes; several would mostly wait for each other


@dataclass(frozen=True, slots=True)
class Order:
    """What an encoder is told: where to write, what shape (H, W) and how many frames, how fast, how well, and the notes.

    `sound` is what a video lets hear, int16 (n, 2), RATE samples a second; other formats are silent. Smaller
    frames are enlarged by a `Video` itself, hard-edged where `hard`, and then by a `Gif` too: beside their change of colours
    that costs nothing.
    """

    path: Path
    shape: tuple[int, int]
    frames: int
    fps: float
    quality: str
    notes: Notes
    sound: np.ndarray | None = None
    hard: bool = False


class Encoder(Protocol):
    def __enter__(self) -> "Encoder": ...

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def packed(self, pixels: np.ndarray) -> Any:
        """As much of a frame's encoding, uint8 (H, W, 3), as asks for no other frame: in any thread, in any order."""

    def add(self, frame: Any) -> None:
        """The next frame, packed."""


# Muxer, codec and pixel format; what the muxer is told; what the codec is told for each quality.
VIDEO = {
    "mp4": ("mp4", "libx264", "yuv420p"),
    "webm": ("webm", "libvpx-vp9", "yuv420p"),
    "webp": ("webp", "libwebp_anim", "yuv420p"),
}
CONTAINERS = {"mp4": {"movflags": "+faststart"}, "webp": {"loop": "0"}}
H264 = {"preset": "veryfast", "x264-params": "partitions=i4x4,i8x8"}  # a fifth of the time for a hundredth of the size
# Frames looked at in advance change nothing in realtime, and would all be encoded at the end, when nothing is drawn any more.
VP9 = {"b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"}
CODECS = {
    "mp4": {name: {"crf": crf, **H264} for name, crf in (("small", "28"), ("good", "20"), ("best", "14"))},
    "webm": {name: {"crf": crf, **VP9} for name, crf in (("small", "42"), ("good", "30"), ("best", "18"))},
    "webp": {
        name: {"quality": quality, "compression_level": "2"}
        for name, quality in (("small", "60"), ("good", "80"), ("best", "95"))
    },
}
# Codec of the sound, how it takes samples, bits a second.
VOICES = {"mp4": ("aac", "fltp", 160_000), "webm": ("libopus", "s16", 128_000)}
FADE = RATE // 20  # samples over which a sound that goes on after the film dies away


class Video:
    """MP4 with H.264, WebM with VP9, or animated WebP; the first two with sound, if there is any."""

    def __init__(self, kind: str, order: Order):
        self.kind, self.order, self.count = kind, order, 0
        av = import_av()
        muxer, codec, self.pixels = VIDEO[kind]
        self.container = av.open(str(order.path), "w", format=muxer, options=CONTAINERS.get(kind, {}))
        self.rate = Fraction(order.fps).limit_denominator(1001)
        stream: Any = self.container.add_stream(codec, rate=self.rate, options=CODECS[kind][order.quality])
        stream.height, stream.width = (_even(side) for side in order.shape)
        stream.pix_fmt = self.pixels
        if stream.height * stream.width <= SMALL:
            stream.codec_context.thread_count = 1
        if kind != "webp":
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = 1
        self.stream, self.kept = stream, threading.local()
        # From 17 on every change of colours would be cut up for threads of its own, and mostly wait for them.
        self.alone = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}
        self.voice = Voice(self.container, kind, order, order.sound) if order.sound is not None and kind in VOICES else None
        if kind != "webp":
            self.container.metadata.update(self._metadata())

    def _metadata(self) -> dict[str, str]:
        notes = self.order.notes
        said = {"title": "genart", "comment": notes.text, "copyright": notes.licence, "description": notes.credit}
        return said | ({"XMP": notes.xmp().decode()} if self.kind == "webm" else {})

    def packed(self, pixels: np.ndarray) -> Any:
        """In the codec's colours, and as large as the film."""
        av = import_av()
        height, width = pixels.shape[:2]
        if (height, width) == self.order.shape and (height % 2 or width % 2):
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        matrix = {} if self.kind == "webp" else {"dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
        if pixels.shape[:2] != (self.stream.height, self.stream.width):
            matrix |= {"interpolation": "POINT" if self.order.hard else "LANCZOS"}
        if not hasattr(self.kept, "reformatter"):
            self.kept.reformatter = av.video.reformatter.VideoReformatter()  # it prepares tables, and serves one thread
        return self.kept.reformatter.reformat(frame, self.stream.width, self.stream.height, self.pixels, **self.alone, **matrix)

    def add(self, frame: Any) -> None:
        frame.pts, frame.time_base = self.count, 1 / self.rate
        self.count += 1
        for packet in self.stream.encode(frame):
            self.container.mux(packet)
        if self.voice:
            self.voice.speak(self.count / self.order.fps)

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            for packet in self.stream.encode(None):
                self.container.mux(packet)
            if self.voice:
                self.voice.end()
        self.container.close()
        if error is None and self.kind == "mp4":
            box = b"uuid" + XMP_BOX + self.order.notes.xmp()
            with self.order.path.open("ab") as file:
                file.write((len(box) + 4).to_bytes(4, "big") + box)
        if error is None and self.kind == "webp":
            _mark_webp(self.order.path, [_even(side) for side in self.order.shape], self.order.notes.xmp())


class Voice:
    """The sound of a video: as much of it as the film is long, a little at a time, beside the frames."""

    def __init__(self, container: Any, kind: str, order: Order, sound: np.ndarray):
        codec, self.format, bits = VOICES[kind]
        self.container, self.at = container, 0
        self.stream: Any = container.add_stream(codec, rate=RATE, layout="stereo", format=self.format)
        self.stream.bit_rate = bits
        self.samples = _as_long(sound, round(order.frames / order.fps * RATE))

    def speak(self, seconds: float) -> None:
        """Everything up to this moment of the film."""
        self.stream.codec_context.open(strict=False)
        step = self.stream.codec_context.frame_size
        while self.at < min(len(self.samples), seconds * RATE):
            self._encode(self.samples[self.at : self.at + step])
            self.at += step

    def end(self) -> None:
        self.speak(math.inf)
        for packet in self.stream.encode(None):
            self.container.mux(packet)

    def _encode(self, samples: np.ndarray) -> None:
        shaped = (samples.T.astype(np.float32) / 32768) if self.format == "fltp" else samples.reshape(1, -1)
        frame = import_av().AudioFrame.from_ndarray(np.ascontiguousarray(shaped), format=self.format, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, Fraction(1, RATE)
        for packet in self.stream.encode(frame):
            self.container.mux(packet)


class Gif:
    """A GIF whose frames have the 256 colours that suit them, neighbours at high rates the same, or all their own where
    they are fewer."""

    def __init__(self, order: Order):
        height, width = order.shape
        self.order, self.count = order, 0
        self.together = max(1, round(order.fps * PALETTE_SECONDS))
        self.waiting: list[Image.Image] = []
        self.file = order.path.open("wb")
        self.file.write(b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\0\0\0")
        self.file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
        self.file.write(b"\x21\xfe" + _blocks(order.notes.text.encode()))
        self.file.write(b"\x21\xff\x0bXMP DataXMP" + order.notes.xmp() + GIF_TRAILER)  # first: some readers go no further

    def packed(self, pixels: np.ndarray) -> Image.Image:
        """In its own colours where they are few, else as it is."""
        image = Image.fromarray(pixels)
        if image.getcolors(GIF_COLOURS):
            image = image.quantize(GIF_COLOURS, Image.Quantize.MEDIANCUT)
        size = self.order.shape[::-1]
        return image if image.size == size else image.resize(size, Image.Resampling.NEAREST)

    def add(self, frame: Image.Image) -> None:
        if frame.mode == "P":
            self._write()
            self._append(frame)
            return
        self.waiting.append(frame)
        if len(self.waiting) == self.together:
            self._write()

    def _write(self) -> None:
        """What waits, in the colours of an octree, diffused: nearer to the eye than a median cut's, in a tenth of the time."""
        if not self.waiting:
            return
        together = Image.fromarray(np.concatenate([np.asarray(image) for image in self.waiting]))
        colours = together.quantize(GIF_COLOURS, Image.Quantize.FASTOCTREE)
        for image in self.waiting:
            self._append(image.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG))
        self.waiting.clear()

    def _append(self, image: Image.Image) -> None:
        # hundredths of a second do not divide most rates: each frame ends at the nearest to its true end
        hundredths = round((self.count + 1) * 100 / self.order.fps) - round(self.count * 100 / self.order.fps)
        self.count += 1
        for part in GifImagePlugin.getdata(image, duration=10 * hundredths, include_color_table=True):
            self.file.write(part)

    def __enter__(self) -> "Gif":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._write()
            self.file.write(b";")
        self.file.close()


class Frames:
    """A zip of numbered PNG files."""

    def __init__(self, order: Order):
        self.order, self.count, self.chunks = order, 0, chunks_of(order.notes)
        self.zip = zipfile.ZipFile(order.path, "w", zipfile.ZIP_STORED)
        self.zip.writestr("genart.xmp", order.notes.xmp())
        self.zip.writestr("README.txt", order.notes.text)

    def packed(self, pixels: np.ndarray) -> bytes:
        return png_at_once(pixels, self.chunks)

    def add(self, frame: bytes) -> None:
        self.zip.writestr(f"frame{self.count:05d}.png", frame)
        self.count += 1

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.zip.close()


class Sheet:
    """One PNG: a contact sheet, frames in reading order with paper between them."""

    def __init__(self, order: Order):
        self.order = order
        self.pictures: list[np.ndarray] = []

    def packed(self, pixels: np.ndarray) -> np.ndarray:
        return pixels

    def add(self, frame: np.ndarray) -> None:
        self.pictures.append(frame)

    def __enter__(self) -> "Sheet":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.order.path.write_bytes(png(contact_sheet(self.pictures), self.order.notes))


class Sprites(Sheet):
    """A zip of one PNG with all frames side by side, and a JSON that says where each is and how long it is shown."""

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            return
        height, width = self.order.shape
        sheet = contact_sheet(self.pictures, gap=0)
        columns = sheet.shape[1] // width
        frames = [
            {
                "filename": f"frame{number:05d}",
                "frame": {"x": number % columns * width, "y": number // columns * height, "w": width, "h": height},
                "duration": 1000 / self.order.fps,
            }
            for number in range(len(self.pictures))
        ]
        size = {"w": sheet.shape[1], "h": sheet.shape[0]}
        about = {"frames": frames, "meta": {"app": "genart", "image": "sprites.png", "size": size}}
        with zipfile.ZipFile(self.order.path, "w", zipfile.ZIP_STORED) as file:
            file.writestr("genart.xmp", self.order.notes.xmp())
            file.writestr("sprites.json", json.dumps(about, indent=1))
            file.writestr("sprites.png", png(sheet, self.order.notes))


def import_av() -> Any:
    """PyAV, which brings FFmpeg's libraries along."""
    try:
        import av
    except ImportError:
        raise GenartError("Films of this format need the package av; install it with: pip install av") from None
    return av


def _as_long(samples: np.ndarray, count: int) -> np.ndarray:
    """int16 (at most `count`, 2); what is cut off dies away."""
    if len(samples) <= count:
        return samples
    cut = samples[:count].astype(np.float32)
    fade = min(FADE, count)
    cut[count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return cut.astype(np.int16)


def _even(side: int) -> int:
    """H.264 and VP9 halve the colours' resolution."""
    return side + side % 2


def _blocks(data: bytes) -> bytes:
    """GIF's sub-blocks: at most 255 bytes each, an empty one at the end."""
    parts = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _mark_webp(path: Path, shape: list[int], xmp: bytes) -> None:
    """Append an XMP chunk to a WebP, and say so in its extended header, which a single picture may lack."""
    data = bytearray(path.read_bytes())
    if data[12:16] != b"VP8X":
        height, width = shape
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        data[12:12] = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + size
    data[20] |= 0x04
    data += b"XMP " + len(xmp).to_bytes(4, "little") + xmp + bytes(len(xmp) % 2)
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    path.write_bytes(data)


def still(pixels: np.ndarray, notes: Notes, kind: str) -> bytes:
    """One picture as "jpeg" or, without loss, "webp" bytes; PNG has its own module."""
    file = io.BytesIO()
    xmp = notes.xmp()
    if kind == "jpeg" and len(xmp) > 65_000:
        raise GenartError(f"A JPEG holds notes of 65000 bytes, and this recipe needs {len(xmp)}; save as PNG or WebP.")
    how: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "jpeg" else {"lossless": True}
    Image.fromarray(pixels).save(file, kind.upper(), xmp=xmp, **how)
    return file.getvalue()
