"""Directions over the live channel: told as they are found, learnt from pictures, saved and opened as files."""

from typing import TYPE_CHECKING, Any, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, quote
from genart.limits import MAX_DIRECTION
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.ui.live import Live
from genart.ui.messages import directions_of, parsed

if TYPE_CHECKING:
    from genart.studio import Studio

MAX_PICTURES = 100
MAX_REQUEST = MAX_CHARACTERS * 8


class Directions:
    """The routes. A request names its `model`; pictures are sent as their recipes."""

    def __init__(self, live: Live):
        self._live = live

    def routes(self) -> list[BaseRoute]:
        work = {"": found, "/learn": learnt, "/axes": axes, "/save": saved}
        told = [Route(f"/live/directions{name}", self._route(does), methods=["POST"]) for name, does in work.items()]
        return [*told, Route("/live/directions/open", self.open, methods=["POST"])]

    def _route(self, does: "Callable[[Studio, dict[str, Any]], Response]") -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            async def work(_: str, body: bytes) -> Response:
                return await run_in_threadpool(does, await self._live.studio(), parsed(body, MAX_REQUEST))

            return await self._live.answer(request, MAX_REQUEST, work)

        return answer

    async def open(self, request: Request) -> Response:
        """The direction in a file, the body, for `?model=NAME`: its name and its vector."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self._live.studio()
            name, vector = await run_in_threadpool(studio.open_direction, str(request.query_params.get("model")), body)
            return JSONResponse({"name": name, "vector": vector})

        return await self._live.answer(request, MAX_DIRECTION, work)


def found(studio: "Studio", message: dict[str, Any]) -> Response:
    """The directions of a model that are found by now, and those that are still being measured."""
    return JSONResponse(directions_of(studio, str(message.get("model"))))


def learnt(studio: "Studio", message: dict[str, Any]) -> Response:
    """The vector that leads from the pictures `hasNot` to those of `has`, and how surely they are told apart."""
    vector, score = studio.learn(str(message.get("model")), _recipes(message, "has"), _recipes(message, "hasNot"))
    return JSONResponse({"vector": vector, "score": score})


def axes(studio: "Studio", message: dict[str, Any]) -> Response:
    """What varies most among the pictures of `recipes`, as vectors."""
    return JSONResponse({"vectors": studio.axes(str(message.get("model")), _recipes(message, "recipes"))})


def saved(studio: "Studio", message: dict[str, Any]) -> Response:
    """A direction as a file: the model's own of a name, or the `vector` of that name."""
    vector = message.get("vector")
    data = studio.save_direction(
        str(message.get("model")), str(message.get("direction")), None if vector is None else str(vector)
    )
    return Response(data, media_type="application/octet-stream")


def _recipes(message: dict[str, Any], key: str) -> list[Recipe]:
    wanted = message.get(key)
    if not isinstance(wanted, list) or len(wanted) > MAX_PICTURES:
        raise BadRecipe(f"{key} {quote(wanted)} is no list of at most {MAX_PICTURES} recipes; send fewer at once.")
    return [Recipe.from_dict(each) for each in wanted]
