"""Many small pictures at once, for strips, tables, children and maps: `/live/cells`, under the live channel's tokens."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, GenartError, quote
from genart.export import screen
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.ui.live import Live, OneEach
from genart.ui.messages import framed, parsed, told

if TYPE_CHECKING:
    from genart.studio import Studio

MAX_CELLS = 32
AT_ONCE = 4  # requests that are drawn
MAX_SIDE = 256
MAX_REQUEST = 4 * MAX_CHARACTERS
ENLARGING = ("upscale", "enlarge", "blocks")  # finishing steps that a small picture does without


class Cells:
    """The route. A request holds `recipes`, at most MAX_CELLS, and the longest side a picture may have."""

    def __init__(self, live: Live):
        self._live = live
        self._room = asyncio.Semaphore(AT_ONCE)
        self._one = OneEach()

    def routes(self) -> list[BaseRoute]:
        return [Route("/live/cells", self.cells, methods=["POST"])]

    async def cells(self, request: Request) -> Response:
        """One frame: the head lists each picture's kind, size and bytes, or its error; then the pictures, end to end."""

        async def work(visitor: str, body: bytes) -> Response:
            message = parsed(body, MAX_REQUEST)
            wanted, side = listed(message, MAX_CELLS), message.get("side", 64)
            if isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= MAX_SIDE:
                raise BadRecipe(f"side {quote(side)} is out of range; use a whole number from 8 to {MAX_SIDE}.")
            studio = await self._live.studio()
            made = []
            async with self._one.turn(visitor), self._room:
                for each in wanted:
                    if await request.is_disconnected():
                        return Response(status_code=499)
                    made.append(await run_in_threadpool(drawn, studio, each, side))
            data = framed({"seq": None, "cells": [head for head, _ in made]}, b"".join(picture for _, picture in made))
            return Response(data, media_type="application/octet-stream")

        return await self._live.answer(request, MAX_REQUEST, work)


def listed(message: dict[str, Any], most: int) -> list[Any]:
    """The recipes of a request, not yet read."""
    wanted = message.get("recipes")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= most:
        raise BadRecipe(f"recipes {quote(wanted)} are no list of 1 to {most} recipes; send fewer at once.")
    return wanted


def drawn(studio: "Studio", wanted: Any, side: int) -> tuple[dict[str, Any], bytes]:
    """Head and picture of a recipe; one that cannot be made costs the others nothing."""
    try:
        pixels = picture_of(studio, Recipe.from_dict(wanted), side)
    except GenartError as error:
        return told(error), b""
    kind, data = screen(pixels)
    return {"kind": kind, "width": pixels.shape[1], "height": pixels.shape[0], "bytes": len(data)}, data


def picture_of(studio: "Studio", recipe: Recipe, side: int) -> np.ndarray:
    """uint8 (H, W, 3), no side above `side`, whatever the recipe's own steps would make of it."""
    return shrunk(studio.render(small(recipe), size=side), side)


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
