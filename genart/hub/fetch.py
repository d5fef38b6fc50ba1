"""A file of the Hub becomes a file here: from the cache if it is there, else downloaded once and verified.

The library that speaks to the Hub waits for minutes and cannot be stopped, so it works in a child
process, and here it is timed: a silent Hub, a slow one and a visitor who has had enough end it.
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import genart
from genart.catalogue import CHECKPOINTS, Entry, Source, entry_at, hub_entries, other_format, source_of
from genart.errors import NoDownload, printable, quote
from genart.hub import cache
from genart.hub.cache import Record
from genart.hub.failures import failure, name_of, no_room
from genart.limits import SPARE_BYTES

ANSWER_SECONDS = 10  # for the Hub to say what a repository holds
START_SECONDS = 45  # to start Python on a busy machine, and to ask three times
STILL_SECONDS = 20  # without one byte
SLOW_SECONDS, SLOW_SPEED = 30, 50_000  # bytes a second, over so long
LEAST_SPEED = 100_000  # bytes a second, over all
HASH_SPEED = 20_000_000  # bytes a second, on a slow disk
CARD, CARD_BYTES = "README.md", 200_000
LONGEST_LICENCE = 100
LOOKED_AT = 8  # files of one repository
SETTINGS = "config.json"
SETTINGS_BYTES = 2**20
ENVIRONMENT = {  # plain HTTP alone: one way to test, and no cache but the Hub's own
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_ETAG_TIMEOUT": str(ANSWER_SECONDS),
    "HF_HUB_DOWNLOAD_TIMEOUT": str(ANSWER_SECONDS),
}
NOT_GENERATORS = re.compile(
    r"(?i:discriminator|optimi[sz]er|scheduler|training_args|rng_state)|encoder\.pkl"
    r"|(?<![A-Za-z0-9])(net)?(D|Dis|disc|optim)(?![A-Za-z0-9])"  # model=D-best.pth, netD_epoch_3.pth
)
AVERAGED = re.compile(r"(?i:(?<![a-z])(ema|averaged?|swa)(?![a-z]))")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is, in bytes; `total` is 0 before the Hub has said."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repository holds at one revision: sizes in bytes, and the SHA-256 that the Hub states of large files.

    Files whose names cannot be shown are left out. `card` is its README as plain text, empty where none was asked for or
    there is none.
    """

    repo: str
    revision: str
    licence: str | None
    files: Mapping[str, tuple[int, str | None]]
    card: str = ""

    def candidates(self) -> list[str]:
        """The files that may be a generator's weights: safetensors first, and of each kind the averaged ones."""
        named = [name for name in self.files if name.endswith(CHECKPOINTS) and not NOT_GENERATORS.search(name)]
        return sorted(named, key=lambda name: (not name.endswith(".safetensors"), not AVERAGED.search(name), name))


def offline() -> bool:
    """Whether the Hub is switched off, by --offline or by the variable that it sets."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def listing(repo: str, revision: str | None = None, *, card: bool = False) -> Listing:
    """What a repository holds; raises NoDownload."""
    asked = Source(repo, revision=revision)
    _refuse_offline(asked)
    with _Talk(asked, threading.Event()) as talk:
        return talk.carded() if card else talk.listing()


def looked_into(source: Source, folder: Path) -> tuple[Listing, dict[str, Path]]:
    """What a repository holds, its card too, and by name the parts that tell what a checkpoint is.

    The parts lie in `folder`, each in a file as long as the whole, with its settings beside it. They are
    those of the file that the source names, else of the first few candidates whose family no table tells; a
    file whose parts the Hub does not give is not there. Raises NoDownload.
    """
    _refuse_offline(source)
    with _Talk(source, threading.Event()) as talk:
        found = talk.carded()
        untold = [name for name in found.candidates() if not entry_at(replace(source, file=name)).family]
        names = [chosen(source, found)] if source.file else untold[:LOOKED_AT]
        places = {name: folder / str(number) / name.rpartition("/")[2] for number, name in enumerate(names)}
        wanted = [(name, found.files[name][0], place) for name, place in places.items()]
        for name, place in places.items():
            beside = _settings(source, found, name)
            wanted += [(other, found.files[other][0], place.with_name(SETTINGS)) for other in beside]
            place.parent.mkdir()
        talk.parts(wanted)
        return found, {name: place for name, place in places.items() if place.is_file()}


def _plain(card: str) -> str:
    """A card without its settings."""
    text = re.sub(r"\A---\n.*?\n---\n", "", card.replace("\r\n", "\n"), flags=re.S)
    return "\n".join(map(printable, text.split("\n"))).strip()


def held(entry: Entry) -> Entry | None:
    """The entry with the file that is in the cache already, unverified; None where something of it is missing."""
    if entry.source is None:
        return entry
    path = cache.held(entry.source)
    if path is None or (entry.source.config and not path.with_name(entry.source.config).is_file()):
        return None
    return _at(_named(entry, _place(path)[0]), path)


def here() -> dict[str, Entry]:
    """Every model of the Hub whose file is in the cache, by name: the catalogue's, and those once opened."""
    named = [source for each in cache.records() if (source := source_of(each.name))]
    found = [held(entry) for entry in (*hub_entries().values(), *map(entry_at, named))]
    return {entry.name: entry for entry in found if entry}


