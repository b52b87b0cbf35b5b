"""The tab Edit: a recording whose marked spans are filled, continued, varied or blended."""

from __future__ import annotations

import gradio

from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Edit", id="edit"):
        gradio.Markdown("## A recording whose marked spans are filled, continued, varied or blended")
