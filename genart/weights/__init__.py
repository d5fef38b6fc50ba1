"""From a weights file to a generator: read safely, verify, recognise the family, build."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Mapping

import torch
from torch import Tensor

from genart.catalogue import Entry
from genart.errors import BadWeights, quote
from genart.families import FAMILIES
from genart.families.base import Config, Family, Generator, Space
from genart.weights.read import read_tensors, sha256_of

__all__ = ["Loaded", "load", "load_file", "recognise"]

MAX_SIDE = 4096
# What torch raises for tensors whose shapes cannot follow one another.
MISFITS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generator, the family it was recognised as, the SHA-256 of its weights, and the directions that came with it."""

    generator: Generator
    family: Family
    sha256: str
    directions: Mapping[str, Tensor] = field(default_factory=dict)


def load(entry: Entry) -> Loaded:
    """The generator of a catalogue entry; raises BadWeights if the file is not the recorded one."""
    loaded = load_file(entry.path)
    if entry.sha256 not in (None, loaded.sha256):
        raise BadWeights(f"The weights file {entry.path.name!r} is not the one recorded in the catalogue; fetch it again.")
    return replace(loaded, directions=_directions(entry.directions, loaded.generator.space))


def load_file(path: Path) -> Loaded:
    """The generator in a safetensors file, its family read off the names and shapes."""
    state, metadata = read_tensors(path)
    try:
        family = recognise(state, path.name)
        generator = family(state, _config(metadata))
        _try(generator, path.name)
    except MISFITS as error:
        reason = quote(str(error).split("\n")[0], 120)
        raise BadWeights(f"The tensors in {path.name!r} do not fit together ({reason}); choose another file.") from None
    return Loaded(generator, family, sha256_of(path))


def _directions(path: Path, space: Space) -> Mapping[str, Tensor]:
    """Named directions, name -> (w_dim,); none where there is no file."""
    if not path.is_file():
        return {}
    found, _ = read_tensors(path)
    for name, direction in found.items():
        if direction.shape != (space.w_dim,):
            raise BadWeights(
                f"The direction {quote(name)} in {path.name!r} has shape {tuple(direction.shape)}; "
                f"this model takes {(space.w_dim,)}."
            )
    return found


def _try(generator: Generator, name: str) -> None:
    """One small picture, so that a file with gaps is refused now and not when somebody draws."""
    space = generator.space
    if not 1 <= space.image_size <= MAX_SIDE:
        raise BadWeights(
            f"The weights in {name!r} draw {space.image_size} pixels a side; a generator here draws 1 to {MAX_SIDE}."
        )
    with torch.inference_mode():
        generator.synthesis(generator.mapping(torch.zeros(1, space.z_dim)), size=space.sizes[0])


def recognise(state: Mapping[str, Tensor], name: str) -> Family:
    """The family of a state dict; raises BadWeights that lists what would be recognised."""
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    for family in FAMILIES.values():
        if family.recognises(shapes):
            return family
    titles = ", ".join(family.title for family in FAMILIES.values())
    raise BadWeights(f"The weights in {name!r} belong to no family known here; known are {titles}.")


def _config(metadata: Mapping[str, str]) -> Config:
    try:
        config = json.loads(metadata.get("genart", "{}"))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}
