"""Recipes become files, and files become recipes again."""

from typing import TYPE_CHECKING, Callable, Sequence

from genart.errors import BadRecipe
from genart.export.live import screen
from genart.export.picture import pixels_of
from genart.export.png import png, recipes_of, size_of
from genart.export.sheet import contact_sheet
from genart.recipe import Recipe

if TYPE_CHECKING:  # the studio needs torch, and the page is up before torch is
    from genart.studio import Studio

__all__ = ["EXPORTERS", "pixels_of", "recipes_of", "remade", "save_png", "save_sheet", "screen"]

MAX_SHEET = 80 * 10**6  # pixels; image programs, Pillow among them, warn of a bomb from 89 million


def save_png(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None) -> bytes:
    """The picture of one recipe as PNG bytes with the recipe inside."""
    (recipe,) = recipes
    recipe = studio.stamped(recipe)
    return png(studio.render(recipe, size=size), recipe, studio.entries[recipe.model].credit, size)


def save_sheet(studio: "Studio", recipes: Sequence[Recipe], *, size: int | None = None) -> bytes:
    """The pictures of all recipes on one contact sheet, as PNG bytes with the recipes inside."""
    stamped = [studio.stamped(recipe) for recipe in recipes]
    height, width = studio.render(stamped[0], size=size).shape[:2]
    if height * width * len(stamped) > MAX_SHEET:
        raise BadRecipe(f"{len(stamped)} pictures of {width} x {height} make too large a sheet; ask for fewer, or for a folder.")
    credits = dict.fromkeys(studio.entries[recipe.model].credit for recipe in stamped)
    return png(contact_sheet(list(studio.render_many(stamped, size=size))), stamped, "; ".join(credits), size)


def remade(studio: "Studio", data: bytes) -> bool:
    """Whether rendering a file's recipes again gives the same bytes."""
    recipes = recipes_of(data)
    exporter = save_png if len(recipes) == 1 else save_sheet
    for recipe in recipes:
        if recipe.weights not in (None, studio.stamped(recipe).weights):
            raise BadRecipe(f"The picture was made with other weights of {recipe.model!r}; it cannot be remade exactly.")
    return exporter(studio, recipes, size=size_of(data)) == data


EXPORTERS: dict[str, Callable[..., bytes]] = {
    "png": save_png,
    "sheet": save_sheet,
}
