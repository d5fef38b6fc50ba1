"""The Explore tab: the picture, large and first, and the controls beside it. It lays out and
does not compute; `static/explore.js` binds the controls to the live channel."""

import base64
import json
from html import escape

import gradio as gr

from genart.catalogue import starting_points
from genart.ui.live import STILLS
from genart.ui.page import Page
from genart.ui.timeline import dock
from genart.ui.words import WORDS, word

# 24 x 24 outlines, drawn for genart.
ICONS = {
    "dice": "M4 4h16v16H4z M8.5 8.5h.01 M15.5 8.5h.01 M12 12h.01 M8.5 15.5h.01 M15.5 15.5h.01",
    "recycle": "M4 12a8 8 0 1 0 3-6.2 M4 4v4.5h4.5",
    "undo": "M9 7L4 12l5 5 M4 12h10a6 6 0 0 1 6 6",
    "redo": "M15 7l5 5-5 5 M20 12H10a6 6 0 0 0-6 6",
    "compare": "M12 3v18 M4 6h5v12H4z M15 6h5v12h-5z",
    "drift": "M3 9c3-4 6-4 9 0s6 4 9 0 M3 16c3-4 6-4 9 0s6 4 9 0",
    "reset": "M4 7h9 M17 7h3 M4 17h3 M11 17h9 M15 5v4 M9 15v4",
    "link": "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1 M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
    "save": "M12 4v11 M7 11l5 5 5-5 M5 20h14",
    "open": "M12 16V5 M7 9l5-5 5 5 M5 20h14",
    "film": "M4 5h16v14H4z M8 5v14 M16 5v14 M4 9h4 M4 15h4 M16 9h4 M16 15h4",
    "full": "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
    "more": "M6 9l6 6 6-6",
    "theme": "M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z",
}
ACTIONS = ("dice", "undo", "redo", "compare", "drift", "film", "reset", "link", "save", "open")
ICON_ONLY = ("undo", "redo", "reset", "link")
STEPS = {"upscale": [["times", 4]], "palette": [["colours", 12]], "ink": [["scale", 8]]}
SAVED_SIZES = (256, 512, 1024, 2048)
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
                for name, entry in page.entries.items()
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
            gr.HTML(_models(page) + _seed() + _classes(), apply_default_css=False)
            _slider("psi", -1, 1.5, 0.7, 0.01)
            gr.HTML(_latents(), apply_default_css=False)
            gr.HTML(_advanced(), apply_default_css=False)
            with gr.Column(elem_id="advanced"):
                _slider("cutoff", 0, 18, 0, 1)
                gr.HTML(_noise(), apply_default_css=False)
                _slider("strength", 0, 2, 1, 0.01)
                gr.HTML(_finish() + _saved_size() + _keys(), apply_default_css=False)
    gr.HTML(dock(page), apply_default_css=False)


def _slider(name: str, low: float, high: float, value: float, step: float) -> None:
    gr.Slider(low, high, value, step=step, label=word(f"{name}.label"), info=word(f"{name}.info"), elem_id=name, interactive=True)


def _stage() -> str:
    actions = "".join(_action(name, text=name not in ICON_ONLY) for name in ACTIONS)
    return f"""
<section id="stage">
  <div id="frame">
    <canvas id="picture" width="512" height="512" tabindex="0" role="img" {_label("stage.name")}></canvas>
    <p id="stage-loading" {_word("stage.loading")}</p>
    <p id="stage-error" role="alert" hidden></p>
    <p id="stage-hint" {_word("stage.hint")}</p>
    <p id="stage-drop" {_word("stage.drop")}</p>
    <p id="note" role="status"></p>
    {_action("full", text=False)}
  </div>
  <p id="readout" {_title("stage.speed.tip")}>&nbsp;</p>
  <div id="actions" role="toolbar">{actions}</div>
  <nav id="history" {_label("history.name")}>
    <div id="history-list"></div>
  </nav>
  <input type="file" id="open-file" accept="image/*,video/mp4,video/webm,.zip,.json" hidden>
  <p id="spoken" class="unseen" aria-live="polite"></p>
</section>"""


def _action(name: str, *, text: bool = True) -> str:
    about = f"{_title(f'action.{name}.tip')} {_label(f'action.{name}')}"
    shown = f"<span {_word(f'action.{name}')}</span>" if text else ""
    return f'<button type="button" data-action="{name}" {about}>{icon(name)}{shown}</button>'


def _models(page: Page) -> str:
    cards = "".join(
        f'<button type="button" class="card" aria-pressed="false" data-model="{escape(entry.name)}">'
        f'<canvas width="96" height="96"{" data-hard=true" if entry.hard_pixels else ""}></canvas>'
        f"<span {_model_title(entry.name)}</span></button>"
        for entry in page.entries.values()
    )
    return f"""
<section class="panel" id="model-panel">
  <h3 {_word("model.name")}</h3>
  <div id="models" role="group" {_label("model.name")}>{cards}</div>
  <div id="points" role="group" {_label("points.name")}></div>
  <p class="facts"><span id="model-facts"></span><br><small id="model-credit"></small></p>
</section>"""


