"""The timeline below the picture, and the dialog that makes films of it. It lays out; `static/films.js` moves it."""

import json
from dataclasses import asdict
from html import escape

from genart.drive import COLUMNS, USUAL
from genart.export.film import FORMATS, PUBLIC, QUALITIES, Limits
from genart.recipe import MIXES
from genart.sound import ROWS
from genart.ui import html
from genart.ui.page import Page
from genart.ui.words import word
from genart.walk import EASES, MAX_SECONDS, WALKS

SIDES = (256, 512, 768, 1024, 1536, 2048)
RATES = (12, 24, 25, 30, 50, 60)
PLACES = ("first", "second")  # columns that move a direction each


def dock(page: Page) -> str:
    """The timeline, hidden until it is asked for, and the export dialog."""
    return f"""
<section id="timeline" {html.label("film.name")} hidden>
  <div class="tl-bar">
    {_button("play")}{_button("loop", pressed=True)}
    <output id="tl-time">0.0 / 0.0 s</output><output id="tl-rate" aria-live="off"></output>
    <span class="tl-group">
      {_button("key", text=True)}
      <select id="tl-from" {html.label("film.from")}>
        <option value="" {html.text("film.from")}</option>
        <option value="history" {html.text("film.from.history")}</option>
        <option value="kept" {html.text("film.from.kept")}</option>
        <option value="points" {html.text("film.from.points")}</option>
        <optgroup data-word-label="film.ready" label="{escape(word("film.ready"))}">
          {"".join(f'<option value="make {name}" {html.text(f"walk.{name}")}</option>' for name in WALKS)}
        </optgroup>
      </select>
      <input id="tl-seeds" type="text" inputmode="numeric" autocomplete="off" maxlength="200" size="10" placeholder="1,4,10-15"
        {html.label("film.seeds")} {html.title("film.seeds")}>
    </span>
    <span class="tl-group">{_button("spline", pressed=True)}{_button("even", pressed=True)}{_button("onion", pressed=True)}</span>
    <span class="tl-group">{_button("sound", text=True, pressed=True)}</span>
    <input type="file" id="tl-sound-file" accept="audio/*,.wav,.mp3,.ogg,.opus,.flac,.m4a" hidden>
    <span class="tl-group">{_button("undo")}{_button("redo")}</span>
    <span class="tl-end">{_button("export", text=True)}{_button("close")}</span>
  </div>
  <div id="tl-track" tabindex="0" role="slider" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0" {html.label("film.track")}>
    <canvas id="tl-strip" height="40"></canvas>
    <canvas id="tl-wave" height="26" hidden></canvas>
    <div id="tl-keys" role="group" {html.label("film.keys")}></div>
    <i id="tl-head"></i>
    <p id="tl-empty" {html.text("film.empty")}</p>
  </div>
  <div id="tl-key" class="tl-bar" hidden>
    <b id="tl-key-name"></b>
    <label><span {html.text("film.seconds")}</span>
      <input id="tl-seconds" type="number" min="0.1" max="{MAX_SECONDS:g}" step="0.1"></label>
    <label><span {html.text("film.ease")}</span> {html.select("tl-ease", "ease", EASES)}</label>
    <label class="tl-path"><span {html.text("film.path")}</span> {html.select("tl-path", "path", MIXES)}</label>
    <span class="tl-group">{_button("earlier")}{_button("later")}</span>
    <span class="tl-group">{_button("update", text=True)}{_button("delete", text=True)}</span>
  </div>
  {_matrix()}
</section>
{_dialog(page)}"""


