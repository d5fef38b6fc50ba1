"""Steering one picture: seed, classes, diversity, directions, latent numbers, noise, finishing.

It lays out; `static/controls.js` writes the recipe.
"""

import json

import gradio as gr

from genart.ui import html
from genart.ui.live import STILLS
from genart.ui.page import Page
from genart.ui.words import word

STEPS = {"upscale": [["times", 4]], "palette": [["colours", 12]], "ink": [["scale", 8]]}
SAVED_SIZES = (256, 512, 1024, 2048)


def tool(page: Page) -> None:
    """Lay out the tool inside an open gr.Column."""
    gr.HTML(_seed() + _classes(), apply_default_css=False)
    _slider("psi", -1, 1.5, 0.7, 0.01)
    gr.HTML(_latents() + _advanced(), apply_default_css=False)
    with gr.Column(elem_id="advanced"):
        _slider("cutoff", 0, 18, 0, 1)
        gr.HTML(_noise(), apply_default_css=False)
        _slider("strength", 0, 2, 1, 0.01)
        gr.HTML(_finish() + _saved_size() + _keys(), apply_default_css=False)


def _slider(name: str, low: float, high: float, value: float, step: float) -> None:
    gr.Slider(low, high, value, step=step, label=word(f"{name}.label"), info=word(f"{name}.info"), elem_id=name, interactive=True)


def _seed() -> str:
    return f"""
<section class="panel" id="seed-panel">
  <h3><label for="seed" {html.text("seed.name")}</label> <small id="seed-keys" {html.text("seed.info")}</small></h3>
  <div class="line">
    <input id="seed" type="text" inputmode="numeric" autocomplete="off" maxlength="20">
    {html.action("dice", shown=False)}
    {html.action("recycle", shown=False)}
  </div>
</section>"""


def _classes() -> str:
    return f"""
<section class="panel" id="classes" hidden>
  <h3><span {html.text("class.name")}</span> <small {html.text("class.term")}</small>
    <button type="button" id="class-all" class="small" aria-pressed="false" {html.title("class.all.tip")}>
      <span {html.text("class.all")}</span></button>
    <button type="button" id="class-mix" class="small" aria-pressed="false" {html.title("class.mix.tip")}>
      <span {html.text("class.mix")}</span></button></h3>
  <div id="class-list" role="group" {html.label("class.name")}></div>
  <select id="class-menu" {html.label("class.name")} hidden></select>
  <div id="class-shares"></div>
</section>"""


def _latents() -> str:
    return f"""
<section class="panel" id="parts" hidden>
  <h3><span {html.text("part.name")}</span> <small {html.text("part.term")}</small></h3>
  <div id="part-list" role="group" {html.label("part.name")}></div>
</section>
<section class="panel" id="directions" hidden>
  <h3><span {html.text("direction.name")}</span> <small {html.text("direction.term")}</small>
    <button type="button" id="direction-strips" class="small" aria-pressed="false" {html.title("direction.strips.tip")}>
      <span {html.text("direction.strips")}</span></button></h3>
  <div id="direction-list"></div>
  <div id="direction-rest" hidden></div>
  <div class="line wrap">
    <button type="button" id="direction-more" aria-expanded="false" aria-controls="direction-rest"
      {html.title("direction.more.tip")} {html.text("direction.more", n=0)}</button>
    <button type="button" id="teach-toggle" aria-expanded="false" aria-controls="teach"
      {html.title("teach.open.tip")} {html.text("teach.open")}</button>
    <button type="button" id="direction-open" {html.title("direction.open.tip")} {html.text("direction.open")}</button>
    <button type="button" id="direction-read" hidden {html.title("direction.read.tip")}
      {html.text("direction.read", n=0)}</button>
    <input type="file" id="direction-file" accept=".safetensors" multiple hidden {html.label("direction.open")}>
  </div>
</section>
{_teach()}
<section class="panel" id="moves" hidden>
  <h3><span {html.text("control.name")}</span> <small {html.text("control.term")}</small></h3>
  <div id="move-list"></div>
</section>
<section class="panel" id="faders" hidden>
  <h3><span {html.text("latent.name")}</span> <small {html.text("latent.term")}</small></h3>
  <div id="fader-list"></div>
</section>
<section class="panel" id="strip" hidden>
  <h3><span {html.text("latent.name")}</span> <small id="strip-term"></small></h3>
  <canvas id="strip-canvas" width="512" height="96" tabindex="0" role="slider" aria-valuemin="-4" aria-valuemax="4"
    {html.label("latent.name")}></canvas>
</section>"""


