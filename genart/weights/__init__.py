"""From a weights file to a generator: read safely, verify, recognise the family, build."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Container, Mapping

import torch

from genart.catalogue import ENTRIES, Entry, own_entry
from genart.errors import BadWeights, quote
from genart.families import FAMILIES
from genart.families.base import Config, Family, Generator, Shapes
from genart.weights.foreign import converted, kept
from genart.weights.read import header_of, read_tensors, rewrite, sha256_of
from genart.weights.screen import kind_of

__all__ = ["Loaded", "load", "load_file", "open_checkpoint", "recognise", "save_as"]

MAX_SIDE = 4096
MAX_CONFIG = 2**20
# What torch raises for tensors whose shapes cannot follow one another.
MISFITS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generator with the family it was recognised as and the SHA-256 of its weights."""

    generator: Generator
    family: Family
    sha256: str


def load(entry: Entry) -> Loaded:
    """The generator of a catalogue entry; raises BadWeights if the file is not the recorded one."""
    loaded = load_file(entry.path)
    if entry.sha256 not in (None, loaded.sha256):
        raise BadWeights(f"The weights file {entry.path.name!r} is not the one recorded in the catalogue; fetch it again.")
    return loaded


def load_file(path: Path) -> Loaded:
    """The generator in a checkpoint of any kind that can be read, its family read off the names and shapes."""
    file, sha256 = readable(path)
    try:
        family = recognise(header_of(file, path.name).shapes, path.name)  # before anything large is read
        state, metadata = read_tensors(file, path.name)
        generator = family(state, config_of(path, metadata))
        _try(generator, path.name)
    except MISFITS as error:
        reason = quote(str(error).split("\n")[0], 120)
        raise BadWeights(f"The tensors in {path.name!r} do not fit together ({reason}); choose another file.") from None
    return Loaded(generator, family, sha256)


def open_checkpoint(path: Path, *, keep: bool = False, taken: Container[str] = ENTRIES) -> Entry:
    """The entry of a checkpoint that a person opened, converted now if it has to be, of a name that is not `taken`.

    With `keep` the entry is that of a copy in the cache, for a file that its folder will lose, such as
    an upload. Raises BadWeights for a file that cannot be read or is of no known family.
    """
    file, sha256 = readable(path)
    header = header_of(file, path.name)
    family = recognise(header.shapes, path.name)
    licence = config_of(path, header.metadata).get("licence")
    entry = own_entry(kept(path, sha256) if keep else path)
    name = "".join(letter for letter in entry.name if letter.isprintable())[:100]
    name = name if name and name not in taken else f"{name}-{sha256[:6]}"
    return replace(entry, name=name, kind=family.kind, licence=str(licence or entry.licence))


def readable(path: Path) -> tuple[Path, str]:
    """The safetensors file to read for a checkpoint, a converted copy if it is none itself, and the SHA-256 of the original."""
    kind = kind_of(path)
    sha256 = sha256_of(path)
    return (path if kind == "safetensors" else converted(path, kind, sha256)), sha256


def save_as(path: Path, out: Path) -> None:
    """Write the generator of a checkpoint to `out` as safetensors, with all that was read of its settings."""
    file, _ = readable(path)
    header = header_of(file, path.name)
    recognise(header.shapes, path.name)
    metadata = {**header.metadata, "genart": json.dumps(config_of(path, header.metadata))}
    rewrite(file, out, metadata)


def _try(generator: Generator, name: str) -> None:
    """One small picture, so that a file with gaps is refused now and not when somebody draws."""
    space = generator.space
    if not 1 <= space.image_size <= MAX_SIDE:
        raise BadWeights(
            f"The weights in {name!r} draw {space.image_size} pixels a side; a generator here draws 1 to {MAX_SIDE}."
        )
    with torch.inference_mode():
        generator.synthesis(generator.mapping(torch.zeros(1, space.z_dim)), size=space.sizes[0])


def recognise(shapes: Shapes, name: str) -> Family:
    """The family with tensors of these names and shapes; raises BadWeights that lists what would be recognised."""
    for family in FAMILIES.values():
        if family.recognises(shapes):
            return family
    titles = ", ".join(family.title for family in FAMILIES.values())
    raise BadWeights(f"The weights in {name!r} belong to no family known here; known are {titles}.")


def config_of(path: Path, metadata: Mapping[str, str]) -> Config:
    """What weights cannot say: from the file's own metadata, and before that from a config.json beside it."""
    return {**_settings(_text(path.with_name("config.json"))), **_settings(metadata.get("genart", ""))}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8") if path.is_file() and path.stat().st_size <= MAX_CONFIG else ""
    except (OSError, ValueError):
        return ""


def _settings(text: str) -> dict[str, object]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}
