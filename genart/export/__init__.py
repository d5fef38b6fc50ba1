"""Recipes and walks become files, and files become recipes and walks again."""

from typing import TYPE_CHECKING, Callable, Sequence

import numpy as np

from genart.errors import BadRecipe
from genart.export.encode import still
from genart.export.label import labelled
from genart.export.live import screen
from genart.export.notes import Notes, of_recipes, read_packet
from genart.export.picture import pixels_of
from genart.export.png import notes_of, png, size_of
from genart.export.sheet import contact_sheet
from genart.export.sign import MARK, signed
from genart.limits import MAX_FILE, MAX_SHEET
from genart.recipe import Recipe
from genart.walk import Walk

if TYPE_CHECKING:  # the studio needs torch, and the page is up before torch is
    from genart.studio import Studio

__all__ = [
    "EXPORTERS",
    "pixels_of",
    "read_notes",
    "recipes_of",
    "remade",
    "save_jpeg",
    "save_png",
    "save_sheet",
    "save_webp",
    "screen",
]

PNG = b"\x89PNG"


def save_png(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None, label: bool = False) -> bytes:
    """The picture of one recipe as PNG bytes with the recipe inside."""
    return signed(png(_picture(studio, recipes, size, label), of_recipes(studio, recipes), size), "png")


def save_jpeg(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None, label: bool = False) -> bytes:
    """The picture of one recipe as JPEG bytes with the recipe inside."""
    return signed(still(_picture(studio, recipes, size, label), of_recipes(studio, recipes), "jpeg"), "jpeg")


def save_webp(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None, label: bool = False) -> bytes:
    """The picture of one recipe as WebP bytes with the recipe inside."""
    return signed(still(_picture(studio, recipes, size, label), of_recipes(studio, recipes), "webp"), "webp")


def save_sheet(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None) -> bytes:
    """The pictures of all recipes on one contact sheet, as PNG bytes with the recipes inside."""
    height, width = studio.render(recipes[0], size=size).shape[:2]
    if height * width * len(recipes) > MAX_SHEET:
        raise BadRecipe(f"{len(recipes)} pictures of {width} x {height} make too large a sheet; ask for fewer, or for a folder.")
    return signed(png(contact_sheet(list(studio.render_many(recipes, size=size))), of_recipes(studio, recipes), size), "sheet")


def read_notes(data: bytes) -> Notes:
    """What a file made here says of itself, of whatever format; a walk's or a recipe's own JSON too. Raises BadRecipe."""
    if len(data) > MAX_FILE:
        raise BadRecipe(f"The file has {len(data) / 2**20:.0f} MB; a picture saved here has at most {MAX_FILE // 2**20} MB.")
    if data.lstrip()[:1] == b"{":
        text = data.decode(errors="replace")
        return Notes(walk=Walk.from_json(text)) if '"keys"' in text else Notes(recipes=(Recipe.from_json(text),))
    if data.startswith(PNG):
        return notes_of(data)
    notes = read_packet(data)
    if notes is None:
        raise BadRecipe("This file carries no genart recipe; it was saved by another program, or its notes were stripped.")
    return notes


def recipes_of(data: bytes) -> tuple[Recipe, ...]:
    """The recipe inside a picture made here, or the recipes of a contact sheet, in order; those of a film's keys."""
    notes = read_notes(data)
    return tuple(key.recipe for key in notes.walk.keys) if notes.walk else notes.recipes


def remade(studio: "Studio", data: bytes) -> bool:
    """Whether rendering a still's recipes again gives the same bytes; of a signed file, the same pixels."""
    recipes = recipes_of(data)
    for recipe in recipes:
        if recipe.weights not in (None, studio.stamped(recipe).weights):
            raise BadRecipe(f"The picture was made with other weights of {recipe.model!r}; it cannot be remade exactly.")
    if not data.startswith(PNG):
        exporter = save_jpeg if data.startswith(b"\xff\xd8") else save_webp
        return any(_same(exporter(studio, recipes, label=label), data) for label in (False, True))
    if len(recipes) > 1:
        return _same(save_sheet(studio, recipes, size=size_of(data)), data)
    return any(_same(save_png(studio, recipes, size=size_of(data), label=label), data) for label in (False, True))


def _same(made: bytes, data: bytes) -> bool:
    return made == data or (MARK in data and np.array_equal(pixels_of(made), pixels_of(data)))


def _picture(studio: "Studio", recipes: Sequence[Recipe], size: int | None, label: bool) -> np.ndarray:
    (recipe,) = recipes
    pixels = studio.render(recipe, size=size)
    return labelled(pixels) if label else pixels


EXPORTERS: dict[str, Callable[..., bytes]] = {
    "png": save_png,
    "jpeg": save_jpeg,
    "webp": save_webp,
    "sheet": save_sheet,
}
