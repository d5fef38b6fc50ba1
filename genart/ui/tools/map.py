"""The map of a model's latent space: to see it whole, to go there, to draw walks on it.

It lays out; `static/map.js` draws and moves.
"""

import gradio as gr

from genart.ui import html
from genart.ui.page import Page


def tool(_: Page) -> None:
    """Lay out the tool inside an open gr.Column."""
    gr.HTML(_map(), apply_default_css=False)


def _map() -> str:
    buttons = "".join(_button(name, pressed=name == "draw") for name in ("draw", "in", "out", "fit"))
    return f"""
<section class="panel" id="map-panel">
  <div id="map-frame">
    <canvas id="map" width="512" height="512" tabindex="0" role="application" {html.label("map.name")}></canvas>
    <div id="map-buttons" role="toolbar" {html.label("map.buttons")}>{buttons}</div>
    <div id="map-wait">
      <p id="map-text" role="status"></p>
      <progress id="map-progress" max="1" value="0" {html.label("map.progress")}></progress>
      <button type="button" id="map-cancel" {html.text("map.cancel")}</button>
      <button type="button" id="map-again" hidden {html.text("map.again")}</button>
    </div>
  </div>
  <p id="map-status" class="facts">&nbsp;</p>
  <div id="map-legend" role="group" {html.label("map.legend")}></div>
  <p id="map-about" class="facts"></p>
</section>"""


def _button(name: str, *, pressed: bool) -> str:
    state = ' aria-pressed="false"' if pressed else ""
    about = f"{html.title(f'map.{name}.tip')} {html.label(f'map.{name}')}"
    return f'<button type="button" data-map="{name}"{state} {about}>{html.icon(f"map-{name}")}</button>'
