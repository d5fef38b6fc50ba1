"""Breeding: parents, their nine children, thumbs, and the tree of all that came of them.

It lays out; `static/breed.js` asks for children, `static/lineage.js` keeps and draws the tree.
"""

import gradio as gr

from genart.ui import html
from genart.ui.page import Page

CHILDREN = 9
CROSSES = ("mix", "layers", "both")
GENES = ("parent", "shares", "mutate")


def tool(page: Page) -> None:
    """Lay out the tool inside an open gr.Column."""
    gr.HTML(_parents() + _settings() + _children() + _tree(), apply_default_css=False)


def _parents() -> str:
    return f"""
<section class="panel" id="breed-panel">
  <h3><span {html.text("breed.parents")}</span> <small {html.text("breed.parents.term")}</small></h3>
  <div class="line">
    <div id="breed-parents" role="group" {html.label("breed.parents")}></div>
    {_button("breed.now", "add")}
  </div>
  <div id="breed-tray" {html.label("breed.tray")}></div>
</section>"""


def _settings() -> str:
    choices = "".join(
        f'<label class="choice" id="breed-{name}-row"><span {html.text(f"breed.{name}")}</span> '
        f"{html.select(f'breed-{name}', f'breed.{name}', values)}</label>"
        for name, values in (("cross", CROSSES), ("classes", GENES))
    )
    return f"""
<section class="panel" id="breed-settings">
  <div id="breed-sliders"></div>
  <div class="line">{choices}</div>
</section>"""


def _children() -> str:
    children = "".join(_child(n) for n in range(1, CHILDREN + 1))
    return f"""
<section class="panel">
  <div id="breed-empty"><p {html.text("breed.empty")}</p>
    <button type="button" id="breed-begin" {html.text("breed.begin")}</button></div>
  <div id="breed-grid" role="group" {html.label("breed.children")} hidden>{children}</div>
  <div class="line" id="breed-bar" hidden>
    {_button("breed.again", "update")}{_button("breed.stop", "close", more="hidden")}
    <output id="breed-progress"></output>
    <span class="thumbs"><small {html.text("breed.present")}</small>{_thumbs()}</span>
  </div>
  <p id="breed-alike" role="status" hidden><span></span>
    <button type="button" id="breed-raise" class="small" {html.text("breed.raise")}</button></p>
  <p class="facts line" id="breed-taste"><span></span>{_button("breed.forget", more='class="small"')}</p>
</section>"""


def _child(n: int) -> str:
    values = f"data-word-values='{{\"n\": {n}}}'"
    return f"""<div class="child">
  <button type="button" class="portrait" data-word-label="breed.child" {values} aria-label="{n}" tabindex="{0 if n == 1 else -1}"
    aria-keyshortcuts="Enter Shift+Enter + -"><canvas width="160" height="160"></canvas></button>
  <div class="marks">{_thumbs(reached=False)}<button type="button" class="add" tabindex="-1" {html.title("breed.add")}
    {html.label("breed.add")} aria-pressed="false">{html.icon("add")}</button></div></div>"""


def _thumbs(*, reached: bool = True) -> str:
    tabs = "" if reached else ' tabindex="-1"'
    return "".join(
        f'<button type="button" class="{name}" data-thumb="{thumb}"{tabs} aria-pressed="false"'
        f" {html.title(f'breed.{name}')} {html.label(f'breed.{name}')}>{html.icon(name)}</button>"
        for name, thumb in (("up", 1), ("down", -1))
    )


def _tree() -> str:
    icons = {"go": "play", "parent": "add", "pin": "pin", "root": "branch", "compare": "compare", "delete": "delete"}
    actions = "".join(_button(f"tree.{name}", icon) for name, icon in icons.items())
    scales = "".join(
        f'<button type="button" id="tree-{name}" class="small" {html.title(f"tree.{name}")} {html.label(f"tree.{name}")}>'
        f"{html.icon(icon)}</button>"
        for name, icon in (("out", "minus"), ("in", "add"))
    )
    return f"""
<section class="panel" id="tree-panel">
  <h3><span {html.text("tree.name")}</span> <small {html.text("tree.term")}</small>
    {_button("tree.undo", more='class="small" hidden')}{_button("tree.all", more='class="small" hidden')}{scales}</h3>
  <p class="facts" id="tree-empty" {html.text("tree.empty")}</p>
  <div id="tree" hidden><div id="tree-ground" role="group" {html.label("tree.name")}></div></div>
  <div class="line" id="tree-actions" hidden>{actions}</div>
  <p class="facts" id="tree-pick" role="status" {html.text("tree.pick")}</p>
  <div id="tree-pair" hidden><canvas width="256" height="256"></canvas><canvas width="256" height="256"></canvas>
    {_button("tree.flip", "compare")}</div>
</section>"""


def _button(name: str, icon: str | None = None, more: str = "") -> str:
    """A button with the id of its name: `tree.pin` becomes `tree-pin`."""
    drawn = html.icon(icon) if icon else ""
    words = f"<span {html.text(name)}</span>"
    return f'<button type="button" id="{name.replace(".", "-")}" {more} {html.title(f"{name}.tip")}>{drawn}{words}</button>'
