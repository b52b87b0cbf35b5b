"""The tab Codec: a recording and its reconstruction under one switch."""

from __future__ import annotations

import gradio

from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Codec", id="codec"):
        gradio.Markdown("## A recording and its reconstruction under one switch")
