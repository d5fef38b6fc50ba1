"""The page: the only importer of gradio. Tabs lay out; the live channel and the API do the work."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while gradio is imported: no call home
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")  # else each event builds a table of all before it

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from genart.catalogue import ENTRIES, Entry
from genart.ui import about, explore, html, models
from genart.ui.api import endpoints
from genart.ui.breeding import Breeding
from genart.ui.cells import Cells
from genart.ui.directions import Directions
from genart.ui.films import Films
from genart.ui.live import Live
from genart.ui.maps import Maps
from genart.ui.page import Page
from genart.ui.share import Share
from genart.ui.sheets import Sheets
from genart.ui.shelf import Shelf
from genart.ui.words import word

if TYPE_CHECKING:
    from genart.studio import Studio

__all__ = ["TABS", "build"]

STATIC = Path(__file__).parent / "static"
SYSTEM_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")
HEAD = """
<link rel="stylesheet" href="static-genart/style.css">
<link rel="stylesheet" href="static-genart/tools.css">
<script type="module" src="static-genart/explore.js"></script>
<meta name="viewport" content="width=device-width, initial-scale=1">
"""

TABS: dict[str, Callable[[Page], None]] = {
    "explore": explore.tab,
    "models": models.tab,
    "about": about.tab,
}

CLOSED = ("upload", "deep_link", "process_recording")  # Gradio's own ways to the disk, which nothing here needs


def build(
    studio: "Callable[[], Studio]",
    *,
    entries: Mapping[str, Entry] = ENTRIES,
    public: bool = False,
    auth: tuple[str, str] | None = None,
    seed: int | None = None,
) -> FastAPI:
    """The whole web application. `studio` may block until torch is there; the page does not wait for it."""
    live = Live(studio, requests_a_second=120 if public else 240)
    shelf = Shelf(live, studio, entries, public=public)
    films = Films(live, public=public)
    page = Page(entries, live, shelf, studio, public, next(iter(entries)), seed)
    app = FastAPI(
        routes=[
            *live.routes(),
            *Cells(live).routes(),
            *Sheets(live).routes(),
            *Breeding(live).routes(),
            *Directions(live).routes(),
            *shelf.routes(),
            *films.routes(),
            *Maps(live, public=public).routes(),
            *Share(live).routes(),
            *(Route(f"/gradio_api/{name}", _closed, methods=["GET", "POST"]) for name in CLOSED),
            Mount("/static-genart", StaticFiles(directory=STATIC)),
        ],
        openapi_url=None,
    )
    return gr.mount_gradio_app(
        app,
        _blocks(page),
        path="/",
        auth=auth,
        head=HEAD
        + "".join(f'<link rel="modulepreload" href="static-genart/{path.name}">' for path in sorted(STATIC.glob("*.js"))),
        theme=gr.themes.Base(
            primary_hue="amber", neutral_hue="stone", font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")
        ),
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        max_file_size="40mb",
        blocked_paths=[str(Path(__file__).parents[2])],
    )


async def _closed(_: Request) -> JSONResponse:
    return JSONResponse({"detail": "Not Found"}, status_code=404)


def _blocks(page: Page) -> gr.Blocks:
    with gr.Blocks(title="genart", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as blocks:
        gr.HTML(_header(), apply_default_css=False)
        with gr.Tabs():
            for name, lay_out in TABS.items():
                with gr.Tab(word(f"tab.{name}"), id=name, elem_id=name):
                    lay_out(page)
        endpoints(page)
    blocks.queue(max_size=32, default_concurrency_limit=2)
    blocks._queue.sleep_when_free = 0.02  # its polling every millisecond would cost a twentieth of a processor
    blocks._queue.progress_update_sleep_when_free = 0.1
    return blocks


def _header() -> str:
    language = 'data-action="language" data-word="app.language" data-word-title="app.language.tip"'
    theme = 'data-action="theme" data-word-title="app.theme.tip" data-word-label="app.theme.tip"'
    return f"""
<header id="masthead">
  <h1>genart</h1><p data-word="app.tagline">{word("app.tagline")}</p>
  <button type="button" {language}>{word("app.language")}</button>
  <button type="button" {theme}>{html.icon("theme")}</button>
</header>"""
