"""Mixing several pictures: their corners on a pad, layers taken from one and another, the table of all pairs.

It lays out; `static/mix.js` acts, `static/mixing.js` does the arithmetic.
"""

import gradio as gr

from genart.recipe import MIXES
from genart.ui import html
from genart.ui.page import Page

GROUPS = ("coarse", "middle", "fine")
MOVES = ("there", "replace", "left", "right", "remove")


def tool(page: Page) -> None:
    """Lay out the tool inside an open gr.Column."""
    gr.HTML(f'{_sources()}<div id="mix-top">{_pad()}{_choice()}</div>' + _layers() + _table(), apply_default_css=False)


def _button(name: str, icon: str | None = None, *, shown: bool = True) -> str:
    """A button of the tool; `static/mix.js` knows what `name` does."""
    about = f"{html.title(f'mix.{name}.tip')} {html.label(f'mix.{name}')}"
    words = f"<span {html.text(f'mix.{name}')}</span>" if shown else ""
    return f'<button type="button" data-mix="{name}" {about}>{html.icon(icon) if icon else ""}{words}</button>'


def _sources() -> str:
    icons = {"there": "key", "replace": "update", "left": "earlier", "right": "later", "remove": "delete"}
    moves = "".join(_button(name, icons[name], shown=name in ("there", "replace")) for name in MOVES)
    return f"""
<section class="panel" id="mix-sources">
  <h3><span {html.text("mix.sources")}</span> <small {html.text("mix.sources.term")}</small>
    {_button("clear").replace('<button type="button"', '<button type="button" class="small"')}</h3>
  <div id="mix-row" role="group" {html.label("mix.sources")}></div>
  <div class="line" id="mix-moves" hidden>{moves}</div>
</section>"""


def _choice() -> str:
    return f"""
<section class="panel" id="mix-choice">
  <p class="facts" id="mix-say" aria-live="polite"></p>
  <div id="mix-tray" {html.label("teach.tray")}></div>
  <div class="line"><input id="mix-seeds" type="text" autocomplete="off" maxlength="100" data-word-placeholder="mix.seeds"
    placeholder="" {html.label("mix.seeds")}>{_button("dice", "dice")}</div>
</section>"""


def _pad() -> str:
    return f"""
<section class="panel" id="mix-pad-panel" hidden>
  <h3><span {html.text("mix.pad")}</span> <small {html.text("mix.pad.term")}</small></h3>
  <div id="mix-pad" {html.title("mix.pad.tip")}>
    <svg viewBox="-1 -1 2 2" preserveAspectRatio="none" aria-hidden="true"><polygon points=""/></svg>
    <div id="mix-field">
      <div id="mix-corners" aria-hidden="true"></div>
      <div id="mix-puck" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="100" {html.label("mix.pad")}></div>
    </div>
  </div>
  <p class="facts" id="mix-shares"></p>
  <div id="mix-between" hidden>
    <div id="mix-strip" role="group" {html.label("mix.strip")}></div>
    <input id="mix-slider" type="range" min="0" max="1" step="0.005" {html.label("mix.between")}>
  </div>
  <div class="line" id="mix-path-row" {html.title("mix.rest")}>
    <label for="mix-path" {html.text("mix.path")}</label>{html.select("mix-path", "path", MIXES)}</div>
</section>"""


def _layers() -> str:
    return f"""
<section class="panel" id="mix-layers" hidden>
  <h3><span {html.text("mix.layers")}</span> <small id="mix-layers-term"></small>
    {_button("unpick").replace('<button type="button"', '<button type="button" class="small"')}</h3>
  <div class="line" id="mix-presets" role="group" {html.label("mix.presets")}></div>
  <div id="mix-matrix"></div>
</section>"""


def _table() -> str:
    return f"""
<section class="panel" id="mix-table-panel" hidden>
  <h3><span {html.text("mix.table")}</span> <small {html.text("mix.table.term")}</small></h3>
  <div class="line" id="mix-parts" role="group" {html.label("mix.parts")}></div>
  <div class="line" id="mix-range" hidden>
    <label><span {html.text("mix.from")}</span> <input id="mix-first" type="number" min="1" step="1"></label>
    <label><span {html.text("mix.to")}</span> <input id="mix-last" type="number" min="1" step="1"></label>
  </div>
  <div class="line">{_button("draw", "even")}{_button("cancel", "close")}{_button("save", "save")}
    <progress id="mix-progress" max="1" value="0" hidden {html.label("mix.progress")}></progress></div>
  <div id="mix-table" role="group" {html.label("mix.table")}></div>
</section>"""
