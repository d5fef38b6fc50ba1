"""Small paintings of evening seas and misty mountains, drawn by arithmetic. It knows no network.

A `Sky` is everything that decides a painting; `sky(seed)` imagines one, `paint(sky, size)` draws
it. Colours are float (H, W, 3) in 0 .. 1; heights run from 0 at the top to 1 at the bottom.
"""

from dataclasses import dataclass

import numpy as np

SUPERSAMPLE = 3

# An evening, from blue noon to night: the colour overhead, half way, at the horizon, and of the sun.
HOURS = np.array([
    [[0.29, 0.52, 0.78], [0.56, 0.74, 0.88], [0.88, 0.92, 0.92], [1.00, 0.98, 0.90]],
    [[0.33, 0.48, 0.70], [0.71, 0.75, 0.78], [0.98, 0.86, 0.68], [1.00, 0.94, 0.72]],
    [[0.30, 0.37, 0.60], [0.85, 0.62, 0.55], [1.00, 0.76, 0.45], [1.00, 0.88, 0.55]],
    [[0.25, 0.22, 0.46], [0.78, 0.38, 0.45], [0.99, 0.56, 0.33], [1.00, 0.75, 0.42]],
    [[0.15, 0.15, 0.36], [0.47, 0.26, 0.47], [0.91, 0.44, 0.44], [1.00, 0.62, 0.47]],
    [[0.06, 0.09, 0.22], [0.15, 0.20, 0.39], [0.42, 0.40, 0.56], [0.95, 0.93, 0.85]],
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sky:
    """One painting. Shares are 0 .. 1; `seed` decides the shapes of clouds, ridges and waves alone."""

    seed: int
    sea: bool
    hour: float  # 0 noon .. 1 night
    warmth: float  # -1 cold .. 1 warm
    horizon: float
    sun_x: float
    sun_height: float  # above the horizon, in picture heights; below 0 it has set
    sun_size: float
    clouds: float
    mist: float
    ridges: int


def sky(seed: int) -> Sky:
    """The sky of a seed; every factor is drawn on its own."""
    random = np.random.RandomState(seed)
    sea = bool(random.rand() < 0.5)
    return Sky(
        seed=seed,
        sea=sea,
        hour=random.rand(),
        warmth=random.uniform(-1, 1),
        horizon=random.uniform(0.52, 0.72) if sea else random.uniform(0.62, 0.8),
        sun_x=random.uniform(0.15, 0.85),
        sun_height=random.uniform(-0.04, 0.42),
        sun_size=random.uniform(0.045, 0.10),
        clouds=random.beta(1.2, 1.5),
        mist=random.rand(),
        ridges=random.randint(2, 6),
    )


def paint(scene: Sky, size: int) -> np.ndarray:
    """The painting, uint8 (size, size, 3), drawn three times as large and averaged down."""
    side = size * SUPERSAMPLE
    x, y = np.meshgrid((np.arange(side) + 0.5) / side, (np.arange(side) + 0.5) / side)
    painting = (_sea if scene.sea else _mountains)(scene, x, y)
    small = painting.reshape(size, SUPERSAMPLE, size, SUPERSAMPLE, 3).mean((1, 3))
    return (small.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _air(scene: Sky, x: np.ndarray, y: np.ndarray, disc: float = 1.0) -> np.ndarray:
    """Sky, sun and clouds, from the top to the bottom of the picture; `disc` dims the sun itself."""
    random = np.random.RandomState(scene.seed)
    overhead, middle, low, sun = _palette(scene)
    height = 1 - (y / scene.horizon).clip(0, 1)
    air = _mix(_mix(low, middle, _smooth(height, 0, 0.45)), overhead, _smooth(height, 0.35, 1))

    away = np.hypot(x - scene.sun_x, y - (scene.horizon - scene.sun_height))
    glow = np.exp(-((away / 0.28) ** 2)) + 0.5 * np.exp(-away / 0.35)
    air = _mix(air, sun, 0.55 * glow.clip(0, 1))
    air = _mix(air, 0.35 * sun + 0.65, disc * (1 - _smooth(away, scene.sun_size - 0.006, scene.sun_size + 0.006)))

    billows = _noise(x * 2.2, y * 7 / (0.3 + height), random, octaves=3)
    cover = _smooth(billows, 0.62 - 0.4 * scene.clouds, 0.95 - 0.3 * scene.clouds) * _smooth(height, 0.02, 0.3)
    lit = _mix(0.55 * middle + 0.25 * overhead, 0.6 * sun + 0.4 * low, (0.25 + glow + 0.3 * (1 - height)).clip(0, 1))
    return _mix(air, lit, 0.85 * cover)


def _sea(scene: Sky, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The air above, and below the horizon its broken mirror with the path of the sun."""
    random = np.random.RandomState(scene.seed + 1)
    overhead, _, low, sun = _palette(scene)
    side = len(y)
    depth = ((y - scene.horizon) / (1 - scene.horizon)).clip(0, 1)
    waves = _noise(x * 4 / (0.15 + depth), 14 * np.sqrt(depth), random, octaves=2) - 0.5
    mirrored = scene.horizon - (y - scene.horizon) * 0.9 + 0.16 * waves * depth
    rows = (mirrored * side).astype(int).clip(0, side - 1)
    columns = ((x + 0.05 * waves * depth) * side).astype(int).clip(0, side - 1)
    water = _mix(_air(scene, x, y, disc=0.0)[rows, columns] * 0.82, 0.6 * overhead, 0.15 + 0.45 * depth)

    width = 0.03 + 0.16 * depth + scene.sun_size * 0.5
    path = np.exp(-(((x - scene.sun_x) / width) ** 2)) * _smooth(waves, -0.12, 0.2)
    shining = _smooth(np.array(scene.sun_height), -0.05, 0.05) * (0.9 - 0.4 * depth)
    water = _mix(water, 0.8 * sun + 0.2, (path * shining).clip(0, 1))
    water = _mix(water, low, 0.5 * scene.mist * np.exp(-depth / 0.12))
    return _mix(_air(scene, x, y), water, _smooth(y, scene.horizon - 0.003, scene.horizon + 0.003))


def _mountains(scene: Sky, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The air, and ridge after ridge before it: each darker, lower and nearer, its foot in mist."""
    random = np.random.RandomState(scene.seed + 1)
    overhead, middle, low, sun = _palette(scene)
    near = 0.30 * overhead + 0.06 * middle
    haze = 0.55 * low + 0.35 * middle + 0.1 * sun
    painting = _air(scene, x, y)
    for ridge in range(scene.ridges):
        share = (ridge + 1) / scene.ridges
        rise = (0.30 - 0.12 * share) * (0.6 + 0.5 * random.rand())
        top = scene.horizon - 0.10 + 0.34 * (share - 1 / scene.ridges)
        crest = top - rise * (_noise(x[:1] * (1.3 + 1.2 * share) + 9 * ridge, np.zeros_like(x[:1]), random, octaves=4) - 0.35)
        rock = _mix(haze, near, 0.18 + 0.82 * share**1.3)
        foot = _smooth(y - crest, 0.0, 0.34) * (0.25 + 0.65 * scene.mist) * (1 - 0.55 * share)
        painting = _mix(painting, _mix(rock, haze, foot), _smooth(y - crest, -0.003, 0.003))
    return painting


def _palette(scene: Sky) -> np.ndarray:
    """Four colours (4, 3): overhead, middle, low, sun; the hour's, made warmer or colder."""
    place = scene.hour * (len(HOURS) - 1)
    first = min(int(place), len(HOURS) - 2)
    colours = HOURS[first] + (place - first) * (HOURS[first + 1] - HOURS[first])
    return (colours * (1 + 0.12 * scene.warmth * np.array([1.0, 0.1, -1.0]))).clip(0, 1)


def _mix(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """From a to b by a share (H, W) or a number; a and b are colours (3,) or paintings (H, W, 3)."""
    share = np.asarray(share)[..., None]
    return a + (b - a) * share


def _smooth(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, and a soft step between (Perlin 1985)."""
    t = ((value - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)


def _noise(x: np.ndarray, y: np.ndarray, random: np.random.RandomState, octaves: int) -> np.ndarray:
    """Value noise about 0 .. 1: random heights on a grid, smoothly joined, each octave half as strong (Perlin 1985)."""
    total, norm = np.zeros_like(x), 0.0
    for octave in range(octaves):
        grid = random.rand(64, 64)
        u, v = x * 2**octave, y * 2**octave
        column, row = np.floor(u).astype(int), np.floor(v).astype(int)
        across, down = _smooth(u - column, 0, 1), _smooth(v - row, 0, 1)
        corners = [grid[(row + j) % 64, (column + i) % 64] for j in (0, 1) for i in (0, 1)]
        upper = corners[0] + (corners[1] - corners[0]) * across
        lower = corners[2] + (corners[3] - corners[2]) * across
        total += 0.5**octave * (upper + (lower - upper) * down)
        norm += 0.5**octave
    return total / norm
