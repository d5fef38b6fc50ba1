"""A loaded model with what is measured and derived of it: speeds, directions, tones. It knows no visitor and no turn."""

import json
import logging
import math
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Iterator, Mapping, cast

import torch
from torch import Tensor

from genart.catalogue import Entry
from genart.directions import MEASURES, Direction, directions, keep, kept, measured
from genart.errors import BadRecipe, quote
from genart.families.base import Generator, Space
from genart.families.ops import Prefixes
from genart.families.ways import Choice, Ways
from genart.hub.cache import ours, put
from genart.machine import processor
from genart.recipe import Anchor
from genart.tones import Tones, least_size
from genart.weights import Loaded, load

log = logging.getLogger(__name__)

BATCHES = (1, 2, 4, 8)
BATCH_ROUNDS = 5
BATCH_SECONDS = 1.0  # after which no further round begins
SLOW_SECONDS = 0.5
BATCH_GAIN = 0.95  # of the time a picture took, that a larger batch must undercut


@dataclass(slots=True)
class Resident:
    """Directions come in two strides: `directions` is None before the first, and only with the second,
    which draws pictures and may take seconds, is it `complete`. `tones` are those of its previews, once they are known."""

    loaded: Loaded
    held: int  # bytes of weights
    keepers: tuple[Any, ...] = ()  # what keeps more beside them, in `kept_bytes`
    ms_by_size: dict[int, float] = field(default_factory=dict)
    directions: dict[str, Direction] | None = None
    complete: bool = False
    batch: int | None = None
    finding: threading.Lock = field(default_factory=threading.Lock)
    mapped: OrderedDict[Anchor | None, Tensor] = field(default_factory=OrderedDict)  # w of the last anchors, and the mean
    prefixes: list[Prefixes] = field(default_factory=list)
    tones: Tones | None = None
    hurried: tuple[Any, ...] = ()  # what can go another way in previews

    @property
    def bytes(self) -> int:
        """What it takes in memory now."""
        return self.held + sum(keeper.kept_bytes for keeper in self.keepers)

    @property
    def generator(self) -> Generator:
        return self.loaded.generator

    @property
    def space(self) -> Space:
        return self.loaded.generator.space

    def stop(self, size: int | None) -> int | None:
        """The size at which synthesis really stops for `size`; None for the whole picture."""
        if size is None:
            return None
        if size < 1:
            raise BadRecipe(f"size {quote(size)} is out of range; use a number of pixels from 1 up.")
        return next((own for own in self.space.sizes if size <= own < self.space.image_size), None)

    def size_within(self, ms: float) -> int | None:
        """The largest size that is expected within so many milliseconds; None for the whole picture."""
        space = self.space
        full_ms = self.ms_by_size.get(space.image_size, 0.0)
        for size in reversed(space.sizes):
            expected = self.ms_by_size.get(size, full_ms * (size / space.image_size) ** 1.5)
            if expected <= ms:
                return None if size == space.image_size else max(size, least_size(space) or size)
        return least_size(space)

    def note_speed(self, size: int | None, ms: float) -> None:
        size = size or self.space.image_size
        self.ms_by_size[size] = 0.7 * self.ms_by_size.get(size, ms) + 0.3 * ms

    def best_batch(self, w: Tensor, run: Callable[[Callable[[], float]], float]) -> int:
        """How many pictures at once this model renders fastest; `run` has each pass made."""
        least: dict[int, float] = {}
        began = time.perf_counter()
        for _ in range(BATCH_ROUNDS):  # in turns, for whatever else is running slows down all of them alike
            if time.perf_counter() - began > BATCH_SECONDS:
                break
            for batch in BATCHES:
                taken = run(lambda batch=batch: self._seconds(w, batch))  # type: ignore[misc]
                least[batch] = min(taken / batch, least.get(batch, math.inf))
                if taken > SLOW_SECONDS:  # nobody should wait for several of these at once
                    break
        best = 1
        for batch in list(least)[1:]:
            if least[batch] > least[best] * BATCH_GAIN:  # larger batches only wait longer for their turn
                break
            best = batch
        return best

    def find_axes(self, run: Callable[[Callable[[], Any]], Any]) -> None:
        """The first stride: what follows from the weights alone. `run` gives each use of the network its turn."""
        found = {name: Direction(axis) for name, axis in directions(self.generator, run=run).items()}
        self.now_known(found, complete=False)

    def measure(self, run: Callable[[Callable[[], Any]], Any]) -> None:
        """The second stride, kept for the next start: what pictures show, each in a turn between those of visitors."""
        start = time.perf_counter()
        more = measured(self.generator, run)
        found = {name: Direction(each.vector.cpu(), each.r) for name, each in (self.directions or {}).items()}
        found = {name: each for name, each in found.items() if name not in self.loaded.directions} | more
        keep(self.loaded.sha256, found)
        self.now_known(found, complete=True)
        log.info("measured %s in %.1f s", ", ".join(more) or "nothing that can be told", time.perf_counter() - start)

    def now_known(self, found: Mapping[str, Direction], *, complete: bool) -> None:
        """Those that came with the weights stand first, and keep their names."""
        device = self.generator.w_mean.device
        named = {name: Direction(axis) for name, axis in self.loaded.directions.items()}
        both = named | {name: each for name, each in found.items() if name not in named}
        self.directions = {name: Direction(each.vector.to(device), each.r) for name, each in both.items()}
        self.complete = complete

    def lacks(self, names: set[str]) -> set[str]:
        """Those of some names that are not found yet, but may be: they are among what is measured."""
        return names - (self.directions or {}).keys() if names & MEASURES.keys() and not self.complete else set()

    @contextmanager
    def hasty(self, ways: Ways) -> Iterator[None]:
        """While it lasts, previews go the quicker way: for those that nobody keeps."""
        for module in self.hurried:
            module.ways = ways
        try:
            yield
        finally:
            for module in self.hurried:
                module.ways = None

    def clear(self) -> None:
        """Forget what a next picture could go on from."""
        for prefixes in self.prefixes:
            prefixes.clear()

    def _seconds(self, w: Tensor, batch: int) -> float:
        """What one pass over `batch` pictures takes."""
        self.clear()
        start = time.perf_counter()
        self.generator.synthesis(w.expand(batch, -1, -1)).cpu()
        return time.perf_counter() - start


