"""Recipes: JSON files that say how something was trained, step by step. Standard library only.

A recipe names its stage and lists its steps. Each step holds the settings that differ from the defaults, what it starts
from and what it was trained on. The recipes in `musika/recipes` are installed with the package.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from musika.config.codec import CodecConfig
from musika.config.composer import ComposerConfig
from musika.config.editor import EditorConfig
from musika.config.fields import Config, convert_value, describe_range, get_fields, get_flag, is_in_range, parse_value
from musika.config.generator import GeneratorConfig
from musika.config.performer import PerformerConfig
from musika.config.training import TRAIN_CONFIGS
from musika.errors import ConfigError, UsageError

FOLDER = Path(__file__).resolve().parents[1] / "recipes"
MAX_FILE = 1 << 20  # bytes
NETWORK_CONFIGS: dict[str, type[Config]] = {
    "gan": GeneratorConfig,
    "codec": CodecConfig,
    "performer": PerformerConfig,
    "edit": EditorConfig,
    "composer": ComposerConfig,
}
# nothing; the weights of the step before, with fresh optimizers; the run of the step before, which is resumed
StartsFrom = Literal["nothing", "weights", "run"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One training of a recipe.

    Attributes:
        title: what it does, one line.
        settings: field to value, of the networks and of the training; everything else is the default.
        starts_from: what it begins with.
        minutes: stop after that long; 0 is never.
        data: what it was trained on, for a person to read.
        before: commands that make the data.
        after: commands that make the next step's start of this step's result.
        seen: examples that the shipped weights saw in it; 0 where that is not known.
        differs: why it can no longer be repeated exactly; empty where it can.
    """

    title: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    starts_from: StartsFrom = "nothing"
    minutes: float = 0.0
    data: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    seen: int = 0
    differs: str = ""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How something is trained."""

    name: str
    stage: str
    summary: str
    steps: tuple[Step, ...]


def list_recipes() -> list[str]:
    """Names of the installed recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_recipe(name: str) -> Recipe:
    """An installed recipe by its name, or a recipe in a file.

    Raises:
        UsageError: there is no such recipe, or the file is not one.
    """
    installed = FOLDER / f"{name}.json"
    path = installed if installed.is_file() and Path(name).name == name else Path(name)
    try:
        with open(path, "rb") as file:
            values = json.loads(file.read(MAX_FILE).decode("utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no recipe {name}: name a JSON file, or one of {', '.join(list_recipes())}"
        ) from None
    except OSError as error:
        raise UsageError(f"recipe {name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"recipe {name} is not JSON: {error}") from None
    try:
        return _read_recipe(path.stem, values)
    except ConfigError as error:
        raise UsageError(f"recipe {name}: {error}") from None


def convert_settings(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by field name, as their types, from names (of fields or of flags) and plain values.

    Raises:
        ConfigError: a name that the stage does not have, a value of another type or out of its range.
    """
    found = {}
    for name, value in values.items():
        field = _find_field(stage, name)
        converted = convert_value(field, value)
        _check_range(field, name, converted)
        found[field.name] = converted
    return found


def parse_settings(stage: str, texts: Sequence[str]) -> dict[str, Any]:
    """Settings from texts `name=value`.

    Raises:
        UsageError: a text without `=`, a name that the stage does not have, or a value that does not fit.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"'{text}' has no =: write name=value, such as lr=0.0002")
        try:
            field = _find_field(stage, name.strip())
            found[field.name] = parse_value(field, value.strip())
            _check_range(field, name.strip(), found[field.name])
        except ConfigError as error:
            raise UsageError(f"{text}: {error}") from None
    return found


def split_settings(stage: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the networks and of the training, apart."""
    fields = get_fields(NETWORK_CONFIGS[stage])
    network = {name: value for name, value in settings.items() if name in fields}
    return network, {name: value for name, value in settings.items() if name not in fields}


def list_fields(stage: str) -> dict[str, dataclasses.Field[Any]]:
    """Every field that a stage can set, by name: those of its networks, then those of its training."""
    return {**get_fields(NETWORK_CONFIGS[stage]), **get_fields(TRAIN_CONFIGS[stage])}


def _find_field(stage: str, name: str) -> dataclasses.Field[Any]:
    fields = list_fields(stage)
    for field in fields.values():
        if name in (field.name, get_flag(field)):
            return field
    near = difflib.get_close_matches(name, fields, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"stage {stage} has no setting {name!r}{hint}")


def _check_range(field: dataclasses.Field[Any], name: str, value: Any) -> None:
    if not is_in_range(field, value):
        raise ConfigError(f"{name} {value}: must be {describe_range(field)}")


def _read_recipe(name: str, values: Any) -> Recipe:
    stage = values.get("stage") if isinstance(values, dict) else None
    if stage not in TRAIN_CONFIGS:
        raise ConfigError(f"'stage' must be one of {', '.join(TRAIN_CONFIGS)}")
    steps = values.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ConfigError("'steps' must be a list of at least one step")
    return Recipe(name, stage, str(values.get("summary", "")), tuple(_read_step(stage, step) for step in steps))


def _read_step(stage: str, values: Any) -> Step:
    if not isinstance(values, dict):
        raise ConfigError("a step must be an object")
    fields = {field.name: field for field in dataclasses.fields(Step)}
    if unknown := sorted(set(values) - set(fields)):
        raise ConfigError(f"a step has no key {unknown[0]!r}; its keys are {', '.join(fields)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    kinds: dict[str, Any] = {"settings": dict, "minutes": (int, float), "seen": int, "before": tuple, "after": tuple}
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, kinds.get(key, str)):
            raise ConfigError(f"a step's {key!r} is {value!r}")
    step = Step(**{"title": "", **values})
    if step.starts_from not in get_args(StartsFrom):
        raise ConfigError(f"'starts_from' must be one of {', '.join(get_args(StartsFrom))}")
    return dataclasses.replace(step, settings=convert_settings(stage, step.settings))
