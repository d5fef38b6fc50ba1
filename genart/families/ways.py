"""Which of several ways is the quicker for a layer on this machine: measured once each. It knows no family.

What way an exact convolution goes follows from its shape, by a rule that holds for processors as we know them. While
no hand moves every layer's ways are tried, in turns with what else is drawn, and where another is clearly quicker, the
next start takes it: so the first picture waits for nothing, and the pictures of one start are alike.

A layer of a preview has another way, in bfloat16. Numbers of half the bits are wrong by up to 0.4 %, and a preview made
of such products by up to about a screen's step from one shade to the next. Some processors make twice as many of them in
the same time, others only a third, so each layer is measured before it goes that way. Only frames under the hand do,
never what is kept.
"""

import time
from typing import Callable, Mapping, NamedTuple, Sequence

import torch
from torch import Tensor

HALF = torch.bfloat16
RUNS = 3  # of each way; the first packs weights
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
    """Which way exact layers go, by their names; `keep` is told all that are known when another one was measured."""

    def __init__(self, known: Mapping[str, str] | None = None, keep: Callable[[dict[str, str]], None] = lambda known: None):
        self.known = dict(known or {})
        self.found = dict(self.known)
        self.unmeasured: dict[Layer, Sequence[str]] = {}
        self._keep = keep

    def way(self, layer: Layer, ways: Sequence[str]) -> str:
        """One of `ways`, of which the first is the usual one."""
        name = str(layer)
        if name not in self.found and len(ways) > 1:
            self.unmeasured[layer] = ways
        way = self.known.get(name, ways[0])
        return way if way in ways else ways[0]

    def measure(self, trial: Callable[[Layer, str], Callable[[], Tensor]], run: Run) -> None:
        """Try the ways of one layer that was met; `trial` gives what to time."""
        layer, ways = self.unmeasured.popitem()
        seconds = _least_seconds([trial(layer, way) for way in ways], run)
        best = min(range(len(ways)), key=lambda i: seconds[i])
        self.found[str(layer)] = ways[best if seconds[best] <= GAIN * seconds[0] else 0]
        self.unmeasured.pop(layer, None)  # a picture may have met it meanwhile
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
            seconds = _least_seconds([exact, half])
            self.known[name] = seconds[1] <= GAIN * seconds[0]
            self._keep(dict(self.known))
        return (half if self.known[name] else exact)()


def can_halve() -> bool:
    """Whether torch's library for convolutions takes such numbers on this processor."""
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return asked is not None and bool(asked())


def _least_seconds(ways: Sequence[Callable[[], Tensor]], run: Run = lambda job: job()) -> list[float]:
    """Of each way, in turns: whatever else is running slows down all of them alike."""

    def seconds(way: Callable[[], Tensor]) -> float:
        start = time.perf_counter()
        way()
        return time.perf_counter() - start

    rounds = [[run(lambda way=way: seconds(way)) for way in ways] for _ in range(RUNS)]  # type: ignore[misc]
    return [min(taken) for taken in zip(*rounds, strict=True)]
