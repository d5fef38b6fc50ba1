"""Which of several ways is the quicker for a layer on this machine, by trial. It knows no family.

What way an exact convolution goes follows from its shape, by a rule that holds for processors as we know them. While
nothing else is drawn every layer's ways are tried, and where two starts find the same one clearly quicker, the next takes
it: so the first picture waits for nothing, and the pictures of one start are alike.

A layer of a preview has another way, in bfloat16. Numbers of half the bits are wrong by up to 0.4 %, and a preview made
of such products by up to about a screen's step from one shade to the next. Some processors make twice as many of them in
the same time, others only a third, so each layer is measured before it goes that way. Only frames under the hand do,
never what is kept.
"""

import time
from functools import partial
from statistics import median
from typing import Callable, Mapping, NamedTuple, Sequence

import torch
from torch import Tensor

HALF = torch.bfloat16
REPEATS = 5  # of each way
HURRIED_REPEATS = 3  # while somebody waits
STARTS = 2  # that must agree before an exact layer goes another way than the usual one: noise seldom says the same twice
GAIN = 0.9  # of the usual way's time: at most so long may another take

Run = Callable[[Callable[[], float]], float]
"""Has a pass made when its turn has come."""


class Layer(NamedTuple):
    """A 3x3 convolution and its picture: what decides how long it takes."""

    outside: int
    inside: int
    height: int
    width: int

    def __str__(self) -> str:
        return "{} from {} {} {}".format(*self)


class Choice:
    """Which way exact layers go, by their names; `keep` is told all that was found when another one was measured.

    `found` are the ways that were found quickest at the last starts. Only what STARTS of them agree about is gone by.
    """

    def __init__(
        self,
        found: Mapping[str, Sequence[str]] | None = None,
        keep: Callable[[dict[str, tuple[str, ...]]], None] = lambda found: None,
    ):
        self.found = {name: tuple(ways) for name, ways in (found or {}).items()}
        self.known = {name: ways[0] for name, ways in self.found.items() if ways == (ways[0],) * STARTS}
        self.unmeasured: dict[Layer, Sequence[str]] = {}
        self._measured = set(self.known)
        self._keep = keep

    def way(self, layer: Layer, ways: Sequence[str]) -> str:
        """One of `ways`, of which the first is the usual one."""
        name = str(layer)
        if name not in self._measured and len(ways) > 1:
            self.unmeasured[layer] = ways
        way = self.known.get(name, ways[0])
        return way if way in ways else ways[0]

    def measure(self, trial: Callable[[Layer], Callable[[str], object]], run: Run) -> None:
        """Try the ways of one layer that was met: `trial` gives what goes a way. Raises what `run` raises, and tries it later."""
        layer, ways = list(self.unmeasured.items())[-1]
        goes = trial(layer)
        best = _quickest([partial(goes, way) for way in ways], REPEATS, run)
        name = str(layer)
        self.found[name] = (*self.found.get(name, ()), ways[best])[-STARTS:]
        self._measured.add(name)
        self.unmeasured.pop(layer, None)
        self._keep(dict(self.found))


class Ways:
    """Which layers go in half precision, by their names; `keep` is told all that are known when another one was measured."""

    def __init__(self, known: Mapping[str, bool] | None = None, keep: Callable[[dict[str, bool]], None] = lambda known: None):
        self.known = dict(known or {})
        self._keep = keep

    @property
    def any_half(self) -> bool:
        return any(self.known.values())

    def made(self, name: str, exact: Callable[[], Tensor], half: Callable[[], Tensor]) -> Tensor:
        """What the quicker of two ways makes; they are measured where the name is new."""
        if name not in self.known:
            self.known[name] = _quickest([exact, half], HURRIED_REPEATS) == 1
            self._keep(dict(self.known))
        return (half if self.known[name] else exact)()


def can_halve() -> bool:
    """Whether torch's library for convolutions takes such numbers on this processor."""
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return asked is not None and bool(asked())


def _quickest(ways: Sequence[Callable[[], object]], repeats: int, run: Run = lambda job: job()) -> int:
    """Which way to take: the first, unless another is clearly quicker in most of the rounds in which all are tried.

    In turns, for whatever else is running slows down all of them alike; after a first round, which packs weights.
    """

    def seconds(way: Callable[[], object]) -> float:
        start = time.perf_counter()
        way()
        return time.perf_counter() - start

    rounds = [[run(partial(seconds, way)) for way in ways] for _ in range(1 + repeats)][1:]
    clear = [i for i in range(1, len(ways)) if 2 * sum(taken[i] <= GAIN * taken[0] for taken in rounds) > repeats]
    return min(clear, key=lambda i: median(taken[i] for taken in rounds), default=0)
