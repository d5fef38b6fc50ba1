"""What every tab is given: the models to show, the live channel, the studio, the mode."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Mapping

from genart.catalogue import Entry
from genart.ui.live import Live
from genart.ui.shelf import Shelf

if TYPE_CHECKING:
    from genart.studio import Studio


@dataclass(frozen=True, slots=True)
class Page:
    """`first` is the model that a visit begins with, `seed` its seed; None for one of its starting points."""

    entries: Mapping[str, Entry]
    live: Live
    shelf: Shelf
    studio: "Callable[[], Studio]"
    public: bool
    first: str
    seed: int | None
