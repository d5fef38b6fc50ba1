"""What a checkpoint is, told from the parts of it that say so: its numbers need not be there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from genart.errors import BadWeights
from genart.families.base import Config, Family, Space
from genart.weights import MISFITS, config_of, outline, recognise
from genart.weights.foreign import outlines
from genart.weights.read import Header, header_of
from genart.weights.screen import UNREADABLE, kind_of


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A checkpoint of a known family: `header` is that of its generator, and `settings` what weights cannot say."""

    family: Family
    header: Header
    settings: Config

    def space(self) -> Space | None:
        """The latent space, where shapes and settings are enough to tell."""
        try:
            return outline(self.family, self.header.shapes, self.settings).space
        except (BadWeights, *MISFITS):
            return None


def glimpses(files: Mapping[str, Path]) -> dict[str, Glimpse | BadWeights | None]:
    """What each file is, by name: BadWeights for one that would be refused, None for one whose parts do not tell."""
    kinds = {name: _kind(path) for name, path in files.items()}
    foreign = {name: (files[name], kind) for name, kind in kinds.items() if kind in ("torch", "legacy")}
    headers = dict(zip(foreign, outlines([(path, str(kind)) for path, kind in foreign.values()]), strict=True))
    return {name: _glimpse(path, kinds[name], headers.get(name)) for name, path in files.items()}


def _kind(path: Path) -> str | BadWeights:
    """As `kind_of`; "" for a pickle that ends where nothing was fetched."""
    try:
        return kind_of(path)
    except BadWeights as error:
        return "" if isinstance(error.__cause__, UNREADABLE) else error


def _glimpse(path: Path, kind: str | BadWeights, header: Header | BadWeights | None) -> Glimpse | BadWeights | None:
    if isinstance(kind, BadWeights):
        return kind
    try:
        header = header_of(path) if kind == "safetensors" else header
        if not isinstance(header, Header):
            return header
        return Glimpse(recognise(header.shapes, path.name), header, config_of(path, header))
    except BadWeights as error:
        return error
