"""The tab Styles: a map of styles to click on."""

from __future__ import annotations

import gradio

from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Styles", id="styles"):
        gradio.HTML("<musika-styles></musika-styles>", apply_default_css=False)
