"""The tab Radio: music without end, which is steered while it plays. The element is drawn by static/radio.js."""

from __future__ import annotations

import gradio

from musika.serve.page.checkpoints import MAKES_PIECES
from musika.serve.page.context import PageContext, SharedComponents

NOTHING = "<p>No checkpoint here makes music by itself. The tabs Training, Codec and Edit work without one.</p>"


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    defaults = context.defaults
    seed = "" if defaults.seed is None else f' seed="{defaults.seed:d}"'
    with gradio.Tab("Radio", id="radio"):
        element = f'<musika-radio truncation="{defaults.truncation:g}"{seed}></musika-radio>'
        gradio.HTML(element if context.list_checkpoints(*MAKES_PIECES) else NOTHING, apply_default_css=False)
