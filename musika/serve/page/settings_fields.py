"""The settings of pieces as a form has them: which there are, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musika.config import ComposedSettings, Config, GeneratorSettings, PerformerSettings
from musika.config.fields import convert_value, describe_range, get_fields, is_in_range
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
CHOSEN_BY_SEED = ("style", "style_seed")  # a form leaves them empty, unless a person chooses one
MAX_WHOLE = 2**53 - 1  # what a browser can count to


def list_settings(*kinds: str) -> dict[str, type[Config]]:
    """The names of all settings of some kinds of checkpoints, each with a configuration that has it."""
    found: dict[str, type[Config]] = {}
    for kind in kinds:
        found |= {name: SETTINGS[kind] for name in get_fields(SETTINGS[kind]) if name not in found}
    return found


def has_setting(kind: str, name: str) -> bool:
    """Whether pieces of a kind of checkpoints have a setting."""
    return name in get_fields(SETTINGS[kind])


def show_setting(name: str, value: Any, default: Any) -> Any:
    """The value of a setting as a form shows it; "" is an empty box."""
    if name not in CHOSEN_BY_SEED:
        return value
    return "" if value == default else str(value)


def read_box(what: str, value: Any) -> Any:
    """The number in a box for text that may be empty; None where it is.

    Raises:
        UsageError: it is no number.
    """
    if not isinstance(value, str):
        return value
    try:
        number = float(value) if value.strip() else None
    except ValueError:
        raise UsageError(f"{what} must be a number, or empty") from None
    return int(number) if number is not None and number.is_integer() else number


def read_settings(values: Mapping[str, Any], kind: type[Config]) -> dict[str, Any]:
    """The settings among the values of a form that a kind of pieces has; empty values have their defaults.

    Raises:
        UsageError: a value of the wrong type or out of its range; the text names the setting.
    """
    settings: dict[str, Any] = {}
    for name, field in get_fields(kind).items():
        value = values.get(name)
        if name in CHOSEN_BY_SEED:
            value = read_box(name.replace("_", " "), value)
        if value is None or (value == field.default and not isinstance(value, bool)):
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
