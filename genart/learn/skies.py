"""Small paintings of evening seas and misty mountains, drawn by arithmetic. It knows no network.

A `Sky` is everything that decides a painting; `sky(seed)` imagines one, `paint(sky, size)` draws
it. Colours are float (H, W, 3) in 0 .. 1; heights run from 0 at the top to 1 at the bottom.
"""

from dataclasses import dataclass

import numpy as np

SUPERSAMPLE = 3
RIDGES = 4
TURN = 2 * np.pi

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
    """One painting. Shares are 0 .. 1.

    Clouds and ridges are sums of a few waves, whose phases (in turns) are all that chance decides
    of their shapes: a network of few numbers can learn them, and so draws them sharp.
    """

    sea: bool
    hour: float  # 0 noon .. 1 night
    warmth: float  # -1 cold .. 1 warm
    horizon: float
    sun_x: float
    sun_height: float  # above the horizon, in picture heights; below 0 it has set
    sun_size: float
    clouds: float
    mist: float
    relief: float  # how high the ridges rise
    cloud_phases: tuple[float, float]
    ridge_phases: tuple[float, float, float]


def sky(seed: int) -> Sky:
    """The sky of a seed; every factor is drawn on its own."""
    random = np.random.RandomState(seed)
    sea = bool(random.rand() < 0.5)
    return Sky(
        sea=sea,
        hour=random.rand(),
        warmth=random.uniform(-1, 1),
        horizon=random.uniform(0.55, 0.70) if sea else random.uniform(0.58, 0.70),
        sun_x=random.uniform(0.2, 0.8),
        sun_height=random.uniform(-0.04, 0.40),
        sun_size=random.uniform(0.06, 0.11),
        clouds=random.rand(),
        mist=random.rand(),
        relief=random.rand(),
        cloud_phases=tuple(random.rand(2)),
        ridge_phases=tuple(random.rand(3)),
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
    overhead, middle, low, sun = _palette(scene)
    height = 1 - (y / scene.horizon).clip(0, 1)
    air = _mix(_mix(low, middle, _smooth(height, 0, 0.45)), overhead, _smooth(height, 0.35, 1))

    away = np.hypot(x - scene.sun_x, y - (scene.horizon - scene.sun_height))
    glow = np.exp(-((away / 0.28) ** 2)) + 0.5 * np.exp(-away / 0.35)
    air = _mix(air, sun, 0.55 * glow.clip(0, 1))
    air = _mix(air, 0.35 * sun + 0.65, disc * (1 - _smooth(away, scene.sun_size - 0.006, scene.sun_size + 0.006)))

    billows = _billows(x, height, scene.cloud_phases)
    cover = _smooth(billows, 0.75 - 0.9 * scene.clouds, 1.15 - 0.8 * scene.clouds) * _smooth(height, 0.02, 0.25)
    lit = _mix(0.55 * middle + 0.25 * overhead, 0.6 * sun + 0.4 * low, (0.25 + glow + 0.3 * (1 - height)).clip(0, 1))
    return _mix(air, lit, 0.8 * cover)


def _sea(scene: Sky, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The air above, and below the horizon its broken mirror with the path of the sun."""
    overhead, _, low, sun = _palette(scene)
    side = len(y)
    depth = ((y - scene.horizon) / (1 - scene.horizon)).clip(0, 1)
    waves = _waves(x, depth)
    mirrored = scene.horizon - (y - scene.horizon) * 0.9 + 0.06 * waves * depth
    rows = (mirrored * side).astype(int).clip(0, side - 1)
    water = _mix(_air(scene, x, y, disc=0.0)[rows, np.arange(side)] * 0.82, 0.6 * overhead, 0.15 + 0.45 * depth)

    width = 0.03 + 0.14 * depth + scene.sun_size * 0.5
    path = np.exp(-(((x - scene.sun_x) / width) ** 2)) * _smooth(waves, -0.7, 0.5)
    shining = _smooth(np.array(scene.sun_height), -0.05, 0.05) * (0.9 - 0.4 * depth)
    water = _mix(water, 0.8 * sun + 0.2, (path * shining).clip(0, 1))
    water = _mix(water, low, 0.5 * scene.mist * np.exp(-depth / 0.12))
    return _mix(_air(scene, x, y), water, _smooth(y, scene.horizon - 0.003, scene.horizon + 0.003))


def _mountains(scene: Sky, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The air, and ridge after ridge before it: each darker, lower and nearer, its foot in mist."""
    overhead, middle, low, sun = _palette(scene)
    near = 0.30 * overhead + 0.06 * middle
    haze = 0.55 * low + 0.35 * middle + 0.1 * sun
    painting = _air(scene, x, y)
    for ridge in range(RIDGES):
        share = ridge / (RIDGES - 1)
        rise = (0.12 + 0.14 * scene.relief) * (1 - 0.45 * share)
        crest = scene.horizon - 0.02 + 0.26 * share - rise * _ridge(x[:1], ridge, scene.ridge_phases)
        rock = _mix(haze, near, 0.22 + 0.78 * share**1.3)
        foot = _smooth(y - crest, 0.0, 0.30) * (0.2 + 0.7 * scene.mist) * (1 - 0.6 * share)
        painting = _mix(painting, _mix(rock, haze, foot), _smooth(y - crest, -0.003, 0.003))
    return painting


def _billows(x: np.ndarray, height: np.ndarray, phases: tuple[float, float]) -> np.ndarray:
    """Clouds about -1 .. 1: long near the horizon, rounder overhead; the phases move them."""
    far = np.log(0.12 + height)
    a, b = (TURN * phase for phase in phases)
    return (
        0.5 * np.sin(2.0 * x * TURN / 1.7 + 3.1 * far + a)
        + 0.35 * np.sin(9.0 * far + 2.6 * x + b)
        + 0.25 * np.sin(17.0 * far - 5.0 * x + a + b)
    )


def _waves(x: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The swell about -1 .. 1, the same in every painting: finer the nearer the horizon."""
    near = np.sqrt(depth)
    return 0.6 * np.sin(46 * near + 1.5 * np.sin(7 * x)) + 0.4 * np.sin(31 * near + 9 * x)


def _ridge(x: np.ndarray, ridge: int, phases: tuple[float, float, float]) -> np.ndarray:
    """A crest about -1 .. 1; each ridge has its own peaks, and the phases move them all."""
    a, b, c = (TURN * (phase + 0.37 * ridge) for phase in phases)
    broad = 0.6 * np.sin((0.8 + 0.2 * ridge) * TURN * x + a) + 0.3 * np.sin((1.7 + 0.3 * ridge) * TURN * x + b)
    return broad + 0.22 * np.abs(np.sin((1.9 + 0.4 * ridge) * TURN * x + c))


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
