"""What a request asks for, checked: a mistake becomes one line that says what is allowed."""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Collection, Mapping
from typing import Any

from musika.config import Config
from musika.config.fields import FALSE, TRUE, get_fields
from musika.errors import UsageError

MAX_START = 1e9  # seconds: 31 years
DEFAULT_SECONDS = 60.0  # of a file


class QueryError(UsageError):
    """A value in a request that cannot be used; the text says why."""


def check_names(values: Mapping[str, str], own: Collection[str], settings: type[Config] | None = None) -> None:
    """Checks that every value has a name that means something.

    Args:
        values: of the request.
        own: names that the request has itself.
        settings: whose fields are allowed, too.

    Raises:
        QueryError: there is another one.
    """
    allowed = [*own, *(get_fields(settings) if settings else ())]
    for name in values:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(allowed))}"
            raise QueryError(f"there is no parameter {name!r}; {hint}")


def read_number(values: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """A number of a request.

    Raises:
        QueryError: it is no number, or out of range.
    """
    if name not in values:
        return default
    try:
        value = float(values[name])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise QueryError(f"{name} {_shorten(values[name])}: must be a number from {low:g} to {high:g}")
    return value


def read_whole_number(values: Mapping[str, str], name: str, default: int, high: int) -> int:
    """A whole number of a request, from 0 on.

    Raises:
        QueryError: it is none, or out of range.
    """
    if name not in values:
        return default
    text = values[name]
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else -1
    if not 0 <= value <= high:
        raise QueryError(f"{name} {_shorten(text)}: must be a whole number from 0 to {high}")
    return value


def read_choice(values: Mapping[str, str], name: str, default: str, choices: Collection[str]) -> str:
    """One of several words.

    Raises:
        QueryError: it is another one.
    """
    value = values.get(name, default)
    if value not in choices:
        raise QueryError(f"{name} {_shorten(value)}: must be one of {', '.join(choices)}")
    return value


def read_settings(values: Mapping[str, str], kind: type[Config]) -> dict[str, Any]:
    """The settings of a piece among the values of a request, each as what its field holds.

    Raises:
        QueryError: a value is not of its field's type. Ranges are checked by the settings themselves.
    """
    hints = typing.get_type_hints(kind)
    return {name: _convert(name, values[name], hints[name]) for name in get_fields(kind) if name in values}


def _convert(name: str, text: str, hint: Any) -> Any:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)] or [hint]
    if bool in kinds:
        if text.lower() not in TRUE + FALSE:
            raise QueryError(f"{name} {_shorten(text)}: must be true or false")
        return text.lower() in TRUE
    for kind in kinds:
        if kind in (int, float):
            try:
                value = kind(text)
                finite = math.isfinite(value)
            except (ValueError, OverflowError):  # no number, or a whole one of hundreds of digits
                finite = False
            if not finite:
                raise QueryError(f"{name} {_shorten(text)}: must be a number")
            return value
    return text


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
