"""Two ways for a layer of a preview, the exact one and one in bfloat16: which is quicker here. It knows no family.

Numbers of half the bits are wrong by up to 0.4 %, and a preview made of such products by up to about a screen's step
from one shade to the next. Some processors make twice as many of them in the same time, others only a third, so each
layer is measured once. Only frames under the hand come this way, never what is kept.
"""

import time
from typing import Callable, Mapping

import torch
from torch import Tensor

HALF = torch.bfloat16
RUNS = 3  # of each way; the first packs weights
GAIN = 0.9  # of the exact way's time: at most so long may the other take


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
            seconds = _least_seconds(exact, half)
            self.known[name] = seconds[1] <= GAIN * seconds[0]
            self._keep(dict(self.known))
        return (half if self.known[name] else exact)()


def can_halve() -> bool:
    """Whether torch's library for convolutions takes such numbers on this processor."""
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return asked is not None and bool(asked())


def _least_seconds(*ways: Callable[[], Tensor]) -> list[float]:
    """Of each way, in turns: whatever else is running slows down all of them alike."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(RUNS):
        for taken, way in zip(times, ways, strict=True):
            start = time.perf_counter()
            way()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]
