"""Small abstract paintings in ten manners, drawn by arithmetic. It knows no network.

A painting is a school and a few numbers, each uniform in 0 .. 1: `numbers(seed)` draws them,
`paint(school, numbers, size)` paints. A school is a function of the numbers and of the canvas, x and
y (H, W) in 0 .. 1 from the upper left, to colours (H, W, 3) in 0 .. 1. Every number changes the
painting smoothly, or chooses among a few arrangements; so a small network can learn all of them.
"""

from typing import Callable

import numpy as np

from genart.errors import UnknownModel

NUMBERS = 12
SUPERSAMPLE = 3
TURN = 2 * np.pi

# Pigments, as on old charts: paper, ink, red, blue, yellow, green, orange, violet, sand, teal.
PAPER, INK = np.array([0.95, 0.93, 0.88]), np.array([0.10, 0.09, 0.11])
RED, BLUE, YELLOW = np.array([0.83, 0.16, 0.14]), np.array([0.11, 0.26, 0.59]), np.array([0.96, 0.79, 0.18])
GREEN, ORANGE, VIOLET = np.array([0.16, 0.46, 0.33]), np.array([0.92, 0.49, 0.16]), np.array([0.43, 0.23, 0.53])
SAND, TEAL = np.array([0.86, 0.74, 0.56]), np.array([0.13, 0.50, 0.55])

