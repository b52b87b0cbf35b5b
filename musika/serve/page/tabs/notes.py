"""The tab Play notes: a MIDI file or drawn notes, played by a performer. The element is made by static/notes.js."""

from __future__ import annotations

import html
import json

import gradio

from musika.serve.page.checkpoints import PLAYS_NOTES
from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    names = html.escape(json.dumps(context.list_checkpoints(*PLAYS_NOTES)))
    with gradio.Tab("Play notes", id="notes"):
        gradio.HTML(f'<musika-notes data-checkpoints="{names}"></musika-notes>', apply_default_css=False)
