"""Many small pictures at once, for strips, tables, children and maps: `/live/cells`, under the live channel's tokens."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, GenartError, quote
from genart.export import screen
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.ui.live import Live
from genart.ui.messages import framed, parsed, told

if TYPE_CHECKING:
    from genart.studio import Studio

MAX_CELLS = 32
MAX_SIDE = 256
ENLARGING = ("upscale", "enlarge", "blocks")  # finishing steps that a small picture does without


class Cells:
    """The route. A request holds `recipes`, at most MAX_CELLS, and the longest side a picture may have."""

    def __init__(self, live: Live):
        self._live = live

    def routes(self) -> list[BaseRoute]:
        return [Route("/live/cells", self.cells, methods=["POST"])]

    async def cells(self, request: Request) -> Response:
        """One frame: the head lists each picture's kind, size and bytes, or its error; then the pictures, end to end."""

        async def work(visitor: str, body: bytes) -> Response:
            message = parsed(body, MAX_CHARACTERS * 4)
            wanted, side = message.get("recipes"), message.get("side", 64)
            if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_CELLS:
                raise BadRecipe(f"recipes {quote(wanted)} are no list of 1 to {MAX_CELLS} recipes; send fewer at once.")
            if isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= MAX_SIDE:
                raise BadRecipe(f"side {quote(side)} is out of range; use a whole number from 8 to {MAX_SIDE}.")
            studio = await self._live.studio()
            made = await run_in_threadpool(lambda: list(drawn(studio, wanted, side)))
            data = framed({"seq": None, "cells": [head for head, _ in made]}, b"".join(picture for _, picture in made))
            return Response(data, media_type="application/octet-stream")

        return await self._live.answer(request, MAX_CHARACTERS * 4, work)


def drawn(studio: "Studio", wanted: list[Any], side: int) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Head and picture of each recipe, in order; one that cannot be made costs the others nothing."""
    for each in wanted:
        try:
            recipe = small(Recipe.from_dict(each))
            pixels = shrunk(studio.render(recipe, size=side), side)
        except GenartError as error:
            yield told(error), b""
            continue
        kind, data = screen(pixels)
        yield {"kind": kind, "width": pixels.shape[1], "height": pixels.shape[0], "bytes": len(data)}, data


def small(recipe: Recipe) -> Recipe:
    """The recipe without the steps that only make its picture larger."""
    return replace(recipe, finish=tuple(step for step in recipe.finish if step.name not in ENLARGING))


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 3) with no side above `side`."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    height, width = (max(1, round(length * side / longest)) for length in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))
