"""How far convolutions take the side of a picture: what no weight can tell. It knows no layer."""

from typing import Container, Iterable, Sequence

Step = tuple[int, int, int]
"""Stride, padding and output padding of a transposed convolution."""

Move = tuple[int, Step]
"""A kernel and its step."""

FULL, SHORT, KEEPS = "full", "short", "keeps"
MAX_SIDE = 8192


def after(side: int, kernel: int, step: Step) -> int:
    """The side that a transposed convolution makes of a side."""
    stride, padding, more = step
    return (side - 1) * stride - 2 * padding + kernel + more


def end(side: int, moves: Iterable[Move]) -> int:
    """The side after all the moves."""
    for move in moves:
        side = after(side, *move)
    return side


def odd(kernel: int) -> dict[str, Step]:
    """What an odd kernel may do to the side n: 2n, 2n - 1 (the way from 4 to 7, for 28 pixels), or n."""
    return {FULL: (2, kernel // 2, 1), SHORT: (2, kernel // 2, 0), KEEPS: (1, kernel // 2, 0)}


def way(start: int, layers: Sequence[Sequence[Move]], targets: Container[int]) -> list[Move] | None:
    """The first way from a side to one of the targets, a move for each layer, in the order of the layers' choices."""
    sides: list[set[int]] = [{start}]
    for moves in layers:
        sides.append({end for side in sides[-1] for move in moves if 0 < (end := after(side, *move)) <= MAX_SIDE})
    good = {side for side in sides[-1] if side in targets}
    goods = [good]
    for place in range(len(layers) - 1, -1, -1):
        good = {side for side in sides[place] if any(after(side, *move) in good for move in layers[place])}
        goods.insert(0, good)
    if start not in goods[0]:
        return None
    taken: list[Move] = []
    side = start
    for place, moves in enumerate(layers):
        move = next(move for move in moves if after(side, *move) in goods[place + 1])
        taken.append(move)
        side = after(side, *move)
    return taken
