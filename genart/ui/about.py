"""The About tab: what this is, the models with their licences, rights and honesty."""

from html import escape

import gradio as gr

from genart import __version__
from genart.ui.page import Page
from genart.ui.words import WORDS, word


def tab(page: Page) -> None:
    """Lay out the tab inside an open gr.Blocks."""
    rows = "".join(
        f"<tr><td>{_title(entry.name)}<br><code>{escape(entry.name)}</code></td><td>{escape(entry.kind)}</td>"
        f"<td>{_text(entry.credit) if entry.credit in WORDS else escape(entry.credit)}</td><td>{escape(entry.licence)}</td></tr>"
        for entry in page.entries.values()
    )
    head = "".join(f"<th>{_text(f'about.column.{name}')}</th>" for name in ("model", "kind", "data", "licence"))
    gr.HTML(
        f"""
<article id="about-text">
  <h2>{_text("about.heading")}</h2><p>{_text("about.text")}</p>
  <h2>{_text("about.models")}</h2>
  <div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
  <h2>{_text("about.rights")}</h2><p>{_text("about.rights.text")}</p>
  <p>{_text("about.credit.text")}</p>
  <p><small>genart {__version__} · Apache-2.0</small></p>
</article>""",
        apply_default_css=False,
    )


def _title(name: str) -> str:
    return _text(f"model.{name}") if f"model.{name}" in WORDS else escape(name)


def _text(key: str) -> str:
    return f'<span data-word="{escape(key)}">{escape(word(key))}</span>'
