"""Pieces of HTML that every tab is laid out from, their texts from the table of words."""

import json
from html import escape
from typing import Iterable

from genart.ui.words import word

# 24 x 24 outlines, drawn for genart.
ICONS = {
    "dice": "M4 4h16v16H4z M8.5 8.5h.01 M15.5 8.5h.01 M12 12h.01 M8.5 15.5h.01 M15.5 15.5h.01",
    "recycle": "M4 12a8 8 0 1 0 3-6.2 M4 4v4.5h4.5",
    "undo": "M9 7L4 12l5 5 M4 12h10a6 6 0 0 1 6 6",
    "redo": "M15 7l5 5-5 5 M20 12H10a6 6 0 0 0-6 6",
    "compare": "M12 3v18 M4 6h5v12H4z M15 6h5v12h-5z",
    "drift": "M3 9c3-4 6-4 9 0s6 4 9 0 M3 16c3-4 6-4 9 0s6 4 9 0",
    "reset": "M4 7h9 M17 7h3 M4 17h3 M11 17h9 M15 5v4 M9 15v4",
    "link": "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1 M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
    "qr": "M4 4h6v6H4z M14 4h6v6h-6z M4 14h6v6H4z M14 14h2v2h-2z M18 14h2 M14 20h2 M20 18v2 M18 18h.01",
    "keep": "M12 20S4 15 4 9a4 4 0 0 1 8-1.5A4 4 0 0 1 20 9c0 6-8 11-8 11z",
    "save": "M12 4v11 M7 11l5 5 5-5 M5 20h14",
    "open": "M12 16V5 M7 9l5-5 5 5 M5 20h14",
    "film": "M4 5h16v14H4z M8 5v14 M16 5v14 M4 9h4 M4 15h4 M16 9h4 M16 15h4",
    "sheet": "M4 4h7v7H4z M13 4h7v7h-7z M4 13h7v7H4z M13 13h7v7h-7z",
    "full": "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
    "more": "M6 9l6 6 6-6",
    "theme": "M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z",
    "play": "M7 4l13 8-13 8z",
    "pause": "M8 5v14 M16 5v14",
    "loop": "M17 3l4 4-4 4 M3 11V9a2 2 0 0 1 2-2h16 M7 21l-4-4 4-4 M21 13v2a2 2 0 0 1-2 2H3",
    "key": "M12 3l7 9-7 9-7-9z",
    "spline": "M3 18C8 18 8 6 12 6s4 12 9 12",
    "even": "M4 12h16 M4 8v8 M9.3 9v6 M14.7 9v6 M20 8v8",
    "onion": "M4 4h10v10H4z M10 10h10v10H10z",
    "export": "M4 5h16v14H4z M8 5v14 M16 5v14 M4 9h4 M4 15h4 M16 9h4 M16 15h4",
    "close": "M6 6l12 12 M18 6L6 18",
    "earlier": "M14 6l-6 6 6 6",
    "later": "M10 6l6 6-6 6",
    "update": "M4 12a8 8 0 1 0 3-6.2 M4 4v4.5h4.5",
    "map-draw": "M5 19l1-4L16 5l3 3L9 18z M14 7l3 3",
    "map-in": "M12 5v14 M5 12h14",
    "map-out": "M5 12h14",
    "map-fit": "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
    "up": "M7 11v9H4v-9z M7 11l4-7c2 0 2.5 1.5 2 3l-.7 3H18a2 2 0 0 1 2 2.4l-1.2 6A2 2 0 0 1 16.8 20H7",
    "down": "M17 13V4h3v9z M17 13l-4 7c-2 0-2.5-1.5-2-3l.7-3H6a2 2 0 0 1-2-2.4l1.2-6A2 2 0 0 1 7.2 4H17",
    "add": "M12 5v14 M5 12h14",
    "minus": "M5 12h14",
    "pin": "M9 4h6l-1 7 3 3H7l3-3z M12 14v6",
    "branch": "M12 4v6 M12 10c0 5-6 3-6 9 M12 10c0 5 6 3 6 9",
    "sound": "M9 18V6l10-2v12 M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z M19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
    "delete": "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
}


def text(key: str, **values: object) -> str:
    """The end of an opening tag and its text, so that the browser can change the language."""
    return f'data-word="{key}"{_values(values)}>{escape(word(key).format(**values) if values else word(key))}'


def title(key: str) -> str:
    """The tooltip of a tag."""
    return f'data-word-title="{key}" title="{escape(word(key))}"'


def label(key: str) -> str:
    """What a tag without text is called by a screen reader."""
    return f'data-word-label="{key}" aria-label="{escape(word(key))}"'


def select(name: str, words: str, values: Iterable[str]) -> str:
    """A menu of id `name`; the text of each value is the word `words.value`."""
    options = "".join(f'<option value="{value}" {text(f"{words}.{value}")}</option>' for value in values)
    return f'<select id="{name}">{options}</select>'


def icon(name: str) -> str:
    """An outline of the table, in a square of 24."""
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'


def action(name: str, *, shown: bool = True) -> str:
    """A button of the desk; `static/explore.js` knows what `name` does."""
    about = f"{title(f'action.{name}.tip')} {label(f'action.{name}')}"
    words = f"<span {text(f'action.{name}')}</span>" if shown else ""
    return f'<button type="button" data-action="{name}" {about}>{icon(name)}{words}</button>'


def _values(values: dict[str, object]) -> str:
    return f" data-word-values='{json.dumps(values)}'" if values else ""
