"""Small abstract paintings in ten manners, drawn by arithmetic. It knows no network.

A painting is a school and twelve numbers, each uniform in 0 .. 1: `numbers(seed)` draws them,
`paint(school, numbers, size)` paints. The first five mean the same in every school, COMMON: the hue it
begins with, how far apart its hues lie, the light it hangs in, the size of its forms, and how far they are
turned; the others are the school's own. A school is a function of the numbers and of the canvas, x and
y (H, W) in 0 .. 1 from the upper left, to colours (H, W, 3) in 0 .. 1. Every number changes the
painting smoothly, or chooses among a few arrangements; so a small network can learn all of them.
"""

from typing import Callable

import numpy as np

from genart.errors import UnknownModel

NUMBERS = 12
COMMON = ("hue", "accord", "light", "size", "turn")
SUPERSAMPLE = 3
TURN = 2 * np.pi

PAPER, INK = np.array([0.95, 0.93, 0.88], np.float32), np.array([0.10, 0.09, 0.11], np.float32)

# A wheel of hues at full value: vermilion, orange, gold, sage, teal, blue, plum, rose.
WHEEL = np.array([
    [1.00, 0.25, 0.16], [1.00, 0.55, 0.14], [1.00, 0.80, 0.25], [0.55, 0.76, 0.48],
    [0.10, 0.66, 0.68], [0.15, 0.38, 0.90], [0.50, 0.22, 0.66], [0.95, 0.30, 0.48],
], np.float32)  # fmt: skip

Numbers = np.ndarray
Painter = Callable[[Numbers, np.ndarray, np.ndarray], np.ndarray]


def numbers(seed: int) -> Numbers:
    """The numbers of a seed, (NUMBERS,) in 0 .. 1."""
    return np.random.RandomState(seed).rand(NUMBERS)


