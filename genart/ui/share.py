"""Sharing a picture with a room: its address as a QR code, `/live/qr`, under the live channel's tokens."""

import io
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genart.errors import BadRecipe, GenartError, quote
from genart.ui.live import Live
from genart.ui.messages import parsed

MAX_ADDRESS = 2300  # bytes that a QR code holds at its second level of correction, about
QUIET = 4  # modules of white round the code, as ISO/IEC 18004 asks


class Share:
    """The route. A request holds the `address` that the page would copy."""

    def __init__(self, live: Live):
        self._live = live

    def routes(self) -> list[BaseRoute]:
        return [Route("/live/qr", self.qr, methods=["POST"])]

    async def qr(self, request: Request) -> Response:
        """The code as SVG, black on white whatever the page's colours: cameras expect it so."""

        async def work(_: str, body: bytes) -> Response:
            data = await self._live.heavy(code, parsed(body).get("address"))
            return Response(data, media_type="image/svg+xml")

        return await self._live.answer(request, 4 * MAX_ADDRESS, work)


def code(address: Any) -> bytes:
    """The QR code of an http address, SVG; raises BadRecipe for another, and for one too long to be scanned."""
    if not isinstance(address, str) or not address.isascii() or not address.startswith(("http://", "https://")):
        raise BadRecipe(f"{quote(address)} is no address of a page; load the page again.")
    size = len(address)
    if size > MAX_ADDRESS:
        raise BadRecipe(f"This picture's link has {size} characters, too many for a QR code; share its PNG, or copy the link.")
    try:
        import segno
    except ImportError:
        raise GenartError("QR codes need the package segno; install it with: pip install segno") from None
    file = io.BytesIO()
    made = segno.make(address, micro=False, error="m" if size < 600 else "l", boost_error=False)
    made.save(file, kind="svg", border=QUIET, dark="#000", light="#fff", xmldecl=False, omitsize=True, nl=False)
    return file.getvalue()
