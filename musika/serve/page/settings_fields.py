"""The settings of pieces as fields of a form: names, help, ranges and defaults are those of `musika.config`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from musika.config import ComposedSettings, Config, GeneratorSettings, PerformerSettings
from musika.config.fields import convert_value, describe_field, describe_range, get_fields, get_limits, is_in_range
from musika.errors import ConfigError, UsageError
from musika.gan.load import KIND as GENERATOR
from musika.gan.performer_load import KIND as PERFORMER
from musika.serve.page.checkpoints import COMPOSED

# settings of the pieces that a checkpoint of each kind makes
SETTINGS: dict[str, type[Config]] = {
    GENERATOR: GeneratorSettings,
    COMPOSED: ComposedSettings,
    PERFORMER: PerformerSettings,
}
MAX_WHOLE = 2**53 - 1  # what a browser can count to
STEPS = 100  # of a slider


@dataclasses.dataclass(frozen=True)
class SettingField:
    """A setting in a form.

    Attributes:
        name: of the setting.
        label: for a person.
        help: one line.
        kind: "slider" for a number between two limits, "whole" for a whole number, "text".
        default: the value that the form opens with.
        low: smallest value.
        high: largest value.
        step: of a slider.
    """

    name: str
    label: str
    help: str
    kind: Literal["slider", "whole", "text"]
    default: Any
    low: float | None = None
    high: float | None = None
    step: float = 1.0


def list_setting_fields(*kinds: str) -> list[SettingField]:
    """All settings of some kinds of checkpoints, each once."""
    fields: dict[str, SettingField] = {}
    for kind in kinds:
        for name, field in get_fields(SETTINGS[kind]).items():
            fields.setdefault(name, _make_field(name, field))
    return list(fields.values())


def _make_field(name: str, field: dataclasses.Field[Any]) -> SettingField:
    label = name.replace("_", " ").capitalize()
    limits, help = get_limits(field), describe_field(field)
    if isinstance(field.default, str):
        return SettingField(name, label, help, "text", field.default)
    low, high = limits.get("low", limits.get("above")), limits.get("high", limits.get("below"))
    if isinstance(field.default, int):
        return SettingField(name, label, help, "whole", field.default, low, min(high or MAX_WHOLE, MAX_WHOLE))
    if low is None or high is None:
        return SettingField(name, label, help, "whole", field.default, low, high)
    step = 10.0 ** math.floor(math.log10((high - low) / STEPS))
    return SettingField(name, label, help, "slider", field.default, low + step if "above" in limits else low, high, step)


def has_setting(kind: str, name: str) -> bool:
    """Whether pieces of a kind of checkpoints have a setting."""
    return name in get_fields(SETTINGS[kind])


def read_settings(values: Mapping[str, Any], kind: type[Config]) -> dict[str, Any]:
    """The settings among the values of a form that a kind of pieces has; empty values have their defaults.

    Raises:
        UsageError: a value of the wrong type or out of its range; the text names the setting.
    """
    settings: dict[str, Any] = {}
    for name, field in get_fields(kind).items():
        value = values.get(name)
        if value is None or value == field.default:
            continue
        if isinstance(field.default, int) and isinstance(value, float) and value.is_integer():
            value = int(value)  # a browser knows one kind of numbers
        try:
            settings[name] = convert_value(field, value)
        except ConfigError:
            wanted = "a text" if isinstance(field.default, str) else "a number"
            raise UsageError(f"{name.replace('_', ' ')} must be {wanted}") from None
        if not is_in_range(field, settings[name]):
            raise UsageError(f"{name.replace('_', ' ')} must be {describe_range(field)}")
    return settings


def drop_defaults(settings: Mapping[str, Any], kind: type[Config]) -> dict[str, Any]:
    """The settings that differ from their defaults."""
    fields = get_fields(kind)
    return {name: value for name, value in settings.items() if name not in fields or value != fields[name].default}
