"""The timeline below the picture, and the dialog that makes films of it. It lays out; `static/films.js` moves it."""

from html import escape
from typing import Iterable

from genart.export.film import FORMATS, PUBLIC, QUALITIES, Limits
from genart.recipe import MIXES
from genart.ui.page import Page
from genart.ui.words import word
from genart.walk import EASES, MAX_SECONDS, WALKS

ICONS = {
    "play": "M7 4l13 8-13 8z",
    "pause": "M8 5v14 M16 5v14",
    "loop": "M17 3l4 4-4 4 M3 11V9a2 2 0 0 1 2-2h16 M7 21l-4-4 4-4 M21 13v2a2 2 0 0 1-2 2H3",
    "key": "M12 3l7 9-7 9-7-9z",
    "spline": "M3 18C8 18 8 6 12 6s4 12 9 12",
    "even": "M4 12h16 M4 8v8 M9.3 9v6 M14.7 9v6 M20 8v8",
    "onion": "M4 4h10v10H4z M10 10h10v10H10z",
    "undo": "M9 7L4 12l5 5 M4 12h10a6 6 0 0 1 6 6",
    "redo": "M15 7l5 5-5 5 M20 12H10a6 6 0 0 0-6 6",
    "export": "M4 5h16v14H4z M8 5v14 M16 5v14 M4 9h4 M4 15h4 M16 9h4 M16 15h4",
    "close": "M6 6l12 12 M18 6L6 18",
    "earlier": "M14 6l-6 6 6 6",
    "later": "M10 6l6 6-6 6",
    "update": "M4 12a8 8 0 1 0 3-6.2 M4 4v4.5h4.5",
    "delete": "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
}
SIDES = (256, 512, 768, 1024, 1536, 2048)
RATES = (12, 24, 25, 30, 50, 60)


def dock(page: Page) -> str:
    """The timeline, hidden until it is asked for, and the export dialog."""
    return f"""
<section id="timeline" {_label("film.name")} hidden>
  <div class="tl-bar">
    {_button("play")}{_button("loop", pressed=True)}
    <output id="tl-time">0.0 / 0.0 s</output><output id="tl-rate" aria-live="off"></output>
    <span class="tl-group">
      {_button("key", text=True)}
      <select id="tl-from" {_label("film.from")}>
        <option value="" {_word("film.from")}</option>
        <option value="history" {_word("film.from.history")}</option>
        <option value="points" {_word("film.from.points")}</option>
        <optgroup data-word-label="film.ready" label="{escape(word("film.ready"))}">
          {"".join(f'<option value="make {name}" {_word(f"walk.{name}")}</option>' for name in WALKS)}
        </optgroup>
      </select>
      <input id="tl-seeds" type="text" inputmode="numeric" autocomplete="off" maxlength="200" size="10" placeholder="1,4,10-15"
        {_label("film.seeds")} {_title("film.seeds")}>
    </span>
    <span class="tl-group">{_button("spline", pressed=True)}{_button("even", pressed=True)}{_button("onion", pressed=True)}</span>
    <span class="tl-group">{_button("undo")}{_button("redo")}</span>
    <span class="tl-end">{_button("export", text=True)}{_button("close")}</span>
  </div>
  <div id="tl-track" tabindex="0" role="slider" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0" {_label("film.track")}>
    <canvas id="tl-strip" height="40"></canvas>
    <div id="tl-keys" role="group" {_label("film.keys")}></div>
    <i id="tl-head"></i>
    <p id="tl-empty" {_word("film.empty")}</p>
  </div>
  <div id="tl-key" class="tl-bar" hidden>
    <b id="tl-key-name"></b>
    <label><span {_word("film.seconds")}</span>
      <input id="tl-seconds" type="number" min="0.1" max="{MAX_SECONDS:g}" step="0.1"></label>
    <label><span {_word("film.ease")}</span> {_select("tl-ease", "ease", EASES)}</label>
    <label class="tl-path"><span {_word("film.path")}</span> {_select("tl-path", "path", MIXES)}</label>
    <span class="tl-group">{_button("earlier")}{_button("later")}</span>
    <span class="tl-group">{_button("update", text=True)}{_button("delete", text=True)}</span>
  </div>
</section>
{_dialog(page)}"""


def _dialog(page: Page) -> str:
    limits = PUBLIC if page.public else Limits()
    sides = "".join(
        f'<option value="{side}"{" selected" * (side == 512)}>{side} px</option>' for side in SIDES if side <= limits.side
    )
    rates = "".join(f'<option value="{rate}"{" selected" * (rate == 30)}>{rate} fps</option>' for rate in RATES)
    qualities = "".join(
        f'<option value="{name}"{" selected" * (name == "good")} {_word(f"quality.{name}")}</option>' for name in QUALITIES
    )
    return f"""
<dialog id="film-dialog" {_label("film.export")}>
  <form method="dialog">
    <h3 {_word("film.export")}</h3>
    <label><span {_word("film.format")}</span> {_select("film-format", "format", [*FORMATS, "walk"])}</label>
    <label><span {_word("film.size")}</span> <select id="film-side">{sides}</select></label>
    <label><span {_word("film.rate")}</span> <select id="film-fps">{rates}</select></label>
    <label><span {_word("film.quality")}</span> <select id="film-quality">{qualities}</select></label>
    <label class="tl-check"><input type="checkbox" id="film-label"> <span {_word("film.label")}</span></label>
    <p id="film-estimate" role="status"></p>
    <progress id="film-progress" max="1" value="0" hidden></progress>
    <p class="facts" {_word("film.rights")}</p>
    <div class="tl-bar">
      <button type="button" id="film-start" {_word("film.start")}</button>
      <button type="button" id="film-cancel" {_word("film.cancel")}</button>
    </div>
  </form>
</dialog>"""


def _button(name: str, *, text: bool = False, pressed: bool = False) -> str:
    shown = f"<span {_word(f'film.{name}')}</span>" if text else ""
    state = ' aria-pressed="false"' if pressed else ""
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'
    about = f"{_title(f'film.{name}.tip')} {_label(f'film.{name}')}"
    return f'<button type="button" data-film="{name}"{state} {about}>{icon}{shown}</button>'


def _select(name: str, words: str, values: Iterable[str]) -> str:
    options = "".join(f'<option value="{value}" {_word(f"{words}.{value}")}</option>' for value in values)
    return f'<select id="{name}">{options}</select>'


def _word(key: str) -> str:
    """The end of an opening tag and its text, so that the browser can change the language."""
    return f'data-word="{key}">{escape(word(key))}'


def _title(key: str) -> str:
    return f'data-word-title="{key}" title="{escape(word(key))}"'


def _label(key: str) -> str:
    return f'data-word-label="{key}" aria-label="{escape(word(key))}"'
