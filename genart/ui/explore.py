"""The Explore tab: the picture, large and first, and the controls beside it. It lays out and
does not compute; `static/explore.js` binds the controls to the live channel."""

import base64
import json
from html import escape

import gradio as gr

from genart.catalogue import starting_points
from genart.ui import html
from genart.ui.page import Page
from genart.ui.timeline import dock
from genart.ui.tools import TOOLS
from genart.ui.words import WORDS

ACTIONS = ("dice", "undo", "redo", "compare", "drift", "film", "reset", "link", "qr", "keep", "save", "open")
ICON_ONLY = ("undo", "redo", "compare", "reset", "link", "qr", "keep", "open")
ON_LOAD = "element.querySelector('#stage').server = server"


def tab(page: Page) -> None:
    """Lay out the tab inside an open gr.Blocks."""

    async def frame(message: str) -> str:
        """One live frame as base64: the live channel's last resort, where only Gradio's own routes get through."""
        return base64.b64encode(await page.live.event(message)).decode()

    def hello(_: object = None) -> dict[str, object]:
        """What the page needs to begin."""
        return {
            "token": page.live.token(),
            "words": WORDS,
            "first": page.first,
            "seed": page.seed,
            "starts": {
                name: {
                    "psi": entry.psi,
                    "finish": [{"name": step.name, "parameters": step.parameters} for step in entry.finish],
                    "all_classes": entry.all_classes,
                }
                for name, entry in page.shelf.known().items()
            },
            "points": {
                name: [json.loads(recipe.to_json()) for recipe in recipes]
                for name, recipes in starting_points().items()
                if name in page.entries
            },
            "public": page.public,
        }

    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="stage-column", scale=3, min_width=320):
            gr.HTML(_stage(), js_on_load=ON_LOAD, server_functions=[hello, frame], apply_default_css=False)
        with gr.Column(elem_id="controls", scale=2, min_width=320):
            gr.HTML(_models(page) + _switch(), apply_default_css=False)
            for name, lay_out in TOOLS.items():
                with gr.Column(elem_id=f"tool-{name}", elem_classes="tool"):
                    lay_out(page)
    gr.HTML(dock(page) + _link_dialog(), apply_default_css=False)


def _stage() -> str:
    actions = "".join(html.action(name, shown=name not in ICON_ONLY) for name in ACTIONS)
    return f"""
<section id="stage">
  <div id="frame">
    <canvas id="picture" width="512" height="512" tabindex="0" role="img" {html.label("stage.name")}></canvas>
    <p id="stage-loading" {html.text("stage.loading")}</p>
    <p id="stage-error" role="alert" hidden></p>
    <p id="stage-hint" {html.text("stage.hint")}</p>
    <p id="stage-drop" {html.text("stage.drop")}</p>
    <p id="note" role="status"></p>
    {html.action("full", shown=False)}
  </div>
  <p id="readout" {html.title("stage.speed.tip")}>&nbsp;</p>
  <div id="actions" role="toolbar">{actions}</div>
  <nav id="history" {html.label("history.name")}>
    <div id="history-list"></div>
  </nav>
  <input type="file" id="open-file" accept="image/*,video/mp4,video/webm,audio/*,.zip,.json" hidden>
  <p id="spoken" class="unseen" aria-live="polite"></p>
</section>"""


def _link_dialog() -> str:
    """The picture's link, large enough for a projector."""
    return f"""
<dialog id="link-dialog" aria-labelledby="link-name">
  <h3 id="link-name" {html.text("qr.name")}</h3>
  <div id="link-code" role="img" {html.label("qr.code")}></div>
  <p id="link-error" role="alert" hidden></p>
  <p id="link-local" hidden></p>
  <div class="line"><input id="link-address" readonly {html.label("qr.link")}>
    <button type="button" id="link-copy" autofocus {html.text("qr.copy")}</button>
    <button type="button" id="link-close" {html.text("qr.close")}</button></div>
</dialog>"""


def _models(page: Page) -> str:
    cards = "".join(
        f'<button type="button" class="card" aria-pressed="false" data-model="{escape(entry.name)}">'
        f'<canvas width="96" height="96"{" data-hard=true" if entry.hard_pixels else ""}></canvas>'
        f"<span {_model_title(entry.name)}</span></button>"
        for entry in page.entries.values()
    )
    return f"""
<section class="panel" id="model-panel">
  <h3 {html.text("model.name")}</h3>
  <div id="models" role="group" {html.label("model.name")}>{cards}</div>
  <div id="points" role="group" {html.label("points.name")}></div>
  <p class="facts"><span id="model-facts"></span> <small id="model-credit"></small></p>
</section>"""


def _switch() -> str:
    """Which tool is on the desk; there is always the picture beside it."""
    buttons = "".join(
        f'<button type="button" role="tab" data-tool="{name}" aria-selected="false" aria-controls="tool-{name}"'
        f" {html.title(f'tool.{name}.tip')} {html.text(f'tool.{name}')}</button>"
        for name in TOOLS
    )
    return f'<div id="tools" role="tablist" {html.label("tool.name")}>{buttons}</div>'


def _model_title(name: str) -> str:
    """The title of a shipped model; a model of the user's own goes by its name."""
    return html.text(f"model.{name}") if f"model.{name}" in WORDS else f">{escape(name)}"