def _teach() -> str:
    """Examples of what a new direction should lead to, and of what not."""
    return f"""
<section class="panel" id="teach" hidden>
  <h3 {html.text("teach.name")}</h3>
  <p class="facts" {html.text("teach.how")}</p>
  <div id="teach-grid" role="group" {html.label("teach.name")}></div>
  <div id="teach-tray" {html.label("teach.tray")}></div>
  <p class="facts"><span id="teach-count" role="status"></span></p>
  <div class="line wrap">
    <input id="teach-name" type="text" maxlength="60" autocomplete="off" data-word-placeholder="teach.title"
      {html.label("teach.title")}>
    <button type="button" id="teach-learn" disabled {html.text("teach.learn")}</button>
    <button type="button" id="teach-more" {html.title("teach.more.tip")} {html.text("teach.more")}</button>
    <button type="button" id="teach-clear" {html.text("teach.clear")}</button>
  </div>
</section>"""


def _advanced() -> str:
    """Opens the group below it; gr.Accordion builds its children only once opened, too late for the controls."""
    return f"""<button type="button" id="advanced-toggle" aria-expanded="false" aria-controls="advanced">
  {html.icon("more")}<span {html.text("advanced.name")}</span></button>"""


def _noise() -> str:
    modes = "".join(
        f'<button type="button" value="{mode}" aria-pressed="false" {html.text(f"noise.{mode}")}</button>'
        for mode in ("const", "random", "none")
    )
    return f"""
<section class="panel" id="noise" hidden>
  <h3><span {html.text("noise.name")}</span> <small {html.text("noise.term")}</small></h3>
  <div class="line" id="noise-modes" role="group" {html.label("noise.name")}>{modes}</div>
  <label class="line" id="noise-seed-row" hidden><span {html.text("noise.seed")}</span>
    <input id="noise-seed" type="number" min="0" max="4294967295" step="1" value="0"></label>
</section>"""


def _finish() -> str:
    steps = "".join(
        f'<button type="button" aria-pressed="false" data-step="{name}" data-parameters=\'{json.dumps(parameters)}\' '
        f"{html.title(f'finish.{name}.tip')} {html.text(f'finish.{name}')}</button>"
        for name, parameters in STEPS.items()
    )
    return f"""
<section class="panel" id="finish">
  <h3><span {html.text("finish.name")}</span> <small {html.text("finish.term")}</small></h3>
  <div class="line" role="group" {html.label("finish.name")}>{steps}</div>
</section>"""


def _saved_size() -> str:
    sizes = "".join(f'<option value="{size}" {html.text("saved.pixels", n=size)}</option>' for size in SAVED_SIZES)
    formats = "".join(f"<option value='{kind}'>{kind.upper()}</option>" for kind in STILLS)
    return f"""
<section class="panel">
  <h3><label for="saved-size" {html.text("saved.name")}</label></h3>
  <div class="line"><select id="saved-size"><option value="" {html.text("saved.native")}</option>{sizes}</select>
    <select id="saved-format" {html.label("saved.format")}>{formats}</select></div>
  <label class="line" id="saved-label-row"><input type="checkbox" id="saved-label">
    <span {html.text("saved.label")}</span></label>
</section>"""


def _keys() -> str:
    return f'<section class="panel"><h3 {html.text("keys.name")}</h3><p class="facts" {html.text("keys.text")}</p></section>'
