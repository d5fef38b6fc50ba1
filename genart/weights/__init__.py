"""From a weights file to a generator: read safely, verify, recognise the family, build."""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Container, Mapping

import numpy as np
import torch
from torch import Tensor

from genart.catalogue import ENTRIES, Entry, own_entry
from genart.errors import BadWeights, printable, quote
from genart.families import FAMILIES
from genart.families.base import Config, Family, Generator, Shapes, Space
from genart.families.ops import choices_of
from genart.families.pictures import DRAWINGS, PictureLatents
from genart.hub.cache import sha256_once, take_away
from genart.recipe import Noise
from genart.weights.cost import Counted
from genart.weights.foreign import converted, kept
from genart.weights.read import Header, header_of, read_tensors, rewrite, sha256_of
from genart.weights.screen import kind_of

__all__ = ["Loaded", "identified", "load", "load_file", "open_checkpoint", "recognise", "save_as"]

MAX_SIDE = 4096
MAX_Z = 2**15
# What drawing may take: bytes alive at once beside the weights, multiply-adds, operations.
OPENING = 400 * 2**20, 1_600_000_000_000, 12_000
PICTURE = 4 * 2**30, 6_500_000_000_000, 60_000
MAX_CONFIG = 2**20
MAX_PART_NAME = 40
# What torch raises for tensors whose shapes cannot follow one another.
MISFITS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AssertionError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generator, the family it was recognised as, the SHA-256 of its weights, and the directions that came with it.

    Where z is cut into parts of a picture, `parts` are these in order.
    """

    generator: Generator
    family: Family
    sha256: str
    directions: Mapping[str, Tensor] = field(default_factory=dict)
    parts: "tuple[Part, ...]" = ()


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """What a few numbers of z choose: the one of K things whose row of codes @ z + weights is highest, in each class.

    `codes` (classes, K, d), `weights` (classes, K); a class that lacks a thing gives it a weight far below the others.
    """

    name: str
    codes: np.ndarray
    weights: np.ndarray


def load(entry: Entry) -> Loaded:
    """The generator of a catalogue entry; raises BadWeights if the file is not the recorded one."""
    if entry.source and entry.path.is_file() and entry.sha256 not in (None, sha256_once(entry.path)):
        take_away(entry.source, damaged=True)  # before anything of it is read
        raise _not_recorded(entry)
    loaded = load_file(entry.path, None if entry.source else entry.sha256)  # of a file that comes from elsewhere nobody knows
    if entry.sha256 not in (None, loaded.sha256):
        raise _not_recorded(entry)
    return replace(loaded, directions=_directions(entry.directions, loaded.generator.space))


def _not_recorded(entry: Entry) -> BadWeights:
    return BadWeights(f"The weights file {entry.path.name!r} is not the one recorded in the catalogue; fetch it again.")


def load_file(path: Path, recorded: str | None = None) -> Loaded:
    """The generator in a checkpoint of any kind that can be read, its family read off the names and shapes.

    What its pictures take is not counted for a file whose SHA-256 is the `recorded` one.
    """
    file, sha256 = readable(path)
    header = header_of(file, path.name)
    family = recognise(header.shapes, path.name)  # before anything large is read
    config = config_of(path, header)
    if sha256 != recorded:
        space_of(family, header.shapes, config, path.name)
    try:
        generator = family(read_tensors(file, path.name), config)
        _try(generator)
    except MISFITS as error:
        raise _misfit(error, path.name) from None
    return Loaded(generator, family, sha256, parts=_parts(config.get("parts"), generator))


def open_checkpoint(path: Path, *, keep: bool = False, taken: Container[str] = ENTRIES) -> Entry:
    """The entry of a checkpoint that a person opened, converted now if it has to be, of a name that is not `taken`.

    With `keep` the entry is that of a copy in the cache, for a file that its folder will lose, such as
    an upload. Raises BadWeights for a file that cannot be read or is of no known family.
    """
    file, sha256 = readable(path)
    header = header_of(file, path.name)
    family = recognise(header.shapes, path.name)
    licence = config_of(path, header).get("licence")
    entry = own_entry(kept(path, sha256) if keep else path)
    name = printable(entry.name)[:100]
    name = name if name and name not in taken else f"{name}-{sha256[:6]}"
    return replace(entry, name=name, kind=family.kind, family=_name_of(family), licence=printable(licence or entry.licence)[:200])


def identified(entry: Entry) -> Entry:
    """An entry of the Hub with the kind and the family that its file turns out to be; converted now if it has to be.

    Raises BadWeights for a file that cannot be read or is of no known family.
    """
    file, _ = readable(entry.path)
    family = recognise(header_of(file, entry.path.name).shapes, entry.path.name)
    return replace(entry, kind=family.kind, family=_name_of(family))


def _name_of(family: Family) -> str:
    return next(name for name, each in FAMILIES.items() if each is family)


def readable(path: Path) -> tuple[Path, str]:
    """The safetensors file to read for a checkpoint, a converted copy if it is none itself, and the SHA-256 of the original."""
    try:
        kind = kind_of(path)
        sha256 = sha256_of(path)
        return (path if kind == "safetensors" else converted(path, kind, sha256)), sha256
    except OSError as error:
        raise BadWeights(f"The file {path.name!r} cannot be read as weights ({error.strerror}); download it again.") from None


def save_as(path: Path, out: Path) -> None:
    """Write the generator of a checkpoint to `out` as safetensors, with all that was read of its settings."""
    file, _ = readable(path)
    header = header_of(file, path.name)
    recognise(header.shapes, path.name)
    metadata = {**header.metadata, "genart": json.dumps(config_of(path, header))}
    rewrite(file, out, metadata)


def outline(family: Family, shapes: Shapes, config: Config) -> Generator:
    """The generator of weights of which only the shapes are known: no numbers, no memory."""
    with torch.device("meta"):
        return family({name: torch.empty(shape) for name, shape in shapes.items()}, config)


def space_of(family: Family, shapes: Shapes, config: Config, name: str) -> Space:
    """The latent space of weights of which only the shapes are known.

    Raises BadWeights where they do not fit together, and for a network that is vast however small its
    file is. Its smallest picture is drawn when it is opened, the whole one when somebody asks for it.
    """
    try:
        generator = outline(family, shapes, config)
        space = generator.space
        _check_space(space, name)
        weights = 4 * sum(math.prod(shape) for shape in shapes.values())
        with torch.inference_mode(), torch.device("meta"):
            w = torch.empty(1, space.num_ws, space.w_dim)
            with Counted(name, OPENING[0] + 2 * weights, *OPENING[1:]):
                generator.synthesis(w, Noise("none"), space.sizes[0])
                if isinstance(generator, PictureLatents) and space.has_encoder:
                    picture = torch.empty(1, space.channels, space.image_size, space.image_size)
                    for _ in DRAWINGS:  # which it looks at
                        generator.read(picture)
            with Counted(name, *PICTURE):
                generator.synthesis(w, Noise("none"))
    except MISFITS as error:
        raise _misfit(error, name) from None
    return space


def _check_space(space: Space, name: str) -> None:
    if not 1 <= space.image_size <= MAX_SIDE:
        raise BadWeights(
            f"The weights in {name!r} draw {space.image_size} pixels a side; a generator here draws 1 to {MAX_SIDE}."
        )
    if space.z_dim > MAX_Z:
        raise BadWeights(f"The weights in {name!r} read {space.z_dim} numbers of z; a generator here reads at most {MAX_Z}.")


def _misfit(error: Exception, name: str) -> BadWeights:
    reason = quote(str(error).split("\n")[0], 120)
    return BadWeights(f"The tensors in {name!r} do not fit together ({reason}); choose another file.")


def _directions(path: Path, space: Space) -> Mapping[str, Tensor]:
    """Named directions, name -> (w_dim,); none where there is no file."""
    if not path.is_file():
        return {}
    found = read_tensors(path, path.name)
    for name, direction in found.items():
        if direction.shape != (space.w_dim,):
            raise BadWeights(
                f"The direction {quote(name)} in {path.name!r} has shape {tuple(direction.shape)}; "
                f"this model takes {(space.w_dim,)}."
            )
    return found


def _try(generator: Generator) -> None:
    """One small picture, so that a file with gaps is refused now and not when somebody draws."""
    space = generator.space
    with torch.inference_mode():
        generator.synthesis(generator.mapping(torch.zeros(1, space.z_dim)), size=space.sizes[0])


def recognise(shapes: Shapes, name: str) -> Family:
    """The family with tensors of these names and shapes; raises BadWeights that lists what would be recognised."""
    for family in FAMILIES.values():
        if family.recognises(shapes):
            return family
    titles = ", ".join(family.title for family in FAMILIES.values())
    raise BadWeights(f"The weights in {name!r} belong to no family known here; known are {titles}.")


def config_of(path: Path, header: Header) -> Config:
    """What weights cannot say: from the file's own metadata, and before that from a config.json beside it."""
    beside, own = _text(path.with_name("config.json")), header.metadata.get("genart", "")
    return {**_settings(beside), **_settings(own), "ordered": header.ordered}


def _parts(said: object, generator: Generator) -> tuple[Part, ...]:
    """The parts of a picture that z is cut into, where the generator has such, with their names if the file tells fit ones."""
    choices = choices_of(generator)
    if len(choices) < 2:  # a single one is the whole picture
        return ()
    names = list(said) if isinstance(said, dict) and [*said.values()] == choices.dims else []
    if len({str(name)[:MAX_PART_NAME] for name in names}) < len(choices.dims) or not all(map(str.isprintable, names)):
        names = [f"part {number}" for number in range(1, len(choices.dims) + 1)]
    return tuple(
        Part(str(name)[:MAX_PART_NAME], part.get_buffer("weight").cpu().numpy(), part.get_buffer("bias").cpu().numpy())
        for name, part in zip(names, choices, strict=True)
    )


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
