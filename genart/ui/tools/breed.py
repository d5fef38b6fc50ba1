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
    <button type="button" id="breed-now" {html.title("breed.now.tip")}>{html.icon("add")}<span {html.text("breed.now")}</span></button>
  </div>
  <div id="breed-tray" {html.label("breed.tray")}></div>
</section>"""


def _settings() -> str:
    return f"""
<section class="panel" id="breed-settings">
  <div id="breed-sliders"></div>
  <div class="line">
    <label class="choice" id="breed-cross-row"><span {html.text("breed.cross")}</span> {html.select("breed-cross", "breed.cross", CROSSES)}</label>
    <label class="choice" id="breed-classes-row"><span {html.text("breed.classes")}</span> {html.select("breed-classes", "breed.classes", GENES)}</label>
  </div>
</section>"""


def _children() -> str:
    return f"""
<section class="panel">
  <div id="breed-empty"><p {html.text("breed.empty")}</p>
    <button type="button" id="breed-begin" {html.text("breed.begin")}</button></div>
  <div id="breed-grid" role="group" {html.label("breed.children")} hidden>{"".join(_child(n) for n in range(1, CHILDREN + 1))}</div>
  <div class="line" id="breed-bar" hidden>
    <button type="button" id="breed-again" {html.title("breed.again.tip")}>{html.icon("update")}<span {html.text("breed.again")}</span></button>
    <button type="button" id="breed-stop" {html.title("breed.stop.tip")} hidden>{html.icon("close")}<span {html.text("breed.stop")}</span></button>
    <output id="breed-progress"></output>
    <span class="thumbs"><small {html.text("breed.present")}</small>{_thumbs()}</span>
  </div>
  <p id="breed-alike" role="status" hidden><span></span>
    <button type="button" id="breed-raise" class="small" {html.text("breed.raise")}</button></p>
  <p class="facts line" id="breed-taste"><span></span>
    <button type="button" id="breed-forget" class="small" {html.title("breed.forget.tip")} {html.text("breed.forget")}</button></p>
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
    actions = "".join(
        _button(name, icon) for name, icon in (("go", "play"), ("parent", "add"), ("pin", "pin"), ("root", "branch"))
    )
    return f"""
<section class="panel" id="tree-panel">
  <h3><span {html.text("tree.name")}</span> <small {html.text("tree.term")}</small>
    <button type="button" id="tree-undo" class="small" {html.title("tree.undo.tip")} hidden><span></span></button>
    <button type="button" id="tree-all" class="small" {html.title("tree.all.tip")} hidden><span {html.text("tree.all")}</span></button>
    <button type="button" id="tree-out" class="small" {html.title("tree.out")} {html.label("tree.out")}>{html.icon("minus")}</button>
    <button type="button" id="tree-in" class="small" {html.title("tree.in")} {html.label("tree.in")}>{html.icon("add")}</button></h3>
  <p class="facts" id="tree-empty" {html.text("tree.empty")}</p>
  <div id="tree" hidden><div id="tree-ground" role="group" {html.label("tree.name")}></div></div>
  <div class="line" id="tree-actions" hidden>{actions}{_button("compare", "compare")}{_button("delete", "delete")}</div>
  <p class="facts" id="tree-pick" role="status" {html.text("tree.pick")}</p>
  <div id="tree-pair" hidden><canvas width="256" height="256"></canvas><canvas width="256" height="256"></canvas>
    <button type="button" id="tree-flip" {html.title("tree.flip.tip")}>{html.icon("compare")}<span {html.text("tree.flip")}</span></button></div>
</section>"""


def _button(name: str, icon: str) -> str:
    about = f"{html.title(f'tree.{name}.tip')} {html.label(f'tree.{name}')}"
    return f'<button type="button" data-tree="{name}" {about}>{html.icon(icon)}<span {html.text(f"tree.{name}")}</span></button>'
