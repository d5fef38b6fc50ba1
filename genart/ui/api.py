"""The public endpoints, for scripts and agents: the page's own function, by name and type."""

from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from genart.catalogue import Entry
from genart.errors import GenartError
from genart.export import save_png
from genart.recipe import Anchor, Recipe
from genart.ui.messages import describe
from genart.ui.page import Page


def endpoints(page: Page) -> None:
    """Add /render and /models inside an open gr.Blocks."""

    def render(
        model: str, seed: int = 0, psi: float | None = None, label: int | None = None, recipe: str | None = None
    ) -> gr.FileData:
        """Render one picture and return it as a PNG file that carries its recipe.

        Args:
            model: name of a model, as /models lists them.
            seed: whole number from 0 to 4294967295.
            psi: diversity (truncation psi), -2 to 2; 0 the mean picture, 1 no truncation, null the model's own.
            label: class index of a conditional model, or null.
            recipe: a whole recipe as JSON; the other arguments are then ignored.
        """
        try:
            if recipe:  # agents also send it as an object
                asked = Recipe.from_json(recipe) if isinstance(recipe, str) else Recipe.from_dict(recipe)
            else:
                asked = page.studio().entry(model).begin(Anchor(seed, label=label), psi)
            data = save_png(page.studio(), [asked])
        except GenartError as error:
            raise gr.Error(str(error), print_exception=False) from None
        name = f"{page.studio().entry(asked.model).plain_name}-seed{asked.anchors[0].seed:04d}.png"
        return gr.FileData(path=save_bytes_to_cache(data, name, get_upload_folder()), orig_name=name, mime_type="image/png")

    def models() -> list[dict[str, Any]]:
        """List the models: name, kind, family, size in pixels, latent dimensions, classes, licence, data.

        Those with `here` true can be rendered now; the others of the Hugging Face Hub are fetched in the tab
        Models. A model that cannot be loaded has an `error`.
        """
        return [described(entry) for entry in page.shelf.known().values()]

    def described(entry: Entry) -> dict[str, Any]:
        if entry.name not in page.shelf.entries:
            card = page.shelf.card(entry)
            return {name: card[name] for name in ("name", "kind", "family", "licence", "credit", "here")} | {"size": entry.pixels}
        try:
            return describe(page.studio(), entry.name) | {"here": True}
        except GenartError as error:
            return {"name": entry.name, "here": entry.path.is_file(), "error": str(error)}

    gr.api(render, api_name="render")
    gr.api(models, api_name="models")