# A wheel of hues at full value: vermilion, orange, gold, sage, teal, blue, plum, rose.
WHEEL = np.array([
    [1.00, 0.25, 0.16], [1.00, 0.55, 0.14], [1.00, 0.80, 0.25], [0.55, 0.76, 0.48],
    [0.10, 0.66, 0.68], [0.15, 0.38, 0.90], [0.50, 0.22, 0.66], [0.95, 0.30, 0.48],
])  # fmt: skip

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
    x, y = np.meshgrid((np.arange(side) + 0.5) / side, (np.arange(side) + 0.5) / side)
    small = SCHOOLS[school](p, x, y).reshape(size, SUPERSAMPLE, size, SUPERSAMPLE, 3).mean((1, 3))
    return (small.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def de_stijl(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Black bars on white; three of the nine fields in the primary colours (Mondrian, 1921)."""
    across, down = 0.18 + 0.64 * np.sort(p[:2]), 0.18 + 0.64 * np.sort(p[2:4])
    column, row = np.searchsorted(across, x), np.searchsorted(down, y)
    field = column + 3 * row
    arrangement = ((0, 5, 7), (2, 3, 8), (6, 1, 5), (8, 0, 1))[int(4 * p[4])]
    painting = _flat(PAPER, x)
    for place, colour in zip(arrangement, (RED, BLUE, YELLOW), strict=True):
        painting = _over(painting, colour, field == place)
    bar = 0.014 + 0.02 * p[5]
    for line in across:
        painting = _over(painting, INK, np.abs(x - line) < bar)
    for line in down:
        painting = _over(painting, INK, np.abs(y - line) < bar)
    return painting


def rings(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squares with concentric circles, hue after hue (Kandinsky, 1913)."""
    u, v = 2 * x % 1 - 0.5, 2 * y % 1 - 0.5
    cell = (x > 0.5) + 2 * (y > 0.5)
    away = np.hypot(u, v)
    painting = _hue(p[0] + 0.27 * cell, 0.55, 0.80)
    for ring in range(3):
        radius = 0.46 - 0.14 * ring + 0.08 * (p[2 + ring] - 0.5)
        painting = _over(
            painting, _hue(p[0] + 0.27 * cell + (0.2 + 0.3 * p[1]) * (ring + 1), 0.75, 0.95 - 0.18 * ring), away < radius
        )
    return painting


def suprematism(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A tilted bar, a square and a disc afloat on white (Malevich, 1916)."""
    painting = _flat(PAPER, x)
    painting = _over(painting, INK, _box(x, y, 0.32 + 0.2 * p[0], 0.32 + 0.2 * p[1], 0.26, 0.18, 0.30 * (p[2] - 0.5)))
    painting = _over(painting, RED, _box(x, y, 0.5, 0.5 + 0.3 * (p[3] - 0.5), 0.46, 0.045, 0.5 * (p[4] - 0.5) - 0.6))
    disc = np.hypot(x - 0.55 - 0.3 * p[5], y - 0.58 - 0.26 * p[6]) < 0.09 + 0.08 * p[7]
    painting = _over(painting, (BLUE, YELLOW, GREEN)[int(3 * p[8])], disc)
    return _over(painting, INK, _box(x, y, 0.2 + 0.3 * p[9], 0.84, 0.15, 0.022, 0.4 * (p[4] - 0.5)))


def stained_glass(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Panes round moving centres, leaded in black, lit from behind."""
    turn = TURN * p[0]
    places = [(0.5 + 0.34 * np.cos(turn + TURN * k / 6), 0.5 + 0.34 * np.sin(turn + TURN * k / 6)) for k in range(6)]
    places.append((0.5 + 0.16 * (p[1] - 0.5), 0.5 + 0.16 * (p[2] - 0.5)))
    away = np.stack([np.hypot(x - a, y - b) for a, b in places])
    nearest, second = np.partition(away, 1, axis=0)[:2]
    pane = away.argmin(0)
    light = 0.72 + 0.28 * np.cos(4 * (x - p[3]) + 3 * (y - p[4]))
    glass = _hue(p[5] + (0.11 + 0.12 * p[6]) * pane, 0.80, 0.95) * light[..., None]
    return _over(glass, INK, second - nearest < 0.035)


def waves(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stripes that swell and bend (Riley, 1967)."""
    bend = 0.09 * (0.3 + p[0]) * np.sin(TURN * (x * (0.8 + 0.7 * p[1]) + p[2]))
    phase = (3.5 + 2.5 * p[3]) * (y + bend) + 0.5 * np.sin(TURN * (x + p[4]))
    share = 0.5 + 0.5 * np.tanh(4 * np.sin(TURN * phase))
    return _mix(_hue(p[5] + 0.12 * y, 0.75, 0.55), _hue(p[5] + 0.42 + 0.1 * x, 0.35, 0.97), share)


def marbling(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Inks drawn through one another, as on endpapers."""
    u, v = x, y
    for k in range(3):
        u, v = u + 0.16 * np.sin(TURN * (v * 0.9 + p[k])), v + 0.16 * np.sin(TURN * (u * 0.9 + p[3 + k]))
    vein = 0.5 + 0.5 * np.sin(TURN * (2.2 * u + 1.1 * v))
    ground = _mix(_hue(p[6], 0.65, 0.35), _hue(p[6] + 0.08, 0.45, 0.80), vein)
    return _over(ground, 0.9 * PAPER + 0.1 * YELLOW, np.abs(vein - 0.62) < 0.07)


def julia(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A Julia set (Julia, 1918), its parameter on a circle in the plane."""
    c = 0.7885 * np.exp(1j * TURN * (0.28 + 0.44 * p[0])) * (0.96 + 0.04 * p[1])
    z = (1.5 + 0.5 * p[2]) * ((2 * x - 1) + 1j * (2 * y - 1)) * np.exp(1j * TURN * 0.25 * p[3])
    escape = np.full(x.shape, 14.0)
    for step in range(14):
        z = np.where(np.abs(z) < 8, z * z + c, z)
        fresh = (np.abs(z) >= 8) & (escape == 14.0)
        escape[fresh] = step + 1 - np.log2(np.log(np.abs(z[fresh])) / np.log(8))
    height = (escape / 14).clip(0, 1) ** 0.8
    return _mix(_hue(p[4], 0.75, 0.25), _hue(p[4] + 0.12 + 0.3 * height, 0.55, 0.35 + 0.62 * height), height)


def bauhaus(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Quarter circles in a frame of nine tiles (after the Bauhaus, 1923)."""
    column, row = (3 * x).astype(int).clip(0, 2), (3 * y).astype(int).clip(0, 2)
    u, v = 3 * x % 1, 3 * y % 1
    turn = (column * int(1 + 3 * p[0]) + row * int(1 + 3 * p[1]) + int(4 * p[2])) % 4
    u, v = np.where(turn % 3 == 0, u, 1 - u), np.where(turn < 2, v, 1 - v)
    colours = np.stack([(RED, SAND, TEAL), (BLUE, PAPER, ORANGE), (GREEN, YELLOW, VIOLET), (INK, PAPER, RED)][int(4 * p[3])])
    odd = (column + row) % 2
    radius = 0.70 + 0.30 * p[4]
    quarter = np.hypot(u, v) < radius
    inner = np.hypot(u, v) < radius * (0.25 + 0.35 * p[5])
    painting = _over(colours[np.where(odd, 1, 0)], PAPER, ~quarter & (odd == 0))
    painting = _over(painting, colours[2], quarter & (odd == 1))
    return _over(painting, INK, inner)


def colour_field(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two soft fields on a glowing ground (Rothko, 1953)."""
    ground = _mix(_hue(p[0], 0.7, 0.6), _hue(p[0] + 0.05, 0.75, 0.35), y)
    split = 0.35 + 0.3 * p[1]
    for top, bottom, hue, value in ((0.07, split - 0.03, p[2], 0.95), (split + 0.03, 0.93, p[3], 0.45 + 0.5 * p[4])):
        soft = 0.015 + 0.05 * p[5]
        inside = _soft(x, 0.08, soft) * _soft(1 - x, 0.08, soft) * _soft(y, top, soft) * _soft(1 - y, 1 - bottom, soft)
        ground = _mix(ground, _hue(p[0] + 0.12 + 0.5 * hue + 0.04 * y, 0.72, value), 0.92 * inside)
    return ground


def orphism(p: Numbers, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Discs of colour cut into quarters and turned against each other (Delaunay, 1912)."""
    a, b = 0.4 + 0.2 * p[0], 0.4 + 0.2 * p[1]
    away, angle = np.hypot(x - a, y - b), np.arctan2(y - b, x - a) / TURN
    ring = np.minimum((away / (0.13 + 0.03 * p[2])).astype(int), 4)
    sector = np.floor(4 * (angle + p[3] + ring * 0.25 * p[4])).astype(int) % 4
    return _hue(p[5] + 0.24 * sector + 0.15 * ring, 0.72, 0.95 - 0.14 * ((ring + sector) % 3))


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
