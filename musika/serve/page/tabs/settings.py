"""Controls of settings: names, ranges and help come from the fields of `musika/config/`."""

from __future__ import annotations

import re
from typing import Any

import gradio

from musika.config import Config
from musika.config.fields import describe_field, get_fields, get_limits
from musika.serve.page.settings_fields import CHOSEN_BY_SEED

CHOSEN = "chosen by the seed"
BY_SEED = re.compile(r"; -?\d+: the seed chooses it")  # what an empty box says by itself
WIDEST = 1000  # range that a slider can be set in with some precision


def add_setting(kind: type[Config], name: str, **options: Any) -> gradio.components.Component:
    """A control: a box to tick for a switch, a slider for a number with limits, a box for other numbers and for texts.

    A number that need not be set has a box for text, which can be empty: `settings_fields.read_box` reads it.

    Args:
        kind: configuration that has the field.
        name: of the field.
        options: of the component.
    """
    field = get_fields(kind)[name]
    value: Any = field.default
    label, help = name.replace("_", " ").capitalize(), describe_field(field)
    info = help[0].upper() + help[1:] + "."
    if isinstance(value, bool):
        return gradio.Checkbox(value, label=label, info=info, **options)
    if isinstance(value, str):
        return gradio.Textbox(value, label=label, info=info, **options)
    limits = get_limits(field)
    low, high = limits.get("low", limits.get("above")), limits.get("high")
    if low is not None and high is not None and high - low <= WIDEST:
        step = (high - low) / 100
        low += step if "above" in limits else 0
        return gradio.Slider(low, high, value=value, step=step, label=label, info=info, **options)
    if value is None or name in CHOSEN_BY_SEED:
        hint = CHOSEN if name in CHOSEN_BY_SEED else "not set"
        return gradio.Textbox(label=label, info=BY_SEED.sub("", info), placeholder=hint, max_length=20, **options)
    if isinstance(value, int):
        options = {"precision": 0, **options}
    return gradio.Number(value, label=label, info=info, **options)
