"""What can be said of a checkpoint, and of the weights on this machine, without drawing a picture."""

import os
import shutil
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator

import torch

from genart.catalogue import ENTRIES, Source, entry_at
from genart.errors import BadWeights, printable
from genart.families.base import Family, Space
from genart.hub import cache, chosen, looked_into, offline
from genart.weights import config_of, readable, recognise, space_of
from genart.weights.foreign import copies, folder, opened
from genart.weights.glimpse import glimpses
from genart.weights.read import CONVERTED, Header, header_of, sha256_of

Line = tuple[str, str]
UNTOLD = "shows once the file is here, for a pickle tells it nowhere but among its numbers"
PACKAGES = ("torch", "gradio", "safetensors", "numpy", "pillow")


def inspected(path: Path) -> Iterator[Line]:
    """Names and values, in order to be printed; a safetensors file is read no further than its header.

    Raises BadWeights for a file of no kind or family that is known. One that is of a known family but
    cannot be built has a last line that says what is missing or left over.
    """
    file, sha256 = readable(path)
    header = header_of(file, path.name)
    family = recognise(header.shapes, path.name)
    settings = config_of(path, header)
    known = next((entry for entry in ENTRIES.values() if entry.sha256 == sha256), None)
    yield "file", path.name
    yield "SHA-256", sha256
    yield from _contents(family, header)
    yield "licence", known.licence if known else _shown(settings.get("licence")) or "unknown; ask whoever made the file"
    try:
        yield from _sizes(space_of(family, header.shapes, settings, path.name))
    except BadWeights as error:
        yield "cannot be used", str(error)


def inspected_afar(source: Source) -> Iterator[Line]:
    """The same of a file on the Hub, of which only the parts that tell are fetched; raises NoDownload too."""
    with TemporaryDirectory(prefix="genart-") as folder:
        listing, places = looked_into(source, Path(folder))
        file = chosen(source, listing)
        glimpse = glimpses(places).get(file)
    if isinstance(glimpse, BadWeights):
        raise glimpse
    size, sha256 = listing.files[file]
    yield "file", file
    yield "size", f"{size / 1e6:.1f} MB, not fetched"
    yield "SHA-256", sha256 or "not stated"
    if glimpse is None:
        yield "family", UNTOLD
    else:
        yield from _contents(glimpse.family, glimpse.header)
    stated = _shown(glimpse.settings.get("licence")) if glimpse else ""
    known = entry_at(replace(source, file=file))
    yield "licence", listing.licence or stated or (known.licence if known.title else "none stated")
    if glimpse:
        try:
            yield from _sizes(space_of(glimpse.family, glimpse.header.shapes, glimpse.settings, file))
        except BadWeights as error:
            yield "cannot be used", str(error)


def _contents(family: Family, header: Header) -> Iterator[Line]:
    numbers = sum(torch.Size(shape).numel() for shape in header.shapes.values())
    yield "family", family.title
    yield "kind", family.kind
    yield "tensors", f"{len(header.shapes)}, {numbers / 1e6:.3f} million numbers"
    if CONVERTED in header.metadata:
        yield "found under", _shown(header.metadata[CONVERTED]) or "no prefix"
        yield "left out", _shown(header.metadata.get("genart.left_out")) or "nothing"


def _shown(text: object) -> str:
    """What a file says of itself, no longer than a line or two."""
    return printable(text or "")[:200]


def _sizes(space: Space) -> Iterator[Line]:
    yield "picture", f"{space.image_size} px, {space.channels} channels"
    yield "z_dim", str(space.z_dim)
    yield "w_dim", str(space.w_dim)
    yield "num_ws", str(space.num_ws)
    yield "classes", str(space.num_classes or "none")
    features = {"mapping network": space.has_mapping, "noise": space.has_noise, "encoder": space.has_encoder}
    yield "has", ", ".join(name for name, there in features.items() if there) or "synthesis alone"


def health() -> Iterator[Line]:
    """Names and values that tell whether genart can work here, shipped weights and the cache included."""
    yield "python", sys.version.split()[0]
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "missing; run pip install -r requirements.txt"
    yield "threads", str(torch.get_num_threads())
    for entry in ENTRIES.values():
        yield f"weights {entry.name}", _state(entry.path, entry.sha256)
    yield from _cache()
    yield from _hub()


def _state(path: Path, sha256: str | None) -> str:
    if not path.is_file():
        return "missing; reinstall genart"
    return "as recorded" if sha256_of(path) == sha256 else "damaged; reinstall genart"


def _cache() -> Iterator[Line]:
    place = folder()
    yield "cache", str(place)
    uploads = [path for path in opened().rglob("*") if path.is_file()]
    if uploads:
        yield "kept uploads", f"{len(uploads)}, {sum(path.stat().st_size for path in uploads) / 1e6:.1f} MB in {opened()}"
    if not place.is_dir():
        yield "converted copies", "none yet"
        return
    yield "free space", f"{shutil.disk_usage(place).free / 1e9:.1f} GB"
    whole = 0
    for path, original, own in copies():
        if sha256_of(path) == own:
            whole += 1
        else:
            yield f"copy of {original[:12]}", "damaged; it will be made again when it is needed"
    files = [path for path in place.iterdir() if path.is_file()]
    yield "converted copies", f"{whole} whole, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB"
    stray = len(files) - sum(1 for _ in copies())
    if stray:
        yield "left behind", f"{stray} unfinished copies; the next conversion removes those older than a day"


def _hub() -> Iterator[Line]:
    yield "Hub", "switched off" if offline() else os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    yield "Hub token", "there is one" if os.environ.get("HF_TOKEN") or (cache.hub().parent / "token").is_file() else "none"
    yield "Hub cache", str(cache.hub())
    for record in cache.records():
        path = cache.held(Source(record.repo, record.file, record.asked))
        if path is None:
            state = "not here any more"
        else:
            state = "as recorded" if sha256_of(path) == record.sha256 else "damaged; it will be fetched again when it is opened"
        yield f"Hub {record.repo}", f"{record.file}, {record.size / 1e6:.1f} MB, {state}"
    stray = cache.strays()
    if stray:
        size = sum(path.stat().st_size for path in stray if path.exists())
        yield "Hub left behind", f"{len(stray)} unfinished or damaged files, {size / 1e6:.1f} MB; a download removes the old ones"
