"""Controls of settings: names, ranges and help come from the fields of `musika/config/`."""

from __future__ import annotations

from typing import Any

import gradio

from musika.config import Config
from musika.config.fields import describe_field, get_fields, get_limits

WIDEST = 1000  # range that a slider can be set in with some precision


def add_setting(kind: type[Config], name: str, **options: Any) -> gradio.components.Component:
    """A control: a box to tick for a switch, a slider for a number with limits, a box for other numbers.

    A number that need not be set is 0 then.

    Args:
        kind: configuration that has the field.
        name: of the field.
        options: of the component.
    """
    field = get_fields(kind)[name]
    value: Any = field.default
    limits = get_limits(field)
    label, help = name.replace("_", " ").capitalize(), describe_field(field)
    info = help[0].upper() + help[1:] + "."
    if isinstance(value, bool):
        return gradio.Checkbox(value, label=label, info=info, **options)
    if "low" in limits and "high" in limits and limits["high"] - limits["low"] <= WIDEST:
        low, high = limits["low"], limits["high"]
        return gradio.Slider(low, high, value=value, step=(high - low) / 100, label=label, info=info, **options)
    if value is None:
        value, info = 0, f"{info} 0: not set."  # Gradio shows an empty box as 0
    return gradio.Number(value, label=label, info=info, **options)
