"""Every text on the screen, in English and Simplified Chinese: a table for each tool, and all of them in one.

The plain word comes first; the field's term stands behind `|` and is shown in small print.
"""

import re

from genart.ui.words import breed, directions, films, keep, maps, mix, models, page, stage, steer

TABLES = (page, stage, steer, directions, mix, breed, maps, keep, films, models)
WORDS = {key: texts for table in TABLES for key, texts in table.WORDS.items()}


def word(key: str, language: int = 0) -> str:
    """The text of a key; 0 is English, 1 Chinese."""
    return WORDS[key][language]


def in_both(text: str) -> tuple[str, str]:
    """What the catalogue says of a model's data, or of what to mind, in English and Chinese; names of repositories stay."""
    see, translated = (word("models.see", language) for language in (0, 1))
    parts = [text] if text in WORDS else text.split("; ")  # a model's data, and where more is said of it
    seen = [re.sub(see.format(r"(\S+)"), translated.format(r"\1"), part) for part in parts]
    return text, "；".join(word(part, 1) if part in WORDS else part for part in seen)
