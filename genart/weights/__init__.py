"""From a weights file to a generator: read safely, verify, recognise the family, build."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

import torch
from torch import Tensor

from genart.catalogue import Entry
from genart.errors import BadWeights, quote
from genart.families import FAMILIES
from genart.families.base import Config, Family, Generator
from genart.weights.read import read_tensors, sha256_of

__all__ = ["Loaded", "load", "load_file", "recognise"]

MAX_SIDE = 4096
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