def fetch(entry: Entry, told: Callable[[Progress], None] = lambda _: None, stopped: threading.Event | None = None) -> Entry:
    """The entry with its file, which is what was recorded; no call is made where the cache has it whole.

    `told` hears of the progress, in the caller's thread. Raises NoDownload, and where `stopped` is set.
    """
    source = entry.source
    if source is None:
        return entry
    stopped = stopped or threading.Event()
    found = held(entry)
    if found:
        if _whole(found):
            return found
        cache.take_away(source, damaged=True)
    _refuse_offline(source)
    cache.tidy()
    for _ in range(2):
        found = _downloaded(entry, source, told, stopped)
        if _whole(found):
            return found
        cache.take_away(source, damaged=True)
    raise NoDownload(f"{quote(name_of(source))} arrived damaged twice; try again later, or on another network.")


def _at(entry: Entry, path: Path) -> Entry:
    known = cache.record_of(entry.source) if entry.source else None
    file = str(path.absolute())
    licence = entry.licence if entry.licence != "unknown" else (known and known.licence) or entry.licence
    return replace(entry, file=file, sha256=entry.sha256 or (known.sha256 if known else None), licence=licence)


def _named(entry: Entry, file: str) -> Entry:
    """The entry of that file, which is one however it was asked for: by its own name or by its repository's alone."""
    if entry.source is None or entry.source.file or entry.title:
        return entry
    source = replace(entry.source, file=file)
    known = entry_at(source)
    return known if known.title else replace(entry, name=known.name, source=source)


def _whole(entry: Entry) -> bool:
    """Whether the file is the recorded one; what no record knows is recorded now, as at a first download."""
    sha256 = cache.sha256_once(entry.path)
    if entry.sha256 is None and entry.source:
        source, size = entry.source, entry.path.stat().st_size
        file, revision = _place(entry.path)
        cache.record(Record(entry.name, source.repo, file, source.revision, revision, size, sha256, None))
    return entry.sha256 in (None, sha256)


def _place(path: Path) -> tuple[str, str]:
    """The name in its repository, and the revision, of a file in the Hub's cache."""
    revision, *parts = path.relative_to(cache.hub()).parts[2:]
    return "/".join(parts), revision


def _downloaded(entry: Entry, source: Source, told: Callable[[Progress], None], stopped: threading.Event) -> Entry:
    """The entry with the file as it came, recorded if it is the first; raises NoDownload."""
    known = cache.record_of(source)
    asked = replace(source, revision=known.revision) if known else source
    with _Talk(asked, stopped) as talk:
        listing = talk.listing()
        file = known.file if known else chosen(source, listing)
        size, stated = listing.files.get(file, (0, None))
        _check_room(asked, size, file)
        expected = entry.sha256 or (known.sha256 if known else None)
        if None not in (expected, stated) and expected != stated:
            raise NoDownload(
                f"The Hub has another file under {quote(name_of(source))} than the one recorded, so it is not taken; "
                "choose another model, or update genart."
            )
        path, sha256 = talk.files([file, *_settings(source, listing, file)], size, told)[0]
        if expected is None:
            expected = stated or sha256
            cache.record(
                Record(entry.name, source.repo, file, source.revision, listing.revision, size, expected, listing.licence)
            )
    return _at(_named(replace(entry, sha256=expected), file), path)


def chosen(source: Source, listing: Listing) -> str:
    """The file that a source names; where it names none, the only one that may be a generator. Raises NoDownload."""
    candidates = listing.candidates()
    what = other_format(source.file or "")
    if what and source.file in listing.files:
        raise NoDownload(
            f"The file {source.file!r} is {what}; genart reads safetensors and PyTorch checkpoints, so look for one of those."
        )
    if source.file in listing.files:
        return str(source.file)
    if source.file is None and len(candidates) == 1:
        return candidates[0]
    if source.file is None and not candidates:
        others = ", ".join(f"{name} ({what})" for name in sorted(listing.files) if (what := other_format(name)))
        raise NoDownload(
            f"The repository {source.repo!r} holds {others[:200] or 'no weights'}, and genart reads safetensors and "
            "PyTorch checkpoints; look for a repository that has one of those."
        )
    names = ", ".join(candidates[:12]) or "none"
    if source.file is None:
        raise NoDownload(f"The repository {source.repo!r} holds these checkpoints: {names}; name one as {source.repo}:FILE.")
    raise NoDownload(f"The repository {source.repo!r} has no file {quote(source.file)}; its checkpoints are {names}.")


def _settings(source: Source, listing: Listing, file: str) -> list[str]:
    """What weights cannot say may be beside them."""
    beside = file.rpartition("/")[0]
    name = f"{beside}/{source.config or SETTINGS}".lstrip("/")
    return [name] if listing.files.get(name, (SETTINGS_BYTES + 1, None))[0] <= SETTINGS_BYTES else []


