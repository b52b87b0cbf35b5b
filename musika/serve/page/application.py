"""The Gradio part of the page: the header with the checkpoint chooser, the tabs, and the history."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import gradio

from musika.serve.page.checkpoints import MAKES_PIECES
from musika.serve.page.context import PageContext, SharedComponents
from musika.serve.page.scripts import call_when_loaded
from musika.serve.page.tabs import codec, edit, make, notes, radio, styles, training

TITLE = "Musika"
ABOUT = "Music without end. The same seed gives the same piece, however long."
TABS: tuple[ModuleType, ...] = (radio, make, notes, edit, codec, styles, training)  # each names its tab after itself


def build_page(context: PageContext) -> gradio.Blocks:
    """The page, which has not been mounted or launched."""
    with gradio.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gradio.Row(elem_id="musika-header"):
            gradio.Markdown(f"# {TITLE}\n{ABOUT}")
            checkpoint = _add_chooser(context)
        link = gradio.Textbox(visible="hidden")
        with gradio.Tabs(elem_id="musika-tabs") as tabs:
            shared = SharedComponents(checkpoint, tabs, link)
            for tab in TABS:
                tab.add_tab(context, shared)
        _add_history(shared)
        _restore_link(page, context, shared)
        if context.defaults.watched is None:  # a training beside the page needs the processor more
            quiet: dict[str, Any] = {"preprocess": False, "queue": False, "api_visibility": "private"}
            for event in (page.load, checkpoint.change):
                event(context.models.start, [checkpoint], None, **quiet)
    page.queue(max_size=context.limits.waiting, default_concurrency_limit=1, api_open=False)
    return page


def _add_history(shared: SharedComponents) -> None:
    """The history. A piece that is played from it also chooses its checkpoint, or its tab."""
    history = gradio.HTML(
        "<musika-history></musika-history>",
        apply_default_css=False,
        js_on_load="element.addEventListener('choose', () => trigger('click'));",
    )
    outputs = [shared.checkpoint, shared.tabs]
    history.click(None, None, outputs, js="() => musika.page.wanted", api_visibility="private")


def _restore_link(page: gradio.Blocks, context: PageContext, shared: SharedComponents) -> None:
    """Shows what the link says with which the page is opened: checkpoint and tab, and the piece in the tab Make."""
    names = json.dumps(context.list_checkpoints(*MAKES_PIECES))
    tabs = [tab.__name__.rpartition(".")[2] for tab in TABS]
    first = "radio" if context.defaults.watched is None else "training"
    arguments = f"{names}, {json.dumps(tabs)}, {json.dumps(first)}"
    page.load(
        None,
        [shared.checkpoint],
        [shared.checkpoint, shared.tabs, shared.link],
        js=call_when_loaded(f"name => musika.links.restorePage(name, {arguments})"),
        api_visibility="private",
    )


def _add_chooser(context: PageContext) -> gradio.Dropdown:
    """The chooser of the checkpoint; what is chosen is told to the scripts of the page."""
    names = context.list_checkpoints(*MAKES_PIECES)
    chooser = gradio.Dropdown(
        names, value=names[0] if names else None, label="Checkpoint", elem_id="musika-checkpoint", scale=0
    )
    tell = call_when_loaded("name => musika.page.setCheckpoint(name)")
    chooser.change(None, [chooser], None, js=tell, api_visibility="private")
    return chooser
