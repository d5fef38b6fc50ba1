"""Contact sheets of chosen pictures, and the recipes of any file made here: `/live/sheet` and `/live/recipes`."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.export import recipes_of
from genart.export.notes import of_recipes
from genart.export.png import png
from genart.export.sheet import contact_sheet
from genart.export.sign import signed
from genart.limits import MAX_FILE
from genart.recipe import Recipe
from genart.ui.cells import listed, picture_of
from genart.ui.live import Live, OneEach
from genart.ui.messages import parsed

if TYPE_CHECKING:
    from genart.studio import Studio

MAX_PICTURES = 100
AT_ONCE = 4  # sheets that are drawn, each for another visitor: each holds its pictures
SIDE = 256  # where synthesis may stop: 100 pictures of it are 6.5 million pixels
MAX_REQUEST = 8 * 2**20  # 100 recipes, some of them with stored latents


class Sheets:
    """The routes. A request for a sheet holds `recipes`, at most MAX_PICTURES."""

    def __init__(self, live: Live):
        self._live = live
        self._room = asyncio.Semaphore(AT_ONCE)
        self._each = OneEach()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/live/sheet", self.sheet, methods=["POST"]),
            Route("/live/recipes", self.recipes, methods=["POST"]),
        ]

    async def sheet(self, request: Request) -> Response:
        """All pictures on one sheet, a PNG with the recipes inside; drawn no further once the visitor has gone."""

        async def work(visitor: str, body: bytes) -> Response:
            recipes = await run_in_threadpool(_asked, body)
            studio = await self._live.studio()
            pictures = []
            async with self._each.turn(visitor), self._room:
                for recipe in recipes:
                    if await request.is_disconnected():
                        return Response(status_code=499)
                    pictures.append(await run_in_threadpool(picture_of, studio, recipe, SIDE))
                return Response(await self._live.heavy(_packed, studio, recipes, pictures), media_type="image/png")

        return await self._live.answer(request, MAX_REQUEST, work)

    async def recipes(self, request: Request) -> Response:
        """All recipes inside a file made here: one of a picture, many of a sheet, those of a film's keys."""

        async def work(_: str, body: bytes) -> Response:
            found = await run_in_threadpool(recipes_of, body)
            return JSONResponse({"recipes": [json.loads(recipe.to_json()) for recipe in found]})

        return await self._live.answer(request, MAX_FILE, work)


def _asked(body: bytes) -> list[Recipe]:
    return [Recipe.from_dict(each) for each in listed(parsed(body, MAX_REQUEST), MAX_PICTURES)]


def _packed(studio: "Studio", recipes: list[Recipe], pictures: list[Any]) -> bytes:
    return signed(png(contact_sheet(pictures), of_recipes(studio, recipes), SIDE), "sheet")
