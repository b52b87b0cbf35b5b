"""The tab Training: the progress of training runs."""

from __future__ import annotations

import html
import json

import gradio

from musika.serve.page.checkpoints import PLAYS_NOTES
from musika.serve.page.context import PageContext, SharedComponents


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    names = html.escape(json.dumps(context.list_checkpoints(*PLAYS_NOTES)))
    watched = context.defaults.watched
    run = "" if watched is None else html.escape(watched.resolve().name)
    with gradio.Tab("Training", id="training"):
        element = f'<musika-training data-performers="{names}" data-run="{run}"></musika-training>'
        gradio.HTML(element, apply_default_css=False)
