"""Every text on the screen, in English and Simplified Chinese: a table for each tool, and all of them in one.

The plain word comes first; the field's term stands behind `|` and is shown in small print.
"""

from genart.ui.words import breed, directions, films, keep, maps, mix, models, page, stage, steer

TABLES = (page, stage, steer, directions, mix, breed, maps, keep, films, models)
WORDS = {key: texts for table in TABLES for key, texts in table.WORDS.items()}


def word(key: str, language: int = 0) -> str:
    """The text of a key; 0 is English, 1 Chinese."""
    return WORDS[key][language]
