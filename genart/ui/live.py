"""The live channel: recipes come up, pictures go down, beside Gradio and under the same login.

A visitor holds a signed token that only a page behind the login can get. One request of a
visitor waits at a time, the newest; no frame is ever written to a file.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from genart.errors import BadRecipe, GenartError, Refused, quote
from genart.export import recipes_of, save_png, screen
from genart.recipe import MAX_CHARACTERS, Anchor, Recipe
from genart.ui.sentences import chinese
from genart.walk import WALKS

if TYPE_CHECKING:
    from genart.studio import Frame, Studio

log = logging.getLogger(__name__)

TOKEN_SECONDS = 24 * 3600
PREVIEW_MS = 40.0
MAX_FILE = 40 * 2**20
UNEXPECTED = "The picture could not be made; the server's log says why. Change something and try again."


class Live:
    """Routes of the live channel. `studio` is called at the first request, so the page need not wait for torch."""

    def __init__(self, studio: Callable[[], "Studio"], *, requests_a_second: float = 200.0):
        self._studio = studio
        self._ready: Studio | None = None
        self._starting: "asyncio.Future[Studio] | None" = None
        self._secret = secrets.token_bytes(32)
        self._rate = requests_a_second
        self._buckets: dict[str, Bucket] = {}

    def routes(self) -> list[BaseRoute]:
        return [
            WebSocketRoute("/live", self.socket),
            Route("/live", self.post, methods=["POST"]),
            Route("/live/model", self.model, methods=["POST"]),
            Route("/live/png", self.png, methods=["POST"]),
            Route("/live/recipe", self.recipe, methods=["POST"]),
        ]

    def token(self) -> str:
        """A new visitor's token: name, time of expiry, signature."""
        claim = f"{secrets.token_urlsafe(12)}.{int(time.time()) + TOKEN_SECONDS}"
        return f"{claim}.{self._sign(claim)}"

    def visitor(self, token: Any) -> str:
        """The visitor a token names; raises Refused for a forged or expired one, or too many requests."""
        claim, _, signature = str(token).rpartition(".")
        name, _, expiry = claim.partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._sign(claim).encode()) or float(expiry) < time.time():
            raise Refused("This page has expired; load it again.")
        if len(self._buckets) > 10_000:
            self._buckets.clear()
        if not self._buckets.setdefault(name, Bucket(self._rate)).take():
            raise Refused(f"More than {self._rate:g} requests a second came from this page; wait a moment.")
        return name

    async def studio(self) -> "Studio":
        """The studio. Those who ask before it is there wait for it together, and go on in their order."""
        if self._ready is None:
            if self._starting is None:
                self._starting = asyncio.ensure_future(run_in_threadpool(self._studio))
            self._ready = await asyncio.shield(self._starting)
        return self._ready

    async def frame(self, visitor: str, message: dict[str, Any]) -> bytes:
        """The reply to one request: four bytes of length, a JSON head, the picture."""
        seq = seq_in(message)
        try:
            if seq is None:
                raise BadRecipe(f"seq {quote(message.get('seq'))} is no whole number; count requests from 1.")
            recipe = recipe_in(message)
            studio = await self.studio()
            slot = "/aside" if message.get("aside") else ""  # thumbnails do not overtake the picture
            within = PREVIEW_MS if message.get("hurry") else None
            frame = await asyncio.wrap_future(studio.submit(f"{visitor}{slot}", recipe, within_ms=within))
            return reply(seq, recipe, frame, hurry=bool(message.get("hurry")), walking="walk" in message)
        except GenartError as error:
            return framed({"seq": seq, **told(error)})
        except (CancelledError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # the visitor has gone
                raise
            return framed({"seq": seq, "overtaken": True})
        except Exception:
            log.exception("a live frame failed")
            return framed({"seq": seq, **told(UNEXPECTED)})

    async def event(self, message: str) -> bytes:
        """One request, with its token, through Gradio's own route; replies like `post`."""
        try:
            request = _object(message)
            return await self.frame(self.visitor(request.get("token")), request)
        except GenartError as error:
            return framed({"seq": None, **told(error)})

    async def socket(self, socket: WebSocket) -> None:
        """One visitor's WebSocket: the token first, then requests, each answered when its turn came."""
        await socket.accept()
        open_replies: set[asyncio.Task[None]] = set()
        sending = asyncio.Lock()
        token: str | None = None

        async def answer(visitor: str, message: dict[str, Any]) -> None:
            data = await self.frame(visitor, message)
            async with sending:
                with suppress(WebSocketDisconnect):
                    await socket.send_bytes(data)

        try:
            while True:
                message = _object(await socket.receive_text())
                token = message.get("token", token)
                try:
                    visitor = self.visitor(token)
                except Refused as error:
                    await socket.send_bytes(framed({"seq": seq_in(message), **told(error)}))
                    await socket.close(4401)
                    return
                if "seq" in message:
                    task = asyncio.create_task(answer(visitor, message))
                    open_replies.add(task)
                    task.add_done_callback(open_replies.discard)
        except WebSocketDisconnect:
            pass
        except KeyError:  # a binary message, which nothing of ours sends
            await socket.close(1003)
        except BadRecipe as error:
            await socket.send_bytes(framed({"seq": None, **told(error)}))
            await socket.close(1008)
        finally:
            for task in open_replies:
                task.cancel()

    async def post(self, request: Request) -> Response:
        """The same request and reply without a WebSocket."""

        async def work(visitor: str, body: bytes) -> Response:
            return Response(await self.frame(visitor, _object(body)), media_type="application/octet-stream")

        return await self._answer(request, MAX_CHARACTERS, work)

    async def model(self, request: Request) -> Response:
        """What the controls need to know about a model: its space, family, size, classes."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            return JSONResponse(await run_in_threadpool(describe, studio, _object(body).get("model")))

        return await self._answer(request, 1000, work)

    async def png(self, request: Request) -> Response:
        """The finished picture as a PNG with its recipe inside."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            recipe = recipe_in(_object(body))
            data = await run_in_threadpool(save_png, studio, [recipe])
            return Response(data, media_type="image/png")

        return await self._answer(request, MAX_CHARACTERS, work)

    async def recipe(self, request: Request) -> Response:
        """The recipe inside a dropped picture."""

        async def work(_: str, body: bytes) -> Response:
            recipes = await run_in_threadpool(recipes_of, body)
            return Response(recipes[0].to_json(), media_type="application/json")

        return await self._answer(request, MAX_FILE, work)

    async def _answer(self, request: Request, limit: int, work: Callable[..., Any]) -> Response:
        try:
            visitor = self.visitor(request.headers.get("x-genart-token"))
            return await work(visitor, await _body(request, limit))
        except Refused as error:
            return JSONResponse(told(error), status_code=401)
        except GenartError as error:
            return JSONResponse(told(error), status_code=422)
        except Exception:
            log.exception("a live request failed")
            return JSONResponse(told(UNEXPECTED), status_code=500)

    def _sign(self, claim: str) -> str:
        return hmac.new(self._secret, claim.encode(errors="replace"), hashlib.sha256).hexdigest()


class Bucket:
    """Lets `rate` requests a second through, and twice as many at once."""

    def __init__(self, rate: float):
        self._rate, self._left, self._at = rate, 2 * rate, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(2 * self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def seq_in(message: dict[str, Any]) -> int | None:
    """The number of a request, that its reply repeats; None where it is no whole number a browser can hold."""
    seq = message.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and abs(seq) <= 2**53 else None


def recipe_in(message: dict[str, Any]) -> Recipe:
    """The recipe a request asks for: written out, as the word of a link, as plain parts, or a moment of a walk."""
    if "link" in message:
        return Recipe.from_text(str(message["link"]))
    if "plain" in message:
        return plain_recipe(message["plain"])
    recipe = Recipe.from_dict(message.get("recipe"))
    if "walk" not in message:
        return recipe
    name, moment = message["walk"], message.get("moment")
    if not isinstance(name, str) or name not in WALKS:
        raise BadRecipe(f"There is no walk named {quote(name)}; known are {', '.join(WALKS)}.")
    if isinstance(moment, bool) or not isinstance(moment, (int, float)) or not 0 <= moment <= 1e6:
        raise BadRecipe(f"moment {quote(moment)} is out of range; use a number from 0 to 1000000.")
    return WALKS[name](recipe)(moment)


def plain_recipe(parts: Any) -> Recipe:
    """The recipe of a hand-written address such as ?model=digits-gan&seed=42&psi=0.7&label=3."""
    if not isinstance(parts, dict):
        raise BadRecipe(f"{quote(parts)} is no recipe; write model, seed, psi and label.")
    try:
        label = int(parts["label"]) if parts.get("label") else None
        return Recipe(
            str(parts.get("model")), (Anchor(int(parts.get("seed") or 0), label=label),), float(parts.get("psi") or 0.7)
        )
    except (ValueError, TypeError, OverflowError):
        raise BadRecipe(f"{quote(parts)} is no recipe; write seed and label as whole numbers, psi as a number.") from None


def reply(seq: int, recipe: Recipe, frame: "Frame", *, hurry: bool, walking: bool) -> bytes:
    """A picture with what the page shows beside it: at rest the link, and the recipe the page may not know."""
    start = time.perf_counter()
    kind, data = screen(frame.pixels)
    head: dict[str, Any] = {
        "seq": seq,
        "kind": kind,
        "width": frame.pixels.shape[1],
        "height": frame.pixels.shape[0],
        "full": frame.full,
        "ms": round(frame.ms, 2),
    }
    if frame.point.size <= 64 or not hurry:
        head["point"] = [round(value, 4) for value in frame.point.ravel().tolist()]
    if not hurry:
        head["link"] = recipe.to_text()
    if walking or not hurry:
        head["recipe"] = json.loads(recipe.to_json())
    head["encode_ms"] = round((time.perf_counter() - start) * 1000, 2)
    return framed(head, data)


def told(sentence: object) -> dict[str, str]:
    """What went wrong, in both languages, so that the page can change its own while it shows it."""
    return {"error": str(sentence), "chinese": chinese(str(sentence))}


def framed(head: dict[str, Any], data: bytes = b"") -> bytes:
    packed = json.dumps(head, separators=(",", ":")).encode()
    return len(packed).to_bytes(4, "big") + packed + data


def describe(studio: "Studio", name: Any) -> dict[str, Any]:
    """A model in the numbers and words that its controls are made from."""
    resident = studio.resident(str(name))
    entry, space = studio.entries[str(name)], resident.loaded.generator.space
    return {
        "name": entry.name,
        "kind": entry.kind,
        "family": resident.loaded.family.title,
        "licence": entry.licence,
        "credit": entry.credit,
        "classes": list(entry.classes) or [str(index) for index in range(space.num_classes)],
        "hardPixels": entry.hard_pixels,
        "size": space.image_size,
        "zDim": space.z_dim,
        "wDim": space.w_dim,
        "numWs": space.num_ws,
        "numClasses": space.num_classes,
        "hasMapping": space.has_mapping,
        "hasNoise": space.has_noise,
        "directions": [f"{kind}{number}" for kind in ("pca", "sefa") for number in range(1, 7)],
        "weights": resident.loaded.sha256,
        "megabytes": round(resident.bytes / 1e6, 1),
        "device": str(studio.device),
    }


def _object(text: str | bytes) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise BadRecipe(f"A request has at most {MAX_CHARACTERS} characters; this one has {len(text)}.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRecipe(f"The request {quote(text)} is not valid JSON; load the page again.") from None
    if not isinstance(value, dict):
        raise BadRecipe(f"The request {quote(text)} is not a JSON object; load the page again.")
    return value


async def _body(request: Request, limit: int) -> bytes:
    """The request's body, refused while it streams once it passes `limit` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BadRecipe(f"The file is larger than {limit / 2**20:.3g} MB; choose a smaller one.")
        parts.append(part)
    return b"".join(parts)
