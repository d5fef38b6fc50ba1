"""Errors that a user can mend: one sentence that says what happened and what to do.

GenartError
├── BadRecipe      a recipe, or a file that should hold one, cannot be used
├── UnknownModel   no model of that name
├── BadWeights     a weights file is missing, damaged or of no known family
├── NoDownload     a file of the Hugging Face Hub could not be fetched
└── Refused        a good request that this server does not serve now
"""

from difflib import get_close_matches
from typing import Iterable


class GenartError(Exception):
    """What happened and what to do, in one sentence, fit to be shown to a visitor."""


class BadRecipe(GenartError):
    pass


class UnknownModel(GenartError):
    def __init__(self, name: str, known: Iterable[str]):
        known = list(known)
        near = get_close_matches(name, known, n=1)
        if near:
            super().__init__(f"There is no model named {quote(name)}; did you mean {near[0]!r}?")
        else:
            super().__init__(f"There is no model named {quote(name)}; choose one of {', '.join(known)}.")


class BadWeights(GenartError):
    pass


class NoDownload(GenartError):
    pass


class Expired(GenartError):
    pass


class Refused(GenartError):
    pass


def printable(text: object) -> str:
    """What a stranger wrote, on one line, without the letters that a terminal or a page would obey.

    Such are control characters and those that turn the direction of writing.
    """
    return "".join(" " if letter.isspace() else letter for letter in str(text) if letter.isprintable() or letter.isspace())


def quote(value: object, limit: int = 60) -> str:
    """The offending value as a reader may see it: short, on one line."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…" + (text[-1] if isinstance(value, str) else "")