def _seed() -> str:
    return f"""
<section class="panel" id="seed-panel">
  <h3><label for="seed" {_word("seed.name")}</label> <small {_word("seed.info")}</small></h3>
  <div class="line">
    <input id="seed" type="text" inputmode="numeric" autocomplete="off" maxlength="20">
    {_action("dice", text=False)}
    {_action("recycle", text=False)}
  </div>
</section>"""


def _classes() -> str:
    return f"""
<section class="panel" id="classes" hidden>
  <h3><span {_word("class.name")}</span> <small {_word("class.term")}</small>
    <button type="button" id="class-all" class="small" aria-pressed="false" {_title("class.all.tip")}>
      <span {_word("class.all")}</span></button>
    <button type="button" id="class-mix" class="small" aria-pressed="false" {_title("class.mix.tip")}>
      <span {_word("class.mix")}</span></button></h3>
  <div id="class-list" role="group" {_label("class.name")}></div>
  <select id="class-menu" {_label("class.name")} hidden></select>
  <div id="class-shares"></div>
</section>"""


def _latents() -> str:
    return f"""
<section class="panel" id="directions" hidden>
  <h3><span {_word("direction.name")}</span> <small {_word("direction.term")}</small></h3>
  <div id="direction-list"></div>
</section>
<section class="panel" id="moves" hidden>
  <h3><span {_word("control.name")}</span> <small {_word("control.term")}</small></h3>
  <div id="move-list"></div>
</section>
<section class="panel" id="faders" hidden>
  <h3><span {_word("latent.name")}</span> <small {_word("latent.term")}</small></h3>
  <div id="fader-list"></div>
</section>
<section class="panel" id="strip" hidden>
  <h3><span {_word("latent.name")}</span> <small id="strip-term"></small></h3>
  <canvas id="strip-canvas" width="512" height="96" tabindex="0" role="slider" aria-valuemin="-4" aria-valuemax="4"
    {_label("latent.name")}></canvas>
</section>"""


def _advanced() -> str:
    """Opens the group below it; gr.Accordion builds its children only once opened, too late for the controls."""
    return f"""<button type="button" id="advanced-toggle" aria-expanded="false" aria-controls="advanced">
  {icon("more")}<span {_word("advanced.name")}</span></button>"""


def _noise() -> str:
    modes = "".join(
        f'<button type="button" value="{mode}" aria-pressed="false" {_word(f"noise.{mode}")}</button>'
        for mode in ("const", "random", "none")
    )
    return f"""
<section class="panel" id="noise" hidden>
  <h3><span {_word("noise.name")}</span> <small {_word("noise.term")}</small></h3>
  <div class="line" id="noise-modes" role="group" {_label("noise.name")}>{modes}</div>
  <label class="line" id="noise-seed-row" hidden><span {_word("noise.seed")}</span>
    <input id="noise-seed" type="number" min="0" max="4294967295" step="1" value="0"></label>
</section>"""


def _finish() -> str:
    steps = "".join(
        f'<button type="button" aria-pressed="false" data-step="{name}" data-parameters=\'{json.dumps(parameters)}\' '
        f"{_title(f'finish.{name}.tip')} {_word(f'finish.{name}')}</button>"
        for name, parameters in STEPS.items()
    )
    return f"""
<section class="panel" id="finish">
  <h3><span {_word("finish.name")}</span> <small {_word("finish.term")}</small></h3>
  <div class="line" role="group" {_label("finish.name")}>{steps}</div>
</section>"""


def _saved_size() -> str:
    sizes = "".join(
        f"<option value='{size}' data-word='saved.pixels' data-word-values='{json.dumps({'n': size})}'>{size}</option>"
        for size in SAVED_SIZES
    )
    formats = "".join(f"<option value='{kind}'>{kind.upper()}</option>" for kind in STILLS)
    return f"""
<section class="panel">
  <h3><label for="saved-size" {_word("saved.name")}</label></h3>
  <div class="line"><select id="saved-size"><option value="" {_word("saved.native")}</option>{sizes}</select>
    <select id="saved-format" {_label("saved.format")}>{formats}</select></div>
</section>"""


def _keys() -> str:
    return f'<section class="panel"><h3 {_word("keys.name")}</h3><p class="facts" {_word("keys.text")}</p></section>'


def icon(name: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'


def _word(key: str) -> str:
    """The end of an opening tag and its text, so that the browser can change the language."""
    return f'data-word="{key}">{escape(word(key))}'


def _model_title(name: str) -> str:
    """The title of a shipped model; a model of the user's own goes by its name."""
    return _word(f"model.{name}") if f"model.{name}" in WORDS else f">{escape(name)}"


def _title(key: str) -> str:
    return f'data-word-title="{key}" title="{escape(word(key))}"'


def _label(key: str) -> str:
    return f'data-word-label="{key}" aria-label="{escape(word(key))}"'
