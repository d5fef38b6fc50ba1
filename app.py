"""Start genart: parse the options, open the page, load the default model meanwhile."""

import argparse
import os
import socket
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from genart import machine
from genart.errors import GenartError, quote

if TYPE_CHECKING:
    from genart.studio import Studio

PORTS = range(7860, 7880)
WS_BYTES = 2**19  # twice the longest recipe, in bytes


def parser() -> argparse.ArgumentParser:
    on_space = "SPACE_ID" in os.environ
    host = os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0" if on_space else "127.0.0.1")
    options = argparse.ArgumentParser(description="genart: a latent-space studio in the browser.")
    options.add_argument(
        "--public", action="store_true", default=on_space, help="for many visitors: stricter limits, drifts when idle"
    )
    options.add_argument("--offline", action="store_true", help="switch the Hugging Face Hub off altogether")
    options.add_argument("--auth", metavar="USER:PASSWORD", help="ask for a login, for example in a class")
    options.add_argument("--device", help="cuda, mps, xpu or cpu; found by itself if left out")
    options.add_argument("--host", default=host, help=f"address to listen on, by default {host}")
    options.add_argument(
        "--port", type=int, default=os.environ.get("GRADIO_SERVER_PORT"), help="by default the first free one from 7860"
    )
    return options


def listen(host: str, port: int | None) -> socket.socket:
    """A bound socket; raises GenartError when no port is free."""
    for number in [port] if port else PORTS:
        try:
            return socket.create_server((host, number))
        except (OSError, OverflowError):
            continue
    raise GenartError(f"Cannot listen on {host}:{port or '7860-7879'}; choose another --host or --port.")


def main() -> None:
    options = parser()
    chosen = options.parse_args()
    if chosen.auth and not all(chosen.auth.partition(":")):
        options.error(f"--auth {quote(chosen.auth)} is no login; write USER:PASSWORD")
    machine.prepare()
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if chosen.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    studio: "Future[Studio]" = Future()

    def start_studio() -> None:
        from genart.catalogue import ENTRIES
        from genart.hub import here
        from genart.studio import Studio

        try:
            studio.set_result(Studio(chosen.device, {**ENTRIES, **here()}))
        except Exception as error:
            studio.set_exception(error)
            return
        with suppress(GenartError):  # the page says what is wrong with a model when somebody asks for it
            studio.result().warm_up(next(iter(ENTRIES)))

    try:
        if chosen.device:
            start_studio()
            studio.result()
        door = listen(chosen.host, chosen.port)
    except GenartError as error:
        sys.exit(str(error))

    import uvicorn

    from genart.ui import build

    app = build(studio.result, public=chosen.public, auth=chosen.auth and tuple(chosen.auth.split(":", 1)))
    if not chosen.device:  # the page is served while torch is still being imported
        threading.Thread(target=start_studio, daemon=True).start()
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", ws_per_message_deflate=False, ws_max_size=WS_BYTES, timeout_graceful_shutdown=2)
    )
    print(f"genart is at http://{chosen.host}:{door.getsockname()[1]}", flush=True)
    server.run(sockets=[door])


if __name__ == "__main__":
    main()
