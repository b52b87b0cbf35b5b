"""Configurations: frozen dataclasses whose fields carry their own unit, range and help.

A hyperparameter stands in one place, its field. The command line makes flags of the fields, a resumed run keeps their
values, and the table in the documentation is printed from them. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from collections.abc import Mapping
from typing import Any, Literal, Self

from musika.errors import ConfigError

# what happens when a run is resumed and a field is asked to have another value than the run's
OnResume = Literal["change", "restart", "refuse"]
MISSING: Any = dataclasses.MISSING
MAX_SEED = 2**63 - 1  # of pieces, styles, trainings: whatever is drawn by a number


def setting(
    default: Any,
    help: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    flag: str | None = None,
    common: bool = False,
    value_in_old_files: Any = MISSING,
    on_resume: OnResume = "change",
) -> Any:
    """A dataclass field with its documentation. For a tuple, the range is that of each element.

    Args:
        default: the value of a new configuration.
        help: one line for the person who sets it.
        unit: of the value.
        low: the smallest allowed value.
        high: the largest allowed value.
        above: the value must be larger than this.
        below: the value must be smaller than this.
        flag: its name on the command line, where that is another one than the field's.
        common: whether `--help` shows it; other flags are in `--help_all` alone.
        value_in_old_files: value for files that were written before this field existed; if missing, the default.
        on_resume: whether a run can be resumed with another value, restarts its optimizers then, or refuses it.
    """
    metadata = {"help": help, "unit": unit, "low": low, "high": high, "above": above, "below": below, "flag": flag}
    metadata |= {"common": common, "value_in_old_files": value_in_old_files, "on_resume": on_resume}
    return dataclasses.field(default=default, metadata=metadata)


def with_default(owner: type[Config], name: str, default: Any) -> Any:
    """The same field as `owner` has, with another default."""
    field = get_fields(owner)[name]
    return dataclasses.field(default=default, metadata=field.metadata)


def get_fields(kind: type[Config]) -> dict[str, dataclasses.Field[Any]]:
    """The fields of a configuration by name."""
    return {field.name: field for field in dataclasses.fields(kind)}


def get_flag(field: dataclasses.Field[Any]) -> str:
    """The name of a field on the command line."""
    return field.metadata["flag"] or field.name


def describe_field(field: dataclasses.Field[Any]) -> str:
    """Help and unit in one line; a unit that the help names already is not repeated."""
    help, unit = field.metadata["help"], field.metadata["unit"]
    return help if not unit or unit in help else f"{help}, in {unit}"


def get_limits(field: dataclasses.Field[Any]) -> dict[str, float]:
    """The limits that a field has: some of `low`, `high`, `above` and `below`."""
    limits = {name: field.metadata.get(name) for name in ("low", "above", "high", "below")}
    return {name: limit for name, limit in limits.items() if limit is not None}


def describe_range(field: dataclasses.Field[Any]) -> str:
    """`at least 0 and at most 1` and the like; an empty text where every value is allowed."""
    words = {"low": "at least", "above": "more than", "high": "at most", "below": "less than"}
    return " and ".join(f"{words[name]} {limit}" for name, limit in get_limits(field).items())


def is_in_range(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a number, or each whole number of a tuple, is in the field's range. Other values always are."""
    limits = get_limits(field)
    if isinstance(value, float) and math.isnan(value):
        return False
    if not limits or isinstance(value, bool) or not isinstance(value, (int, float, tuple)):
        return True
    if isinstance(value, tuple):
        return all(type(element) is int and is_in_range(field, element) for element in value)
    inside = limits.get("low", -math.inf) <= value <= limits.get("high", math.inf)
    above = "above" not in limits or value > limits["above"]
    return inside and above and ("below" not in limits or value < limits["below"])


def require(condition: bool, message: str) -> None:
    """Raises ConfigError(message) unless the condition holds."""
    if not condition:
        raise ConfigError(message)


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of all configurations: strict JSON in and out, ranges checked when one is made.

    Raises:
        ConfigError: a value out of its range, or values that contradict each other.
    """

    def __post_init__(self) -> None:
        for name, field in get_fields(type(self)).items():
            value = getattr(self, name)
            require(is_in_range(field, value), f"{name} {value}: must be {describe_range(field)}")
        self.check()

    def check(self) -> None:
        """Raises ConfigError where fields contradict each other."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only: tuples become lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that `to_dict` wrote, also by an earlier version.

        Raises:
            ConfigError: an unknown name, or a value of another type than the field's default.
        """
        fields = get_fields(cls)
        unknown = sorted(set(values) - set(fields))
        require(not unknown, f"{cls.__name__} has no field {', '.join(map(repr, unknown))}")
        earlier = {
            name: field.metadata["value_in_old_files"]
            for name, field in fields.items()
            if name not in values and field.metadata["value_in_old_files"] is not MISSING
        }
        return cls(**earlier, **{name: convert_value(fields[name], value) for name, value in values.items()})


def convert_value(field: dataclasses.Field[Any], value: Any) -> Any:
    """A plain value as the type that the field's default has.

    Raises:
        ConfigError: it is of another type.
    """
    default = field.default
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        kind, name = (str, "names") if _holds_names(field) else (int, "whole numbers")
        require(all(type(v) is kind for v in value), f"{field.name}: {value!r} holds other values than {name}")
        return tuple(value)
    if isinstance(default, bool) or isinstance(value, bool):
        same = isinstance(default, bool) and isinstance(value, bool)
    elif isinstance(default, float):
        same = isinstance(value, (int, float))
        value = float(value) if same else value
    else:
        same = isinstance(value, type(default))
    require(same, f"{field.name}: {value!r} is not of type {type(default).__name__}")
    return value


def is_finite_number(value: object) -> bool:
    """Whether a value is a number, also one of NumPy's, and finite."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _holds_names(field: dataclasses.Field[Any]) -> bool:
    """Whether the values are tuples of names, and not of whole numbers."""
    return isinstance(field.default, tuple) and any(isinstance(element, str) for element in field.default)


def parse_value(field: dataclasses.Field[Any], text: str) -> Any:
    """The value that a person wrote for a field: a number, True or False, or numbers or names with commas between them.

    Raises:
        ConfigError: it is none; the text is the end of a sentence that names the value.
    """
    default = field.default
    if isinstance(default, bool):
        require(text.lower() in TRUE + FALSE, "say True or False")
        return text.lower() in TRUE
    if isinstance(default, str):
        return text
    try:
        if _holds_names(field):
            return tuple(part.strip() for part in text.strip("()[] ").split(",") if part.strip())
        if isinstance(default, tuple):
            return tuple(int(part) for part in text.strip("()[] ").split(",") if part.strip())
        value = int(text) if isinstance(default, int) else float(text)
    except (ValueError, OverflowError):
        kind = "whole numbers, such as 64,96,128" if isinstance(default, tuple) else "a number"
        kind = "a whole number" if isinstance(default, int) else kind
        raise ConfigError(f"say {kind}") from None
    require(value == value and value not in (float("inf"), float("-inf")), "say a number")
    return value


TRUE = ("true", "t", "yes", "y", "on", "1")
FALSE = ("false", "f", "no", "n", "off", "0")
