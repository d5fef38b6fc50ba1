"""The live channel: recipes come up, pictures go down, beside Gradio and under the same login.

A visitor holds a signed token that only a page behind the login can get. One request of a
visitor waits at a time, the newest; no frame is ever written to a file.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, TypeVar
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from genart.errors import BadRecipe, Expired, GenartError, Refused, quote
from genart.export import EXPORTERS, pixels_of, recipes_of
from genart.finish import finished, hurried
from genart.limits import MAX_FILE
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.ui.messages import UNEXPECTED, describe, framed, parsed, recipe_in, reply, seq_in, told

if TYPE_CHECKING:
    from genart.studio import Studio

log = logging.getLogger(__name__)
T = TypeVar("T")

TOKEN_SECONDS = 24 * 3600
PREVIEW_MS = 40.0
LARGE_AT_ONCE = 2
AT_ONCE = 6  # requests of a visitor that are worked on: as many as a browser opens connections
WAITING = 60  # more of them, each for its turn
OPEN_REPLIES = 32  # of a socket: one that takes no replies is not read either
HELD_BYTES = 256 * 2**20  # of large bodies, of all visitors together
SHARES = 4  # of them, one for a visitor, or as much as one body may be
BODY_SECONDS = 120.0  # for a body to come
LARGE_BODY = 2**20
STILLS = ("png", "jpeg", "webp")
LARGE = 512  # a longer side takes the encoder long enough to leave the event loop


class Live:
    """Routes of the live channel. `studio` is called at the first request, so the page need not wait for torch."""

    def __init__(self, studio: Callable[[], "Studio"], *, requests_a_second: float = 240.0):
        self._studio = studio
        self._ready: Studio | None = None
        self._starting: "asyncio.Future[Studio] | None" = None
        self._secret = secrets.token_bytes(32)
        self._rate = requests_a_second
        self._buckets: dict[str, Bucket] = {}
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._rooms: dict[str, Room] = {}
        self._held = 0

    def routes(self) -> list[BaseRoute]:
        return [
            WebSocketRoute("/live", self.socket),
            Route("/live", self.post, methods=["POST"]),
            Route("/live/model", self.model, methods=["POST"]),
            Route("/live/png", self.png, methods=["POST"]),
            Route("/live/recipe", self.recipe, methods=["POST"]),
            Route("/live/read", self.read, methods=["POST"]),
            Route("/live/point", self.point, methods=["POST"]),
        ]

    def token(self) -> str:
        """A new visitor's token: name, time of expiry, signature."""
        claim = f"{secrets.token_urlsafe(12)}.{int(time.time()) + TOKEN_SECONDS}"
        return f"{claim}.{self._sign(claim)}"

    def visitor(self, token: Any) -> str:
        """The visitor a token names; raises Expired for a forged or old one."""
        claim, _, signature = str(token).rpartition(".")
        name, _, expiry = claim.partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._sign(claim).encode()) or float(expiry) < time.time():
            raise Expired("This page has expired; load it again.")
        return name

    def admit(self, visitor: str) -> None:
        """Count a request; raises Refused when a visitor sends too many."""
        if len(self._buckets) > 10_000:
            self._buckets.clear()
        if not self._buckets.setdefault(visitor, Bucket(self._rate)).take():
            raise Refused(f"More than {self._rate:g} requests a second came from this page; wait a moment.")

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
            self.admit(visitor)
            if seq is None:
                raise BadRecipe(f"seq {quote(message.get('seq'))} is no whole number; count requests from 1.")
            recipe = recipe_in(message)
            studio = await self.studio()
            slot = "/aside" if message.get("aside") else ""  # thumbnails do not overtake the picture
            within = PREVIEW_MS if message.get("hurry") else None
            frame = await asyncio.wrap_future(studio.submit(f"{visitor}{slot}", recipe, within_ms=within))
            if recipe.finish and frame.full:
                grows = any("size" in dict(step.parameters) for step in recipe.finish)
                steps = hurried(recipe.finish, max(frame.pixels.shape)) if message.get("hurry") else recipe.finish
                work = partial(finished, frame.pixels, steps)
                frame = replace(frame, pixels=await (self.heavy(work) if grows else run_in_threadpool(work)))
            how = {"hurry": bool(message.get("hurry")), "walking": "walk" in message}
            if max(frame.pixels.shape) > LARGE:
                return await run_in_threadpool(reply, seq, recipe, frame, **how)
            return reply(seq, recipe, frame, **how)
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
            request = parsed(str(message))  # Gradio passes on whatever JSON it was sent
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
                message = parsed(await socket.receive_text())
                token = message.get("token", token)
                try:
                    visitor = self.visitor(token)
                except Expired as error:
                    await socket.send_bytes(framed({"seq": seq_in(message), **told(error)}))
                    await socket.close(4401)
                    return
                if "seq" in message:
                    with suppress(Exception):  # the reply says what is wrong; here the first ones only keep their order
                        await self.studio()
                    task = asyncio.create_task(answer(visitor, message))
                    open_replies.add(task)
                    task.add_done_callback(open_replies.discard)
                    while len(open_replies) >= OPEN_REPLIES:
                        await asyncio.wait(open_replies, return_when=asyncio.FIRST_COMPLETED)
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
            return Response(await self.frame(visitor, parsed(body)), media_type="application/octet-stream")

        return await self.answer(request, MAX_CHARACTERS, work)

    async def model(self, request: Request) -> Response:
        """What the controls need to know about a model: its space, family, size, classes."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            told_of = await run_in_threadpool(describe, studio, parsed(body).get("model"))
            studio.prepare(told_of["name"])
            return JSONResponse(told_of)

        return await self.answer(request, 1000, work)

    async def png(self, request: Request) -> Response:
        """The finished picture as a PNG, or the `format` asked for, with its recipe inside; with a visible `label` if asked."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            message = parsed(body)
            kind = message.get("format", "png")
            if kind not in STILLS:
                raise BadRecipe(f"There is no picture format {quote(kind)}; use {', '.join(STILLS)}.")
            save = partial(EXPORTERS[kind], label=message.get("label") is True)
            data = await self.heavy(save, studio, [recipe_in(message)])
            return Response(data, media_type=f"image/{kind}")

        return await self.answer(request, MAX_CHARACTERS, work)

    async def recipe(self, request: Request) -> Response:
        """The recipe inside a dropped picture."""

        async def work(_: str, body: bytes) -> Response:
            recipes = await run_in_threadpool(recipes_of, body)
            return Response(recipes[0].to_json(), media_type="application/json")

        return await self.answer(request, MAX_FILE, work)

    async def read(self, request: Request) -> Response:
        """The recipe of what a model with an encoder makes of a picture: `?model=NAME`, and the file as the body."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            name, label = str(request.query_params.get("model")), request.query_params.get("label", "")
            pixels = await self.heavy(pixels_of, body)
            anchor = await run_in_threadpool(studio.read, name, pixels, int(label) if label.isdecimal() else None)
            return Response(Recipe(name, (anchor,), psi=1.0).to_json(), media_type="application/json")

        return await self.answer(request, MAX_FILE, work)

    async def point(self, request: Request) -> Response:
        """The latent of a recipe as a stored vector, of z or of w as `space` says."""

        async def work(_: str, body: bytes) -> Response:
            studio = await self.studio()
            message = parsed(body)
            space = "z" if message.get("space") == "z" else "w"
            return JSONResponse({"vector": await run_in_threadpool(studio.point, recipe_in(message), space)})

        return await self.answer(request, MAX_CHARACTERS, work)

    async def heavy(self, work: Callable[..., T], *arguments: Any) -> T:
        """Work on large pictures, off the event loop, for few visitors at a time."""
        async with self._large:
            return await run_in_threadpool(work, *arguments)

    async def answer(self, request: Request, limit: int | None, work: Callable[..., Any]) -> Response:
        """What `work` makes of a visitor and the body, or the sentence of its error; without a limit it reads the body itself."""
        try:
            visitor = self.visitor(request.headers.get("x-genart-token"))
            if request.url.path != "/live":  # a frame is counted where it is made
                self.admit(visitor)
            async with self._turn(visitor) as room:
                if limit is None:
                    return await work(visitor, b"")
                async with self._body(request, limit, room) as body:
                    return await work(visitor, body)
        except Expired as error:
            return JSONResponse(told(error), status_code=401)
        except Refused as error:
            return JSONResponse(told(error), status_code=429)
        except GenartError as error:
            return JSONResponse(told(error), status_code=422)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            log.exception("a live request failed")
            return JSONResponse(told(UNEXPECTED), status_code=500)

    @asynccontextmanager
    async def _turn(self, visitor: str) -> "AsyncIterator[Room]":
        """One of a visitor's AT_ONCE places, so that a page that asks for much leaves threads to the others; or Refused."""
        room = self._rooms.setdefault(visitor, Room())
        if room.asked >= AT_ONCE + WAITING:
            raise Refused(f"{room.asked} requests of this page are waiting already; wait a moment.")
        room.asked += 1
        try:
            async with room.places:
                yield room
        finally:
            room.asked -= 1
            if not room.asked:
                self._rooms.pop(visitor, None)

    @asynccontextmanager
    async def _body(self, request: Request, limit: int, room: "Room") -> AsyncIterator[bytes]:
        """The request's body, refused while it streams once it passes `limit` bytes, takes longer than BODY_SECONDS, or the
        server holds too many, of all visitors or of this one."""
        parts: list[bytes] = []
        size = held = 0
        try:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    async for part in request.stream():
                        size += len(part)
                        if size > limit:
                            raise BadRecipe(f"The file is larger than {limit / 2**20:.3g} MB; choose a smaller one.")
                        if size > LARGE_BODY:
                            grown, held = size - held, size
                            self._held += grown
                            room.held += grown
                            if room.held > max(HELD_BYTES // SHARES, limit):
                                raise Refused("This page sends too many large files at once; wait until the others have come.")
                            if self._held > HELD_BYTES:
                                raise Refused("Too many large files arrive here at once; try again in a moment.")
                        parts.append(part)
            except TimeoutError:
                raise Refused(f"The file took longer than {BODY_SECONDS:g} seconds to come; send a smaller one.") from None
            body = b"".join(parts)
            parts.clear()  # held once, not twice
            yield body
        finally:
            self._held -= held
            room.held -= held

    def _sign(self, claim: str) -> str:
        return hmac.new(self._secret, claim.encode(errors="replace"), hashlib.sha256).hexdigest()


class Room:
    """How many requests of a visitor are here, the bytes of their large bodies, the places for those that are worked on."""

    def __init__(self) -> None:
        self.asked = self.held = 0
        self.places = asyncio.Semaphore(AT_ONCE)


class OneEach:
    """Lets one request of a visitor through at a time, so that a page that asks for many holds up nobody else."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, visitor: str) -> asyncio.Lock:
        """What a visitor's requests hold one after another; forgotten with the last of them."""
        return self._locks.setdefault(visitor, asyncio.Lock())


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