def _refuse_offline(source: Source) -> None:
    if offline():
        raise NoDownload(f"{quote(name_of(source))} is not on this machine and genart is offline; start it without --offline.")


def _check_room(source: Source, size: int, file: str) -> None:
    """Raise NoDownload where the disk has no room for the file, and for its converted copy if it will have one."""
    need, free = size * (1 if file.endswith(".safetensors") else 2) + SPARE_BYTES, cache.free(cache.hub())
    if need > free:
        raise no_room(source, need, free)


class _Talk:
    """A child process at work for one repository, timed; leaving ends it and what it has begun."""

    def __init__(self, source: Source, stopped: threading.Event):
        self._source, self._stopped = source, stopped
        self._asked = source.file
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def __enter__(self) -> "_Talk":
        places = [str(Path(genart.__file__).parents[1]), *filter(None, sys.path)]
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "genart.hub.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=ENVIRONMENT | os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self._say(repo=self._source.repo, revision=self._source.revision, seconds=ANSWER_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._child.stdin:
                self._child.stdin.close()  # it stops at the end of its input, and cleans up
            self._child.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()

    def listing(self) -> Listing:
        """What the repository holds; raises NoDownload."""
        found = self._hear(START_SECONDS)["found"]
        files = {name: (size, sha256) for name, (size, sha256) in found["files"].items() if name.isprintable()}
        return Listing(self._source.repo, found["revision"], printable(found["licence"] or "")[:LONGEST_LICENCE] or None, files)

    def carded(self) -> Listing:
        """The same, with the card that the repository has."""
        found = self.listing()
        size, _ = found.files.get(CARD, (CARD_BYTES + 1, None))
        if size > CARD_BYTES:
            return found
        card, _ = self.files([CARD], size, lambda _: None)[0]
        return replace(found, card=_plain(card.read_text("utf-8", "replace")))

    def parts(self, wanted: Sequence[tuple[str, int, Path]]) -> None:
        """Bring the telling parts of files, of so many bytes, to those places; raises NoDownload."""
        self._say(parts=[(file, size, str(place)) for file, size, place in wanted])
        for file, _, _ in wanted:
            self._asked = file
            self._hear(STILL_SECONDS)

    def files(self, names: list[str], size: int, told: Callable[[Progress], None]) -> list[tuple[Path, str]]:
        """Paths and SHA-256 of files, downloaded now; raises NoDownload where that is too slow."""
        self._asked = names[0]
        self._say(files=names)
        pace = Pace(size)
        come: list[tuple[Path, str]] = []
        while len(come) < len(names):
            line = self._hear(STILL_SECONDS + size / HASH_SPEED if pace.done >= size else STILL_SECONDS)
            if "file" in line:
                come.append((Path(line["path"]), line["sha256"]))
            elif not come:  # the settings beside it are too small to be told of
                pace.note(line["bytes"])
                told(Progress(line["bytes"], size))
                if pace.slow():
                    raise NoDownload(
                        f"{quote(name_of(self._source))} comes at {pace.speed / 1000:.0f} kB a second, which is too slow; "
                        "try again later, or on another network."
                    )
        return come

    def _say(self, **line: object) -> None:
        try:
            if self._child.stdin:
                print(json.dumps(line), file=self._child.stdin, flush=True)
        except OSError:  # it has ended, and its last line says why
            pass

    def _read(self) -> None:
        for line in self._child.stdout or ():
            with suppress(ValueError):  # its end may have cut the line
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def _hear(self, seconds: float) -> dict[str, Any]:
        """The child's next line; raises NoDownload where it says so, says nothing, or is to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._stopped.is_set():
                raise NoDownload(f"The download of {quote(name_of(self._source))} was stopped; start it again when you like.")
            try:
                line = self._lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if line is None or "failed" in line:
                raise failure(line or {"failed": "ended"}, self._source, self._asked)
            return line
        raise failure({"failed": "silent"}, self._source, self._asked)


class Pace:
    """How fast bytes come: `slow` over the last seconds, or so slow over all that nobody should wait."""

    def __init__(self, size: int):
        self.done = 0
        self.speed = 0.0
        self._deadline = time.monotonic() + 2 * SLOW_SECONDS + size / LEAST_SPEED
        self._marks: list[tuple[float, int]] = []

    def note(self, done: int) -> None:
        now = time.monotonic()
        if done < self.done:  # begun anew
            self._marks.clear()
        self.done = done
        if not self._marks or now - self._marks[-1][0] > SLOW_SECONDS / 10:
            self._marks = [*self._marks[-10:], (now, done)]
        since, before = self._marks[0]
        self.speed = (done - before) / max(now - since, 1e-3)

    def slow(self) -> bool:
        now = time.monotonic()
        return now > self._deadline or (now - self._marks[0][0] >= SLOW_SECONDS and self.speed < SLOW_SPEED)
