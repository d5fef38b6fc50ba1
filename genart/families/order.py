"""In which order layers run, told by their names and by what fits where. It knows no layer and no numbers.

A file lists layers as they were made, which is mostly how they run, or by the alphabet, which is not.
Where the list is no guide, numbers in names are; and after them only what fits.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Callable, Generic, Iterable, Mapping, Sequence, TypeVar

MOST_TRIES = 2000
KINDS = {"bn", "norm", "batchnorm", "layer", "conv", "deconv", "fc", "linear"}  # words that tell what a layer is, not which

Way = TypeVar("Way")


def as_counted(name: str) -> list[tuple[int, int, str]]:
    """A key by which names stand as a person counts: fc2 before fc10, and what has a number before what has a word."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d{1,9})", name)]


def by_number(names: Iterable[str]) -> list[str]:
    """The names as they stand, but those that differ in their numbers alone by their numbers."""
    ordered = list(names)
    places: dict[str, list[int]] = {}
    for place, name in enumerate(ordered):
        places.setdefault(_words(name), []).append(place)
    for group in places.values():
        alike = sorted((ordered[place] for place in group), key=as_counted)
        for place, name in zip(group, alike, strict=True):
            ordered[place] = name
    return ordered


def likeliest(names: Iterable[str]) -> list[list[str]]:
    """The orders that names may stand for, the likeliest first: as they stand, unless that is the alphabet; by their numbers."""
    given = list(names)
    orders = [given, by_number(given), sorted(given, key=as_counted)]
    return orders if given != sorted(given) else orders[1:]


def told_by_numbers(names: Iterable[str]) -> bool:
    """Whether names differ in their numbers alone, so that no list is needed to put them in order."""
    return len({_words(name) for name in names}) == 1


def slots(before: str, name: str) -> int | None:
    """Layers without weights between two of one Sequential, whose numbers count them; None for any others."""
    first, second = (re.fullmatch(r"(.*?)(?:^|\.)(\d{1,9})", each) for each in (before, name))
    if not first or not second or first[1] != second[1]:
        return None
    return int(second[2]) - int(first[2]) - 1


def followers(norms: Mapping[str, int], layers: Mapping[str, int]) -> dict[str, str]:
    """Which layer each norm follows, norm -> layer, where names tell: bn2 follows fc2, and convs.0 is followed by bns.0.

    Both come with their widths. In a Sequential the numbers of norms and layers are of one row, and tell nothing here.
    """
    sequences = {_container(name) for name in layers if name.rpartition(".")[2].isdecimal()}
    free = {name: width for name, width in layers.items()}
    found: dict[str, str] = {}
    for norm in by_number(norms):
        if norm.rpartition(".")[2].isdecimal() and _container(norm) in sequences:
            continue
        fitting = [layer for layer in free if free[layer] == norms[norm]]
        alike = [layer for layer in fitting if _numbers(layer) == _numbers(norm) != ()]
        named = [layer for layer in fitting if _tokens(layer) & _tokens(norm)] if not _numbers(norm) else []
        match = alike if len(alike) == 1 else named
        if len(match) == 1:
            found[norm] = match[0]
            del free[match[0]]
    return found


def as_they_follow(order: Sequence[str], follows: Mapping[str, str]) -> list[str]:
    """The order, with norms that stand apart from the layer they follow moved behind it."""
    beside = {name: [*order[max(0, place - 1) : place], *order[place + 1 : place + 2]] for place, name in enumerate(order)}
    after = {layer: norm for norm, layer in follows.items() if layer not in beside[norm]}
    moved = set(after.values())
    return [name for layer in order if layer not in moved for name in ([layer, after[layer]] if layer in after else [layer])]


def runs(
    names: Sequence[str],
    follows: Mapping[str, str],
    begin: Way,
    take: Callable[[Way, str, bool], Way | None],
    ends: Callable[[Way, Sequence[str]], bool],
    *,
    strict: bool = False,
) -> list[Way]:
    """The ways, at most two, in which names can be taken one after another, the last with True, until `ends` is content.

    That is told the names that are left. Norms are taken after what they follow, names that differ in
    numbers by these, and what has been entered is finished before the next: the last, and
    unless `strict` the one before, as long as that leads anywhere.
    """
    for stays, counts in ((True, True), (False, True), (False, False))[: 2 if strict else 3]:
        search = _Search(follows, take, ends, stays, counts)
        search.on(sorted(names, key=as_counted), "", begin)
        if search.found:
            return search.found
    return []


@dataclass(slots=True)
class _Search(Generic[Way]):
    """Goes one step further in each direction that is open, until two ways are found or all tries are used."""

    follows: Mapping[str, str]
    take: Callable[[Way, str, bool], Way | None]
    ends: Callable[[Way, Sequence[str]], bool]
    stays: bool
    counts: bool
    found: list[Way] = field(default_factory=list)
    tries: int = MOST_TRIES

    def on(self, left: Sequence[str], before: str, way: Way) -> None:
        if self.ends(way, left):
            self.found.append(way)
            return
        for name in self._open(left, before):
            if len(self.found) > 1 or self.tries <= 0:
                return
            self.tries -= 1
            further = self.take(way, name, len(left) == 1)
            if further is not None:
                self.on([other for other in left if other != name], name, further)

    def _open(self, left: Sequence[str], before: str) -> list[str]:
        """What may come next: of names that differ in a number the first, as `left` is sorted."""
        own = [name for name in left if before and self.follows.get(name) == before]
        if own:
            return own
        waiting = set(left)
        first: dict[str, tuple[str, ...]] = {}
        candidates = [
            name
            for name in left
            if all(first.setdefault(place, number) == number or not self.counts for place, number in _counted(name))
            and self.follows.get(name) not in waiting
        ]
        inside = before
        while self.stays and "." in inside:
            inside = _container(inside)
            here = [name for name in candidates if name.startswith(f"{inside}.")]
            if here:
                return here
        return candidates


@lru_cache(MOST_TRIES)
def _counted(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The numbers in a name, by the place that they have: decoder.5 and decoder.0.1 differ in one place, fc1 and bn2 in none."""
    parts = name.split(".")
    places = (".".join([*parts[:i], _words(part)]) for i, part in enumerate(parts))
    return [(place, _numbers(part)) for place, part in zip(places, parts, strict=True) if _numbers(part)]


def _words(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _numbers(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", name))


def _tokens(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.rpartition(".")[2].lower())) - KINDS


def _container(name: str) -> str:
    return name.rpartition(".")[0]
