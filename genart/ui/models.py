"""The Models tab: what there is to explore, and how to get more. `static/models.js` fills the cards."""

from html import escape

import gradio as gr

from genart.catalogue import CHECKPOINTS
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
  <div id="shelf-recent" hidden><h3 {_word("models.recent")}</h3><div class="line"></div></div>
  {_filters()}
  <div id="shelf-cards" class="shelf-cards" role="list"></div>
  <p id="shelf-none" {_hidden("models.none")}</p>
</section>""",
        apply_default_css=False,
    )


def _hub() -> str:
    return f"""
<form id="shelf-hub">
  <label for="shelf-address" {_word("models.hub.label")}</label>
  <div class="line">
    <input id="shelf-address" type="text" autocomplete="off" spellcheck="false" maxlength="400"
      data-word-placeholder="models.hub.example" placeholder="{escape(word("models.hub.example"))}">
    <button type="submit" {_word("models.hub.look")}</button>
  </div>
</form>"""


def _drop() -> str:
    return f"""
<div id="shelf-drop">
  <button type="button" {_word("models.drop")}</button>
  <small {_word("models.drop.info")}</small>
  <input type="file" accept="{",".join(CHECKPOINTS)}" hidden>
</div>"""


def _public() -> str:
    return f'<p class="facts" {_word("models.public")}</p>'


def _filters() -> str:
    search = f'data-word-placeholder="models.search" placeholder="{escape(word("models.search"))}"'
    licences = "".join(
        f'<option value="{value}" {_word(f"models.commercial.{name}")}</option>'
        for value, name in (("true", "yes"), ("false", "no"), ("null", "unknown"))
    )
    return f"""
<div id="shelf-filters" role="search">
  <input id="shelf-search" type="search" {search} {_label("models.search")}>
  <select id="shelf-kind" {_label("models.kind")}><option value="" {_word("models.kind.all")}</option></select>
  <select id="shelf-licence" {_label("models.licence")}>
    <option value="" {_word("models.licence.all")}</option>{licences}</select>
  <label><input id="shelf-here" type="checkbox"> <span {_word("models.here")}</span></label>
  <span id="shelf-count" class="facts" role="status"></span>
</div>"""


def _word(key: str) -> str:
    return f'data-word="{key}">{escape(word(key))}'


def _hidden(key: str) -> str:
    return f"hidden {_word(key)}"


def _label(key: str) -> str:
    return f'data-word-label="{key}" aria-label="{escape(word(key))}"'