def _matrix() -> str:
    """What a sound moves, and how much: its rows down, what they move across."""
    chooses = {place: f'<select data-direction="{place}"></select>' for place in PLACES} | {
        "class": '<select id="sound-label"></select>'
    }
    heads = "".join(
        f'<th scope="col" data-column="{column}"><span {html.text(f"sound.{column}")}</span>{chooses.get(column, "")}</th>'
        for column in COLUMNS
    )
    rows = "".join(
        f'<tr><th scope="row" {html.text(f"sound.row.{row}")}</th>'
        + "".join(f'<td data-column="{column}">{_amount(row, column, -1)}</td>' for column in COLUMNS)
        + f'<td class="smooth">{_amount(row, "smoothing", 0)}</td></tr>'
        for row in ROWS
    )
    usual = json.dumps(asdict(USUAL))
    return f"""
<div id="tl-matrix" role="group" {html.label("film.sound")} data-usual='{usual}' data-rows='{json.dumps(ROWS)}' hidden>
  <div class="tl-bar"><b id="sound-name"></b>
    <span class="tl-end">
      <button type="button" data-sound="fit" {html.title("sound.fit.tip")} {html.text("sound.fit")}</button>
      <button type="button" data-sound="other" {html.title("sound.other.tip")} {html.text("sound.other")}</button>
      <button type="button" data-sound="remove" {html.title("sound.remove.tip")} {html.text("sound.remove")}</button>
      <button type="button" data-sound="close" {html.label("sound.close")}>{html.icon("close")}</button>
    </span></div>
  <p id="sound-lost" class="facts" {html.text("sound.lost")}</p>
  <div class="tl-grid"><table>
    <thead><tr><td></td>{heads}<th scope="col" class="smooth" {html.text("sound.smoothing")}</th></tr></thead>
    <tbody>{rows}</tbody>
  </table></div>
  <p class="facts" {html.text("sound.info")}</p>
</div>"""


def _amount(row: str, column: str, low: int) -> str:
    about = f'data-row="{row}" data-into="{column}"'
    return f'<input type="range" min="{low}" max="1" step="0.05" value="0" {about}><output>0</output>'


def _dialog(page: Page) -> str:
    limits = PUBLIC if page.public else Limits()
    sides = "".join(
        f'<option value="{side}"{" selected" * (side == 512)}>{side} px</option>' for side in SIDES if side <= limits.side
    )
    rates = "".join(f'<option value="{rate}"{" selected" * (rate == 30)}>{rate} fps</option>' for rate in RATES)
    qualities = "".join(
        f'<option value="{name}"{" selected" * (name == "good")} {html.text(f"quality.{name}")}</option>' for name in QUALITIES
    )
    return f"""
<dialog id="film-dialog" {html.label("film.export")}>
  <form method="dialog">
    <h3 {html.text("film.export")}</h3>
    <label><span {html.text("film.format")}</span> {html.select("film-format", "format", [*FORMATS, "walk"])}</label>
    <label><span {html.text("film.size")}</span> <select id="film-side">{sides}</select></label>
    <label><span {html.text("film.rate")}</span> <select id="film-fps">{rates}</select></label>
    <label><span {html.text("film.quality")}</span> <select id="film-quality">{qualities}</select></label>
    <label class="tl-check"><input type="checkbox" id="film-label"> <span {html.text("film.label")}</span></label>
    <label class="tl-check" id="film-heard" hidden><input type="checkbox" id="film-sound" checked>
      <span {html.text("film.heard")}</span></label>
    <p id="film-estimate" role="status"></p>
    <progress id="film-progress" max="1" value="0" hidden></progress>
    <p class="facts" {html.text("film.rights")}</p>
    <div class="tl-bar">
      <button type="button" id="film-start" {html.text("film.start")}</button>
      <button type="button" id="film-cancel" {html.text("film.cancel")}</button>
    </div>
  </form>
</dialog>"""


def _button(name: str, *, text: bool = False, pressed: bool = False) -> str:
    shown = f"<span {html.text(f'film.{name}')}</span>" if text else ""
    state = ' aria-pressed="false"' if pressed else ""
    about = f"{html.title(f'film.{name}.tip')} {html.label(f'film.{name}')}"
    return f'<button type="button" data-film="{name}"{state} {about}>{html.icon(name)}{shown}</button>'
