"""Keeping and comparing: favourites, the tree of all steps, pictures side by side.

It lays out; `static/keep.js` acts. What is kept stays in the visitor's browser.
"""

import gradio as gr

from genart.ui import html
from genart.ui.page import Page

SORTS = ("newest", "oldest", "name", "model")


def tool(page: Page) -> None:
    """Lay out the tool inside an open gr.Column."""
    gr.HTML(_favourites() + _steps() + _compare(), apply_default_css=False)


def _favourites() -> str:
    return f"""
<section class="panel" id="keep-favourites">
  <h3><span {html.text("keep.favourites")}</span> <small id="keep-count"></small></h3>
  <div class="keep-bar">
    {_button("add", icon="keep")}
    <select id="keep-model" {html.label("keep.model")}><option value="" {html.text("keep.model.all")}</option></select>
    {html.select("keep-sort", "keep.sort", SORTS).replace("<select", f"<select {html.label('keep.sort')}")}
    <span class="keep-end">{_button("import", icon="open")}{_button("export", icon="save")}</span>
  </div>
  <input type="file" id="keep-file" accept=".json,image/*" hidden>
  <div class="keep-bar keep-chosen" id="keep-chosen" hidden>
    <b id="keep-chosen-count"></b>
    {_button("film", icon="film")}{_button("sheet", icon="sheet")}{_button("delete", icon="delete")}
    {_button("all")}{_button("none")}
  </div>
  <div class="keep-bar" id="keep-working" hidden><span id="keep-doing" role="status"></span>
    <progress max="1"></progress>{_button("cancel")}</div>
  <div class="keep-bar keep-undo" id="keep-undo" role="status" hidden><span></span>{_button("undo", icon="undo")}</div>
  <div id="keep-grid" role="group" {html.label("keep.favourites")}></div>
  <p class="facts" id="keep-empty" {html.text("keep.empty")}</p>
  <p class="facts" id="keep-unsafe" hidden {html.text("keep.unsafe")}</p>
</section>"""


def _steps() -> str:
    return f"""
<section class="panel" id="keep-steps">
  <h3><span {html.text("keep.steps")}</span> <small {html.text("keep.steps.term")}</small></h3>
  <div id="keep-tree" role="tree" tabindex="0" {html.label("keep.tree")}><svg id="keep-lines" aria-hidden="true"></svg></div>
  <div class="keep-bar">
    <input id="keep-name" type="text" maxlength="80" autocomplete="off" data-word-placeholder="keep.name"
      {html.label("keep.name")} {html.title("keep.name.tip")}>
    <span class="keep-end">{_button("cut", icon="delete")}{_button("clear")}</span>
  </div>
  <div class="keep-bar keep-undo" id="keep-tree-undo" role="status" hidden><span></span>{_button("regrow", icon="undo")}</div>
  <div id="keep-named" role="group" {html.label("keep.named")}></div>
</section>"""


def _compare() -> str:
    return f"""
<section class="panel" id="keep-compare">
  <h3><span {html.text("keep.compare")}</span> <small {html.text("keep.compare.term")}</small></h3>
  <p class="facts" {html.text("keep.wipe.how")}</p>
  <div class="keep-bar">{_button("pin", icon="compare")}{_button("swap")}{_button("unpin")}</div>
  <div id="keep-tray" {html.label("keep.wipe.tray")}></div>
  <p class="facts" {html.text("keep.beside.how")}</p>
  <div id="keep-models" role="group" {html.label("keep.beside")}></div>
</section>"""


def _button(name: str, *, icon: str | None = None) -> str:
    drawn = html.icon(icon) if icon else ""
    return f"""<button type="button" data-keep="{name}" {html.title(f"keep.{name}.tip")}>{drawn}<span
      {html.text(f"keep.{name}")}</span></button>"""
