"""The studio: the only state. A recipe goes in, a picture comes out; nothing else is remembered
about a visitor."""

import atexit
import logging
import math
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from typing import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from genart import finish, latent
from genart.catalogue import ENTRIES, Entry, called, source_of
from genart.device import is_out_of_memory, pick_device
from genart.directions import MEASURES, Direction, axes_of, from_file, learn, measurable, names, sample_w, to_file
from genart.errors import BadRecipe, GenartError, NoDownload, Refused, UnknownModel
from genart.families.base import Encoder
from genart.families.conv import trial
from genart.forward import (
    CELLS_AT_ONCE,
    axis_of,
    cells,
    check,
    check_label,
    check_step,
    drawn,
    from_pixels,
    in_every_class,
    mixed_z,
    side_by_side,
    stored,
    styles,
    swapped,
    to_pixels,
)
from genart.memo import Memo
from genart.recipe import Anchor, Offset, Recipe, pack_vector
from genart.resident import Resident, load_resident, ways_here
from genart.tones import tones_of
from genart.turns import Turns

T = TypeVar("T")

log = logging.getLogger(__name__)

MODEL_BYTES = 4 * 2**30
CLOSING_SECONDS = 5.0
QUIET_SECONDS = 4.0  # without a live request, before the worker's time is taken for it


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, uint8 (H, W, 3), and the point z (1, z_dim) it shows; None where that is a point of w.

    `ms` is what the generator took, 0 for a remembered picture; `full` is false for a preview.
    """

    pixels: np.ndarray
    point: np.ndarray | None
    ms: float
    full: bool


class Disturbed(Exception):
    """Something else was drawn while a time was taken."""


class Closing(Exception):
    """The studio ends; nobody waits for what was under way."""


class Studio:
    """Renders recipes on one device. Calls from any thread; the work is done by one worker."""

    def __init__(self, device: str | None = None, entries: Mapping[str, Entry] = ENTRIES):
        self.device = pick_device(device)
        torch.backends.cudnn.allow_tf32 = False  # a seed's picture is the same on every device
        torch.backends.cudnn.deterministic = True
        self.entries = dict(entries)
        self._turns = Turns(f"studio-{self.device}")
        self._residents: OrderedDict[str, Resident] = OrderedDict()
        self._memo = Memo()
        self._ways, self._choice = ways_here()
        self._asked = self._drawn = -math.inf  # when for a live frame, and when for any picture
        self._learning = threading.Lock()
        self._finding_ways = threading.Lock()
        self._preparing: set[str] = set()
        self._preparers: set[threading.Thread] = set()
        self._preparing_lock = threading.Lock()
        self._closing = threading.Event()
        atexit.register(self.close)

    def render(self, recipe: Recipe, *, size: int | None = None) -> np.ndarray:
        """uint8 (H, W, 3); the whole picture, or the smallest the family can stop at from `size` up.

        Finishing steps run in the caller's thread, so that large pictures hold up nobody's turn.
        """
        self._foresee(recipe)
        frame = self._turns.run(lambda: self._frame(recipe, size))
        return finish.finished(frame.pixels, recipe.finish) if frame.full else frame.pixels

    def render_many(self, recipes: Iterable[Recipe], *, size: int | None = None, batch: int = 1) -> Iterator[np.ndarray]:
        """The pictures of `recipes`, one by one, other visitors served in between.

        The first `batch` are begun at once, and while the caller works on some, the next are under way.
        """
        rest = iter(recipes)
        under_way: deque[Future[list[tuple[Recipe, Frame]]]] = deque()

        def begin() -> None:
            if group := list(islice(rest, batch)):
                self._foresee(*group)
                under_way.append(self._turns.submit(object(), partial(self._frames, group, size)))

        def pictures() -> Iterator[np.ndarray]:
            while under_way:
                begin()
                for recipe, frame in under_way.popleft().result():
                    yield finish.finished(frame.pixels, recipe.finish) if frame.full else frame.pixels

        begin()
        return pictures()

    def best_batch(self, recipe: Recipe) -> int:
        """How many pictures at once this model renders fastest on this device, as measured once."""
        return self._turns.run(lambda: self._best_batch(recipe))

    def raw(self, recipe: Recipe, *, size: int | None = None) -> np.ndarray:
        """The generator's own output, float32 (1, C, H, W), neither clipped nor finished."""
        self._foresee(recipe)
        return self._turns.run(lambda: self._synthesise(recipe, size).cpu().numpy())

    def submit(self, visitor: Hashable, recipe: Recipe, *, within_ms: float | None = None) -> "Future[Frame]":
        """A live frame, not yet finished, in the visitor's next turn, replacing one still waiting.
        With `within_ms` the picture may be smaller, as measured on this machine."""
        self._asked = time.monotonic()
        if _measured_in(recipe) and called(recipe.model, self.entries):
            self.prepare(recipe.model)
        return self._turns.submit(visitor, lambda: self._frame(recipe, self._size_within(recipe.model, within_ms), toned=True))

    def stamped(self, recipe: Recipe) -> Recipe:
        """The recipe with the SHA-256 of the weights that render it, as files carry it."""
        return replace(recipe, weights=self.resident(recipe.model).loaded.sha256)

    def resident(self, name: str) -> Resident:
        """The loaded model of that name, loaded now if it is not; raises UnknownModel, BadWeights."""
        return self._turns.run(lambda: self._resident(name))

    def read(self, name: str, pixels: np.ndarray, label: int | None = None) -> Anchor:
        """The anchor at what a model's encoder makes of a picture, uint8 (H, W, 3), cut square about its middle.

        `label` says what the picture shows, for a model with classes. The latent is stored in
        float16, so that several fit into a recipe. Raises BadRecipe for a model that reads no pictures.
        """
        return self._turns.run(lambda: self._read(name, pixels, label))

    def point(self, recipe: Recipe, space: str) -> str:
        """A recipe's latent as a stored vector, before truncation and directions, exactly: of z, or of w with its swapped layers.

        Raises BadRecipe where z is asked for and the recipe was not made from any.
        """
        return self._turns.run(lambda: self._stored_point(recipe, space))

    def entry(self, name: str) -> Entry:
        """The model that a recipe names, by whichever of its names; raises UnknownModel, NoDownload."""
        found = called(name, self.entries)
        if found:
            return found
        if source_of(name):
            raise NoDownload(f"The model {name!r} is not on this machine; fetch it in the tab Models.")
        raise UnknownModel(name, self.entries)

    def add(self, entry: Entry) -> None:
        """Know one model more, or another file under a name that is known."""
        if self.entries.get(entry.name) != entry:
            self.remove(entry.name)
            self.entries[entry.name] = entry

    def remove(self, name: str) -> None:
        """Know a model no longer, and forget its pictures."""
        self._turns.run(lambda: self._forget(name))

    def direction_names(self, name: str) -> list[str]:
        """What the directions of a model are called in recipes, those still being measured left out."""
        resident = self.resident(name)
        known = {**resident.loaded.directions, **dict.fromkeys(names(resident.space))}
        return list(known | (resident.directions or {}))

    def directions(self, name: str) -> dict[str, Direction]:
        """All directions of a model, found now, in the caller's thread, if they are not yet: named ones first,
        then PCA and SeFa, then those that were measured. Each is one sigma long."""
        return dict(self._found(self.resident(name), complete=True))

    def still_measured(self, name: str) -> list[str]:
        """The names of directions that may yet be found."""
        resident = self.resident(name)
        hoped = [] if resident.complete else measurable(resident.space)
        return [each for each in hoped if each not in resident.loaded.directions]

    def learn(self, name: str, has: Sequence[Recipe], has_not: Sequence[Recipe]) -> tuple[str, float]:
        """A direction from pictures of a model that have something to those that have not, as the `vector` of an
        Offset, with the share of pictures told rightly by fits that had not seen them. Raises BadRecipe."""

        has_w, has_not_w = (self._turns.run(partial(self._points, name, recipes)) for recipes in (has, has_not))
        spread = self._turns.run(partial(self._spread, name))
        with self._learning:  # some seconds of arithmetic, beside the pictures
            learnt = learn(has_w, has_not_w, spread)
        return pack_vector(learnt.vector.numpy(), "w", half=True), learnt.score

    def axes(self, name: str, recipes: Sequence[Recipe], count: int = 3) -> list[str]:
        """What varies most among some pictures of a model, as vectors of Offsets: fewer than there are pictures."""

        def work() -> list[str]:
            found = axes_of(self._points(name, recipes), self._spread(name), count)
            return [pack_vector(axis.numpy(), "w", half=True) for axis in found]

        return self._turns.run(work)

    def save_direction(self, name: str, direction: str, vector: str | None = None) -> bytes:
        """A direction of a model as a file to take along, safetensors: its own by name, or a vector of an Offset."""
        resident = self.resident(name)
        space, sha256 = resident.space, resident.loaded.sha256
        if vector is None:
            found = self._found(resident, complete=direction in MEASURES)
            step = axis_of(Offset(direction, 1.0), name, {each: known.vector for each, known in found.items()})
        else:
            offset = Offset(direction, 1.0, vector=vector)
            check_step(offset, name, space)
            step = axis_of(offset, name, {})
        return to_file(direction, step.cpu(), model=name, weights=sha256)

    def open_direction(self, name: str, data: bytes) -> tuple[str, str]:
        """Name and vector, as of an Offset, of a file made by `save_direction` for the same weights; raises BadRecipe."""
        loaded = self.resident(name).loaded
        called, vector = from_file(data, model=name, weights=loaded.sha256, w_dim=loaded.generator.space.w_dim)
        offset = Offset(called, 1.0, vector=pack_vector(vector.numpy(), "w", half=True))
        check_step(offset, name, loaded.generator.space)
        return called, cast(str, offset.vector)

    def warm_up(self, name: str) -> None:
        """Load a model, render once and find its directions, before anybody asks."""
        self.render(Recipe(name))
        self.find_directions(name)

    def find_directions(self, name: str) -> None:
        """Find a model's directions now, in the caller's thread, and keep them for its recipes."""
        self.directions(name)

    def prepare(self, name: str) -> None:
        """See to what can wait until a model's first picture is there: its directions, the tones of its previews, its ways.

        In a thread of its own, between the pictures that visitors ask for; once for all who ask meanwhile.
        """
        name = self.entry(name).name
        resident = self._residents.get(name)
        if resident and resident.complete and resident.tones is not None:
            return
        with self._preparing_lock:
            if name in self._preparing:
                return
            self._preparing.add(name)
        thread = threading.Thread(target=self._prepare, args=(name,), name=f"prepares {name}", daemon=True)
        self._preparers.add(thread)
        thread.start()

    def close(self) -> None:
        """End what goes on in the background, before the interpreter ends: a network under way in a thread would abort it."""
        self._closing.set()
        for thread in list(self._preparers):
            thread.join(CLOSING_SECONDS)

    def _in_turn(self, job: Callable[[], T]) -> T:
        """The background's use of the network: a turn of the worker, until the studio closes."""
        if self._closing.is_set():
            raise Closing
        return self._turns.run(job)

    def _prepare(self, name: str) -> None:
        try:
            self.find_directions(name)
            self.find_tones(name)
            self.find_ways()
        except Closing:
            pass
        except GenartError as error:  # nobody is there to be told: the next picture of this model says it
            log.info("%s could not be prepared: %s", name, error)
        finally:
            self._preparing.discard(name)
            self._preparers.discard(threading.current_thread())

    def find_tones(self, name: str) -> None:
        """Learn from some pictures how a model's previews differ in colour from the whole, in the caller's thread.

        Live frames go first: pictures are made one by one when nobody has asked for a while.
        """
        resident = self.resident(name)
        if resident.tones is None:

            def picture(recipe: Recipe, size: int | None) -> Tensor:
                return self._in_turn(lambda: self._synthesise(recipe, size))

            tones = tones_of(name, resident.space, self._wait_for_quiet, picture)
            resident.tones = {size: (gain.to(self.device), offset.to(self.device)) for size, (gain, offset) in tones.items()}

    def find_ways(self) -> None:
        """Measure which way layers go quickest, in the caller's thread, while nothing is drawn; for the next starts."""
        with self._finding_ways:
            while self._choice.unmeasured and self.device.type == "cpu":
                self._wait_for_quiet(films_too=True)
                with suppress(Disturbed):
                    self._choice.measure(trial, self._undisturbed())

    def _undisturbed(self) -> Callable[[Callable[[], T]], T]:
        """What gives the background one turn after the other; it raises Disturbed when somebody else has had one in between."""
        turns = count(self._turns.served + 1)

        def run(job: Callable[[], T]) -> T:
            own = next(turns)

            def work() -> T:
                if self._turns.served != own:
                    self._drawn = time.monotonic()
                    raise Disturbed
                return job()

            return self._in_turn(work)

        return run

    def _wait_for_quiet(self, *, films_too: bool = False) -> None:
        while not self._closing.is_set():
            asked = max(self._asked, self._drawn) if films_too else self._asked
            left = asked + QUIET_SECONDS - time.monotonic()
            if left <= 0:
                return
            self._closing.wait(left)

    def time_forward(self, recipe: Recipe, size: int | None = None) -> float:
        """Milliseconds of the bare synthesis of a recipe, nothing around it: the floor for everything else."""
        return self._turns.run(lambda: self._time_forward(recipe, size))

    # Everything below runs on the worker.

    def _time_forward(self, recipe: Recipe, size: int | None) -> float:
        resident = self._resident(recipe.model)
        generator = resident.generator
        resident.clear()
        with torch.inference_mode():
            w = styles(recipe, generator, {})
            start = time.perf_counter()
            drawn(recipe, generator, w, size).cpu()
            return (time.perf_counter() - start) * 1000

    def _read(self, name: str, pixels: np.ndarray, label: int | None) -> Anchor:
        generator = self._resident(name).generator
        space = generator.space
        if not space.has_encoder:
            raise BadRecipe(f"{name!r} reads no pictures; choose a model with an encoder.")
        check_label(Anchor(label=label), space.num_classes, name)
        x = from_pixels(pixels, space).to(self.device)
        shares = latent.one_hot(label, space.num_classes)
        shares = None if shares is None else shares.to(self.device)
        with torch.inference_mode():
            w = self._with_room(name, lambda: cast(Encoder, generator).encode(x, shares))
        return Anchor(label=label, vector=pack_vector(w[0].cpu().numpy(), "w", half=True))

    def _frames(self, recipes: list[Recipe], size: int | None) -> list[tuple[Recipe, Frame]]:
        """Several pictures, in one pass where they differ in w alone."""
        first = recipes[0]
        shared = (first.model, first.noise, first.controls, False)
        alike = all((one.model, one.noise, one.controls, one.all_classes) == shared for one in recipes)
        if len(recipes) == 1 or not alike:
            return [(recipe, self._frame(recipe, size)) for recipe in recipes]
        resident = self._resident(first.model)
        generator = resident.generator
        stop = resident.stop(size)
        for recipe in recipes:
            check(recipe, generator)
        steps = self._steps(resident, *recipes)

        def forward() -> Tensor:
            with torch.inference_mode():
                w = torch.cat([styles(recipe, generator, steps, resident.mapped) for recipe in recipes])
                return drawn(first, generator, w, stop).cpu()

        start = time.perf_counter()
        x = self._with_room(first.model, forward)
        ms = (time.perf_counter() - start) * 1000 / len(recipes)
        return [(recipe, Frame(to_pixels(x[at : at + 1]), None, ms, stop is None)) for at, recipe in enumerate(recipes)]

    def _best_batch(self, recipe: Recipe) -> int:
        resident = self._resident(recipe.model)
        if resident.batch is None:
            with torch.inference_mode():
                w = styles(replace(recipe, offsets=()), resident.generator, {})
                resident.batch = resident.best_batch(w, partial(self._with_room, recipe.model))
        return resident.batch

    def _frame(self, recipe: Recipe, size: int | None, *, toned: bool = False) -> Frame:
        """`toned` gives a preview the colours of the whole picture, once they are known; it may be a shade off."""
        resident = self._resident(recipe.model)
        size = resident.stop(size)
        full = size is None
        tone = (resident.tones or {}).get(size or 0) if toned and not recipe.all_classes else None
        hasty = toned and not full
        key = self._memo.key(recipe, self.entry(recipe.model).name, size, int(hasty) + int(tone is not None))
        known = self._memo.get(key)
        if known is not None:
            return Frame(known, self._point(recipe), 0.0, full)
        start = time.perf_counter()
        before = len(self._ways.known)
        with resident.hasty(self._ways) if hasty else nullcontext():
            x = self._synthesise(recipe, size)
        pixels = to_pixels(x if tone is None else x * tone[0] + tone[1])
        ms = (time.perf_counter() - start) * 1000
        measured = len(self._ways.known) > before  # which took longer than the picture
        if not recipe.all_classes and not measured and not any(prefixes.resumed for prefixes in resident.prefixes):
            resident.note_speed(size, ms)
        self._memo.keep(key, pixels)
        return Frame(pixels, self._point(recipe), ms, full)

    def _synthesise(self, recipe: Recipe, size: int | None) -> Tensor:
        resident = self._resident(recipe.model)
        size = resident.stop(size)
        return self._with_room(recipe.model, lambda: self._forward(resident, recipe, size))

    def _with_room(self, name: str, job: Callable[[], T]) -> T:
        """The job's result; where memory runs out, once more without the other models, else Refused."""
        for room_made in (False, True):
            try:
                return job()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if not room_made:
                self._drop_others(name)
        raise Refused(f"{self.device} has too little memory for {name!r}; choose a smaller model or size.")

    def _forward(self, resident: Resident, recipe: Recipe, size: int | None) -> Tensor:
        generator = resident.generator
        check(recipe, generator)
        steps = self._steps(resident, recipe)
        with torch.inference_mode():
            if recipe.all_classes:
                alike = in_every_class(recipe, generator.space)
                w = torch.cat([styles(each, generator, steps, resident.mapped) for each in alike])
                return side_by_side([cells(recipe, generator, part, size) for part in w.split(CELLS_AT_ONCE)])
            return drawn(recipe, generator, styles(recipe, generator, steps, resident.mapped), size)

    def _resident(self, name: str) -> Resident:
        entry = self.entry(name)
        name = entry.name
        if name not in self._residents:
            self._residents[name] = self._with_room(name, lambda: load_resident(entry, self.device, self._choice))
            log.info("loaded %s, %.1f MB, on %s", name, self._residents[name].bytes / 1e6, self.device)
        self._residents.move_to_end(name)
        while len(self._residents) > 1 and sum(resident.bytes for resident in self._residents.values()) > MODEL_BYTES:
            self._residents.popitem(last=False)
        return self._residents[name]

    def _forget(self, name: str) -> None:
        self.entries.pop(name, None)
        self._residents.pop(name, None)
        self._memo.forget(name)

    def _drop_others(self, name: str) -> None:
        for other in self._residents.keys() - {self.entry(name).name}:
            del self._residents[other]
        if self.device.type != "cpu":
            torch.get_device_module(self.device).empty_cache()

    def _steps(self, resident: Resident, *recipes: Recipe) -> dict[str, Tensor]:
        """The directions that recipes name, found now if need be; none for recipes that bring their own."""
        named = {step.direction for recipe in recipes for step in recipe.offsets if step.vector is None}
        if not named:
            return {}
        found = self._found(resident)
        if lacking := resident.lacks(named):
            raise Refused(f"{', '.join(sorted(lacking))} is still being measured for this model; wait a moment.")
        return {name: each.vector for name, each in found.items()}

    def _foresee(self, *recipes: Recipe) -> None:
        """Measure, in the caller's thread, what recipes need; the worker, who serves everybody, would take too long."""
        self._drawn = time.monotonic()
        for name in {recipe.model for recipe in recipes if _measured_in(recipe)}:
            if not self._turns.is_here():
                self.directions(name)

    def _found(self, resident: Resident, *, complete: bool = False) -> Mapping[str, Direction]:
        """The directions of a model as far as they are wanted, on this device.

        One thread finds and others wait for it, but for the worker, who draws the pictures: it finds them itself.
        """
        if resident.directions is None or complete > resident.complete:
            with nullcontext() if self._turns.is_here() else resident.finding, torch.inference_mode():
                if resident.directions is None:
                    resident.find_axes(self._in_turn)
                if complete > resident.complete:
                    resident.measure(self._in_turn)  # each picture in a turn, between those of visitors
        return cast(dict[str, Direction], resident.directions)

    def _points(self, name: str, recipes: Sequence[Recipe]) -> Tensor:
        """The w of each recipe, the mean of its rows: (N, w_dim) on the CPU."""
        resident = self._resident(name)
        generator = resident.generator
        for recipe in recipes:
            if recipe.model != name:
                raise BadRecipe(f"A direction of {name!r} is learnt from pictures of {name!r}; one is of {recipe.model!r}.")
            check(recipe, generator)
        steps = self._steps(resident, *recipes)
        with torch.inference_mode():
            rows = [styles(recipe, generator, steps).mean(1).cpu() for recipe in recipes]
            return torch.cat(rows) if rows else torch.zeros(0, generator.space.w_dim)

    def _spread(self, name: str) -> Tensor:
        """w of fixed seeds less their mean, (N, w_dim) on the CPU: what one sigma is measured by."""
        with torch.inference_mode():
            w = sample_w(self._resident(name).generator)
            return w - w.mean(0)

    def _point(self, recipe: Recipe) -> np.ndarray | None:
        generator = self._resident(recipe.model).generator
        check(recipe, generator)
        points = [stored(anchor, generator) for anchor in recipe.anchors]
        if any(space == "w" for space, _ in points):
            return None
        weights = [anchor.weight for anchor in recipe.anchors]
        return mixed_z([z for _, z in points], weights, recipe.mix, generator).numpy()

    def _stored_point(self, recipe: Recipe, space: str) -> str:
        if space == "z":
            z = self._point(recipe)
            if z is None or recipe.layers:
                raise BadRecipe(
                    "This picture was not made from latent numbers alone; choose one that a seed or the sliders made."
                )
            return pack_vector(z, "z")
        generator = self._resident(recipe.model).generator
        check(recipe, generator)
        with torch.inference_mode():
            w = swapped(recipe, generator)[0]
        return pack_vector((w[:1] if (w == w[:1]).all() else w).cpu().numpy(), "w")

    def _size_within(self, name: str, within_ms: float | None) -> int | None:
        return None if within_ms is None else self._resident(name).size_within(within_ms)


def _measured_in(recipe: Recipe) -> bool:
    """Whether a recipe names a direction that is found by drawing many pictures."""
    return any(step.vector is None and step.direction in MEASURES for step in recipe.offsets)