def ways_here() -> tuple[Ways, Choice]:
    """Which ways layers go on this machine, those of previews and exact ones, as they were measured at an earlier start."""
    about = [processor(), torch.__version__, torch.get_num_threads()]
    path = ours() / "ways.json"

    def kept() -> dict[str, dict[str, Any]]:
        try:
            read = json.loads(path.read_text("utf-8"))
            return {part: dict(read[part]) for part in ("previews", "layers")} if read["about"] == about else {}
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return {}

    def keep(part: str, known: Mapping[str, object]) -> None:
        parts: dict[str, dict[str, Any]] = {"previews": {}, "layers": {}} | kept()  # another process may have written meanwhile
        parts[part] = parts[part] | dict(known)
        put(path, json.dumps({"about": about, **parts}).encode())

    known = kept()
    ways = {name: bool(way) for name, way in known.get("previews", {}).items()}
    layers = {
        name: tuple(map(str, found)) for name, found in known.get("layers", {}).items() if isinstance(found, list) and found
    }
    return Ways(ways, partial(keep, "previews")), Choice(layers, partial(keep, "layers"))


def load_resident(entry: Entry, device: torch.device, choice: Choice) -> Resident:
    """A model of the catalogue on its device, ready to draw, its layers by the ways of `choice`; raises BadWeights."""
    loaded = load(entry)
    generator = loaded.generator
    network = cast(torch.nn.Module, generator).to(device).eval().requires_grad_(False)
    for module in network.modules():
        if hasattr(module, "choice"):
            module.choice = choice  # type: ignore[assignment]
    with torch.inference_mode():  # the first pass prepares kernels and would spoil the measured speed
        generator.synthesis(generator.w_mean.expand(1, generator.space.num_ws, -1))
    prefixes: list[Prefixes] = []
    for module in network.modules():
        if hasattr(module, "prefixes"):
            prefixes.append(Prefixes())
            cast(Any, module).prefixes = prefixes[-1]
    held = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    parts = {id(part): part for module in network.modules() for part in (module, *vars(module).values())}
    keepers = tuple(part for part in parts.values() if isinstance(getattr(part, "kept_bytes", None), int))
    hurried = tuple(module for module in network.modules() if hasattr(module, "ways"))
    resident = Resident(loaded, held, keepers, prefixes=prefixes, hurried=hurried)
    if before := kept(loaded.sha256, generator.space.w_dim):
        resident.now_known(before, complete=True)
    return resident
