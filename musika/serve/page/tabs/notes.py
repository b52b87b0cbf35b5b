"""The tab Play notes: a MIDI file or drawn notes, played by a performer."""

from __future__ import annotations

import gradio

from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Play notes", id="notes"):
        gradio.HTML("<musika-notes></musika-notes>", apply_default_css=False)
