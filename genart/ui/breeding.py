"""Children of recipes: `/live/breed`, under the live channel's tokens. Likes travel with the request; nothing is kept here."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, quote
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.ui.live import Live
from genart.ui.messages import parsed

if TYPE_CHECKING:
    from genart.studio import Studio

MAX_REQUEST = 4 * MAX_CHARACTERS
AT_ONCE = 2  # a taste of many thumbs keeps a processor busy for a while


class Breeding:
    """The route. A request holds `parents`, `settings`, a `seed`, and `likes`: recipe, thumb and round each."""

    def __init__(self, live: Live):
        self._live = live
        self._room = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[BaseRoute]:
        return [Route("/live/breed", self.breed, methods=["POST"])]

    async def breed(self, request: Request) -> Response:
        """Nine recipes, `{children}`."""

        async def work(_: str, body: bytes) -> Response:
            message = parsed(body, MAX_REQUEST)
            studio = await self._live.studio()
            async with self._room:
                return JSONResponse(await run_in_threadpool(bred, studio, message))

        return await self._live.answer(request, MAX_REQUEST, work)


def bred(studio: "Studio", message: dict[str, Any]) -> dict[str, Any]:
    """The children that a request asks for, as JSON."""
    from genart.breed import MAX_LIKES, MAX_PARENTS, Like, Settings, breed  # with torch, which the page's start does without

    parents = [Recipe.from_dict(one) for one in _listed(message.get("parents"), "parents")[: MAX_PARENTS + 1]]
    likes = []
    for one in _listed(message.get("likes", []), "likes")[: MAX_LIKES + 1]:
        if not isinstance(one, dict):
            raise BadRecipe(f"A like is a JSON object, not {quote(one)}.")
        likes.append(Like(Recipe.from_dict(one.get("recipe")), one.get("thumb", 0), one.get("round", 0)))
    children = breed(studio, parents, Settings.from_dict(message.get("settings", {})), message.get("seed", 0), likes)
    return {"children": [json.loads(child.to_json()) for child in children]}


def _listed(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRecipe(f"{name} {quote(value)} are no list; send a list.")
    return value
