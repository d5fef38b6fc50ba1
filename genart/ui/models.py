"""The Models tab: what there is to explore, and how to get more. `static/models.js` fills the cards."""

from html import escape

import gradio as gr

from genart.catalogue import CHECKPOINTS
from genart.ui import html
from genart.ui.page import Page
from genart.ui.words import word


def tab(page: Page) -> None:
    """Lay out the tab inside an open gr.Blocks."""
    ways = _public() if page.public else _hub() + _drop()
    gr.HTML(
        f"""
<section id="shelf">
  <div id="shelf-ways">{ways}</div>
  <p id="shelf-note" class="facts" data-word="models.offline" hidden></p>
  <p id="shelf-error" role="alert" hidden></p>
  <div id="shelf-found" aria-live="polite"></div>
  <div id="shelf-recent" hidden><h3 {html.text("models.recent")}</h3><div class="line"></div></div>
  {_filters()}
  <div id="shelf-cards" class="shelf-cards" role="list"></div>
  <p id="shelf-none" {_hidden("models.none")}</p>
</section>""",
        apply_default_css=False,
    )


def _hub() -> str:
    return f"""
<form id="shelf-hub">
  <label for="shelf-address" {html.text("models.hub.label")}</label>
  <div class="line">
    <input id="shelf-address" type="text" autocomplete="off" spellcheck="false" maxlength="400"
      data-word-placeholder="models.hub.example" placeholder="{escape(word("models.hub.example"))}">
    <button type="submit" {html.text("models.hub.look")}</button>
  </div>
</form>"""


def _drop() -> str:
    return f"""
<div id="shelf-drop">
  <button type="button" {html.text("models.drop")}</button>
  <small {html.text("models.drop.info")}</small>
  <input type="file" accept="{",".join(CHECKPOINTS)}" hidden>
</div>"""


def _public() -> str:
    return f'<p class="facts" {html.text("models.public")}</p>'


def _filters() -> str:
    search = f'data-word-placeholder="models.search" placeholder="{escape(word("models.search"))}"'
    licences = "".join(
        f'<option value="{value}" {html.text(f"models.commercial.{name}")}</option>'
        for value, name in (("true", "yes"), ("false", "no"), ("null", "unknown"))
    )
    return f"""
<div id="shelf-filters" role="search">
  <input id="shelf-search" type="search" {search} {html.label("models.search")}>
  <select id="shelf-kind" {html.label("models.kind")}><option value="" {html.text("models.kind.all")}</option></select>
  <select id="shelf-licence" {html.label("models.licence")}>
    <option value="" {html.text("models.licence.all")}</option>{licences}</select>
  <label><input id="shelf-here" type="checkbox"> <span {html.text("models.here")}</span></label>
  <span id="shelf-count" class="facts" role="status"></span>
</div>"""


def _hidden(key: str) -> str:
    return f"hidden {html.text(key)}"