def paint(school: str, p: Numbers, size: int) -> np.ndarray:
    """The painting, uint8 (size, size, 3), drawn three times as large and averaged down."""
    if school not in SCHOOLS:
        raise UnknownModel(school, SCHOOLS)
    side = size * SUPERSAMPLE
    along = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = np.meshgrid(along, along)
    light = 0.7 + 0.3 * p[2]
    small = light * SCHOOLS[school](p.astype(np.float32), x, y).reshape(size, SUPERSAMPLE, size, SUPERSAMPLE, 3).mean((1, 3))
    return (small.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def de_stijl(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Black bars on white, a little tilted; three of the nine fields in colour (Mondrian, 1921; van Doesburg, 1924)."""
    x, y = _turned(p, x, y, 0.5)
    across, down = (0.24 + 0.16 * p[5], 0.62 + 0.16 * p[6]), (0.24 + 0.16 * p[7], 0.62 + 0.16 * p[8])
    field = np.searchsorted(across, x) + 3 * np.searchsorted(down, y)
    arrangement = ((0, 5, 7), (2, 3, 8), (6, 1, 5), (8, 0, 1))[int(4 * p[9])]
    painting = _flat(PAPER, x)
    for step, place in enumerate(arrangement):
        painting = _over(painting, _colour(p, step, 0.9, 0.85), field == place)
    bar = 0.012 + 0.026 * p[3]
    for line in across:
        painting = _over(painting, INK, np.abs(x - line) < bar)
    for line in down:
        painting = _over(painting, INK, np.abs(y - line) < bar)
    return painting


def rings(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squares with concentric circles, hue after hue (Kandinsky, 1913)."""
    cell = (x > 0.5) + 2 * (y > 0.5)
    u, v = 2 * x % 1 - 0.5, 2 * y % 1 - 0.5
    lean = 0.16 * (2 * p[4] - 1)  # the smaller a circle, the further it has slid
    painting = _colour(p, cell, 0.55, 0.80)
    for ring in range(3):
        radius = (0.36 + 0.12 * p[3]) * (1 - 0.31 * ring) + 0.05 * (p[5 + ring] - 0.5)
        away = np.hypot(u - lean * ring / 2, v + lean * ring / 2)
        painting = _over(painting, _colour(p, cell + 1.6 * (ring + 1), 0.75, 0.95 - 0.18 * ring), away < radius)
    return painting


def suprematism(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A tilted bar, a square and a disc afloat on white (Malevich, 1916)."""
    size, turn = 0.75 + 0.5 * p[3], 0.7 * (p[4] - 0.5)
    painting = _flat(PAPER, x)
    painting = _over(painting, INK, _box(x, y, 0.30 + 0.2 * p[5], 0.30 + 0.2 * p[6], 0.22 * size, 0.16 * size, turn))
    bar = _box(x, y, 0.5, 0.4 + 0.2 * p[7], 0.42 * size, 0.045 * size, turn - 0.6)
    painting = _over(painting, _colour(p, 0, 0.9, 0.85), bar)
    disc = np.hypot(x - 0.55 - 0.25 * p[8], y - 0.58 - 0.22 * p[9]) < 0.13 * size
    painting = _over(painting, _colour(p, 1.5, 0.85, 0.75), disc)
    return _over(painting, INK, _box(x, y, 0.2 + 0.3 * p[10], 0.86, 0.15 * size, 0.022 * size, 0.5 * turn))


def stained_glass(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Panes round moving centres, leaded in black, lit from behind."""
    turn, far = TURN * p[4] / 7, 0.24 + 0.2 * p[3]
    places = [(0.5 + far * np.cos(turn + TURN * k / 6), 0.5 + far * np.sin(turn + TURN * k / 6)) for k in range(6)]
    places.append((0.5 + 0.2 * (p[5] - 0.5), 0.5 + 0.2 * (p[6] - 0.5)))
    away = np.stack([np.hypot(x - a, y - b) for a, b in places])
    nearest, second = np.partition(away, 1, axis=0)[:2]
    light = 0.72 + 0.28 * np.cos(4 * (x - p[7]) + 3 * (y - p[8]))
    glass = _colour(p, 0.8 * away.argmin(0), 0.80, 0.95) * light[..., None]
    return _over(glass, INK, second - nearest < 0.02 + 0.03 * p[9])


def waves(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stripes that swell and bend (Riley, 1967)."""
    x, y = _turned(p, x, y, 0.4)
    bend = (0.04 + 0.06 * p[5]) * np.sin(TURN * (1.1 * x + 0.4 * p[6]))
    phase = (4.4 - 0.8 * p[3]) * (y - 0.5 + bend) + (0.1 + 0.3 * p[7]) * np.sin(TURN * (x + 0.4 * p[8]))
    share = 0.5 + 0.5 * np.tanh(4 * np.sin(TURN * phase))
    return _mix(_colour(p, 0.8 * y, 0.75, 0.55), _colour(p, 2 + 0.8 * x, 0.45, 0.97), share)


def marbling(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bands of ink combed through one another, as on endpapers."""
    u, v = _turned(p, x, y, 0.4)
    u, v = u - 0.5, v - 0.5
    for k in range(2):
        u, v = u + 0.15 * np.sin(TURN * (1.1 * v + 0.35 * p[5 + k])), v + 0.12 * np.sin(TURN * (1.1 * u + 0.35 * p[7 + k]))
    place = (1.4 - 0.25 * p[3]) * u + 0.2 * p[9]
    ink = (place % 1 * 5).astype(int) % 5
    painting = _colour(p, 0.9 * ink, 0.75 - 0.12 * (ink % 3), 0.45 + 0.25 * (ink % 3))
    return _over(painting, 0.9 * PAPER, (ink == 2) | (place * 5 % 1 < 0.12))


def julia(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A Julia set (Julia, 1918) in contours, its parameter near the left of a circle in the plane."""
    c = (0.70 + 0.08 * p[5]) * np.exp(1j * TURN * (0.40 + 0.09 * p[6]))
    z = (1.75 - 0.5 * p[3]) * ((2 * x - 1) + 1j * (2 * y - 1)) * np.exp(1j * (p[4] - 0.5))
    escape = np.full(x.shape, 14.0)
    for step in range(14):
        z = np.where(np.abs(z) < 8, z * z + c, z)
        fresh = (np.abs(z) >= 8) & (escape == 14.0)
        escape[fresh] = step + 1 - np.log2(np.log(np.abs(z[fresh])) / np.log(8))
    height = ((escape - 1) / 11).clip(0, 1) ** 0.6
    band = np.floor(6 * height) / 6 * 0.6 + 0.4 * height
    return _mix(_colour(p, 3 * band, 0.8, 0.30 + 0.6 * band), _colour(p, 3 * band + 1, 0.35, 1.0), band**2)


def bauhaus(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Quarter circles in a frame of nine tiles (after the Bauhaus, 1923)."""
    column, row = (3 * x).astype(int).clip(0, 2), (3 * y).astype(int).clip(0, 2)
    turn = ((column * row), (column + row), (2 * column + row), (column + 2 * row + column * row))[int(4 * p[4])] % 4
    u, v = 3 * x % 1, 3 * y % 1
    u, v = np.where(turn % 3 == 0, u, 1 - u), np.where(turn < 2, v, 1 - v)
    odd = (column + row) % 2
    away, radius = np.hypot(u, v), 0.66 + 0.34 * p[3]
    painting = _over(_colour(p, np.where(odd, 2, 0), 0.8, np.where(odd, 0.55, 0.9)), PAPER, (away >= radius) & (odd == 0))
    painting = _over(painting, _colour(p, np.where(odd, 3.2, 0), 0.6, 0.95), (away < radius) & (odd == 1))
    return _over(painting, INK, away < radius * (0.2 + 0.4 * p[5]))


def colour_field(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two soft fields on a glowing ground (Rothko, 1953)."""
    slope = 0.5 * (p[4] - 0.5) * (x - 0.5)
    painting = _mix(_colour(p, 0, 0.7, 0.6), _colour(p, 0.4, 0.75, 0.35), y)
    edge, split = 0.15 - 0.11 * p[3], 0.35 + 0.3 * p[5] + slope
    for top, bottom, step, value in ((edge, split - 0.03, 1 + p[6], 0.95), (split + 0.03, 1 - edge, 2 + p[7], 0.45 + 0.5 * p[8])):
        soft = 0.015 + 0.04 * p[9]
        inside = _soft(x, edge, soft) * _soft(1 - x, edge, soft) * _soft(y, top, soft) * _soft(1 - y, 1 - bottom, soft)
        painting = _mix(painting, _colour(p, step + 0.2 * y, 0.72, value), 0.92 * inside)
    return painting


def orphism(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Discs of colour cut into quarters and turned against each other (Delaunay, 1912)."""
    a, b = 0.4 + 0.2 * p[5], 0.4 + 0.2 * p[6]
    away, angle = np.hypot(x - a, y - b), np.arctan2(y - b, x - a) / TURN
    ring = np.minimum((away / (0.12 + 0.07 * p[3])).astype(int), 3)
    sector = np.floor(4 * (angle + 0.2 * (p[4] - 0.5) + 0.2 * ring * (p[7] - 0.5))).astype(int) % 4
    return _colour(p, 1.1 * sector + 0.7 * ring, 0.72, 0.95 - 0.16 * ((ring + sector) % 3))


def _turned(p: Numbers, x: np.ndarray, y: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """The canvas turned about its middle, by up to half of `most` radians each way."""
    turn = most * (p[4] - 0.5)
    u, v = x - 0.5, y - 0.5
    return u * np.cos(turn) - v * np.sin(turn) + 0.5, u * np.sin(turn) + v * np.cos(turn) + 0.5


def _colour(p: Numbers, step: np.ndarray | float, saturation: np.ndarray | float, value: np.ndarray | float) -> np.ndarray:
    """The painting's hue, so many steps of its accord further on."""
    return _hue(0.85 * p[0] + (0.06 + 0.16 * p[1]) * step, saturation, value)


def _flat(colour: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(colour, (*x.shape, 3))


def _over(painting: np.ndarray, colour: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.where(where[..., None], colour, painting)


def _mix(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    return a + (b - a) * share[..., None]


def _soft(value: np.ndarray, edge: float, width: float) -> np.ndarray:
    """0 below the edge, 1 above, and a soft step of `width` each way between."""
    t = ((value - edge) / (2 * width) + 0.5).clip(0, 1)
    return t * t * (3 - 2 * t)


def _box(x: np.ndarray, y: np.ndarray, a: float, b: float, half_width: float, half_height: float, turn: float) -> np.ndarray:
    """The inside of a rectangle about (a, b), turned by `turn` radians."""
    u, v = x - a, y - b
    along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    return (np.abs(along) < half_width) & (np.abs(across) < half_height)


def _hue(hue: np.ndarray | float, saturation: np.ndarray | float, value: np.ndarray | float) -> np.ndarray:
    """Colours (..., 3) at a place on the wheel of pigments, in turns; saturation and value as in HSV (Smith 1978)."""
    hue, saturation, value = np.broadcast_arrays(hue, saturation, value)
    place = hue % 1 * len(WHEEL)
    first = place.astype(int) % len(WHEEL)
    wheel = _mix(WHEEL[first], WHEEL[(first + 1) % len(WHEEL)], place % 1)
    return value[..., None] * (1 - saturation[..., None] * (1 - wheel))


SCHOOLS: dict[str, Painter] = {
    "De Stijl": de_stijl,
    "Rings": rings,
    "Suprematism": suprematism,
    "Stained glass": stained_glass,
    "Waves": waves,
    "Marbling": marbling,
    "Julia": julia,
    "Bauhaus": bauhaus,
    "Colour field": colour_field,
    "Orphism": orphism,
}
"""The classes, in order."""
