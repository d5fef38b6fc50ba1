"""What a sound does, in numbers of time: onsets, loudness, three bands. It knows no file, no recipe and no torch.

A `Sound` is plain data, small enough to travel inside a walk; the sound itself stays where it is.
"""

import itertools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from genart.errors import BadRecipe, quote

ROWS = ("onset", "loudness", "low", "mid", "high")
RATE = 48_000  # samples a second that are analysed
HOP, WINDOW = 480, 2048  # samples: a hundred looks a second, each 43 ms wide
LOOKS = RATE / HOP
MAX_SECONDS = 600.0
MAX_VALUES = 18_000  # of a row
VALUES_A_SECOND = 50.0  # kept of the hundred, fewer of a very long sound
MAX_VALUES_A_SECOND = 60.0
BANDS = ((20.0, 250.0), (250.0, 2500.0), (2500.0, 16_000.0))  # Hz
SILENCE = -60.0  # dB of full scale: what never grows louder is silent
LOUD_RANGE = 45.0  # dB from the loudest moment down to 0
BAND_RANGE = 30.0
BAND_BELOW = 24.0  # dB: a band this far below the loudest one is not drawn up to 1
COMPRESSION = 100.0  # of magnitudes before their rises are added up, so that soft onsets count (Klapuri 1999)
AT_ONCE = 2048  # looks transformed together, so that ten minutes need no more memory than one
LEVELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
OF_LETTER = np.zeros(128, np.uint8)
OF_LETTER[np.frombuffer(LEVELS.encode(), np.uint8)] = np.arange(len(LEVELS))


@dataclass(frozen=True)
class Sound:
    """`rate` values a second of every row, one letter of 64 levels each: all of the first row, then the next."""

    rate: float
    levels: str
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.rate, bool) or not isinstance(self.rate, (int, float)) or not 1 <= self.rate <= MAX_VALUES_A_SECOND:
            raise BadRecipe(f"A sound's rate {quote(self.rate)} is out of range; use 1 to {MAX_VALUES_A_SECOND:g} a second.")
        whole = isinstance(self.levels, str) and self.levels and not len(self.levels) % len(ROWS)
        if not whole or not set(self.levels) <= set(LEVELS) or len(self.levels) > MAX_VALUES * len(ROWS):
            raise BadRecipe(f"The sound {quote(self.levels)} inside the walk is damaged; choose the sound file again.")
        if not isinstance(self.name, str) or len(self.name) > 200 or not self.name.isprintable():
            raise BadRecipe(f"A sound's name {quote(self.name)} is no name; use at most 200 printable characters.")

    @property
    def seconds(self) -> float:
        return len(self.levels) / len(ROWS) / self.rate

    def values(self) -> np.ndarray:
        """(rows, n) in 0 .. 1; value i of a row belongs to the moment (i + 1/2) / rate."""
        numbers = OF_LETTER[np.frombuffer(self.levels.encode(), np.uint8)]
        return numbers.reshape(len(ROWS), -1) / (len(LEVELS) - 1)

    @classmethod
    def from_dict(cls, value: Any) -> "Sound":
        """The sound in parsed JSON; raises BadRecipe."""
        known = [field.name for field in fields(cls)]
        if not isinstance(value, dict) or not {"rate", "levels"} <= value.keys() or not value.keys() <= set(known):
            raise BadRecipe(f"{quote(value)} is no sound; it has {', '.join(known)}.")
        return cls(**value)


def heard(samples: np.ndarray, name: str = "") -> Sound:
    """What the ear would note in mono `samples`, float (n,) in [-1, 1], RATE a second; at most MAX_SECONDS."""
    rows = features(samples)
    seconds = rows.shape[1] / LOOKS
    rate = min(VALUES_A_SECOND, MAX_VALUES / seconds)
    numbers = (_thinned(rows, max(1, int(seconds * rate))) * (len(LEVELS) - 1)).round().astype(int)
    return Sound(
        min(round(numbers.shape[1] / seconds, 6), MAX_VALUES_A_SECOND),
        "".join(LEVELS[number] for number in numbers.ravel()),
        name,
    )


def features(samples: np.ndarray) -> np.ndarray:
    """(rows, n) in 0 .. 1, LOOKS a second; look i is centred on the moment (i + 1/2) / LOOKS. Silence is 0 throughout.

    An onset is where the spectrum rises: the sum of what every compressed magnitude gains from one
    look to the next (spectral flux; Bello 2005, doi:10.1109/TSA.2005.851998).
    """
    count = max(1, round(len(samples) / HOP))
    padded = np.zeros(count * HOP + WINDOW, np.float32)
    begin = WINDOW // 2 - HOP // 2
    padded[begin : begin + len(samples)] = samples[: len(padded) - begin]
    looks = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    window = np.hanning(WINDOW).astype(np.float32)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    parts = [(hertz >= low) & (hertz < high) for low, high in BANDS]
    flux, bands, power = np.zeros(count), np.zeros((len(BANDS), count)), np.zeros(count)
    before = np.zeros(len(hertz), np.float32)
    for first in range(0, count, AT_ONCE):
        some = looks[first : first + AT_ONCE]
        size = np.abs(np.fft.rfft(some * window)) * (2 / window.sum())  # 1 for a sine of full scale
        last = first + len(some)
        squeezed = np.log1p(COMPRESSION * size)
        flux[first:last] = np.diff(squeezed, axis=0, prepend=before[None]).clip(0).sum(1)
        before = squeezed[-1]
        for band, part in zip(bands, parts, strict=True):
            band[first:last] = np.square(size[:, part]).sum(1)
        middle = some[:, WINDOW // 2 - HOP : WINDOW // 2 + HOP]
        power[first:last] = np.square(middle).mean(1)
    loud = _decibels(power)
    if loud.max() < SILENCE:
        return np.zeros((len(ROWS), count))
    audible = loud > max(SILENCE, loud.max() - LOUD_RANGE)
    rows = [flux / max(float((flux * audible).max()), 1e-9), (loud - loud.max()) / LOUD_RANGE + 1]
    levels = _decibels(bands)
    top = np.maximum(levels.max(1, keepdims=True), levels.max() - BAND_BELOW)
    return np.stack([*rows, *((levels - top) / BAND_RANGE + 1)]).clip(0, 1) * np.array([audible])


def _decibels(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-12))


def _thinned(rows: np.ndarray, count: int) -> np.ndarray:
    """`count` values a row: of onsets the greatest of each stretch, so that none is lost, of the others the mean."""
    edges = np.linspace(0, rows.shape[1], count + 1).round().astype(int)
    stretches = [rows[:, first : max(last, first + 1)] for first, last in itertools.pairwise(edges)]
    return np.stack([np.concatenate([part[:1].max(1), part[1:].mean(1)]) for part in stretches], axis=1)
