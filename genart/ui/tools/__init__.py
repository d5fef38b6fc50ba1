"""What the hand can do with the picture: one file a tool, each laid out beside the stage."""

from typing import Callable

from genart.ui.page import Page
from genart.ui.tools import breed, keep, map, mix, steer

__all__ = ["TOOLS"]

TOOLS: dict[str, Callable[[Page], None]] = {
    "steer": steer.tool,
    "mix": mix.tool,
    "breed": breed.tool,
    "map": map.tool,
    "keep": keep.tool,
}
