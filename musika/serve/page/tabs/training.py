"""The tab Training: the progress of training runs."""

from __future__ import annotations

import gradio

from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Training", id="training"):
        gradio.HTML("<musika-training></musika-training>", apply_default_css=False)
