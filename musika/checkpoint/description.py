"""What `config.json` of a network's checkpoint says: its kind, its sizes, and the codec that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from musika.checkpoint.folder import CONFIG, read_shapes
from musika.config.fields import Config
from musika.errors import CheckpointError, ConfigError
from musika.files import format_path

AnyConfig = TypeVar("AnyConfig", bound=Config)


def describe_network(kind: str, config: Config, trained: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    """What `config.json` says, as `checkpoint.write` takes it; None is left out.

    Args:
        kind: of network.
        config: its sizes.
        trained: how it was trained, plain JSON values.
        more: other plain JSON values.
    """
    more["trained"] = None if trained is None else dict(trained)
    values = {"kind": kind, "config": config.to_dict(), **more}
    return {name: value for name, value in values.items() if value is not None}


def require_kind(folder: Path, info: Mapping[str, Any], kind: str) -> None:
    """Raises CheckpointError, about that kind, unless `config.json` says it."""
    if info["kind"] != kind:
        raise CheckpointError(
            f"{format_path(folder)} holds a checkpoint of kind {info['kind']}, not {name_with_article(kind)}",
            about=kind,
        )


def name_with_article(noun: str) -> str:
    """`an editor`, `a generator`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def parse_sizes(folder: Path, info: Mapping[str, Any], config: type[AnyConfig]) -> AnyConfig:
    """Sizes from `config.json`.

    Raises:
        CheckpointError: they are missing or make no sense.
    """
    sizes = info.get("config")
    if not isinstance(sizes, dict):
        raise CheckpointError(f"{format_path(folder / CONFIG)} has no sizes under 'config'")
    try:
        return config.from_dict(sizes)
    except ConfigError as error:
        raise CheckpointError(f"{format_path(folder / CONFIG)}: {error}") from error


def parse_codec_identity(folder: Path, info: Mapping[str, Any]) -> str:
    """Identity of the codec whose latents a network makes, from `config.json`.

    Raises:
        CheckpointError: it is missing.
    """
    identity = info.get("codec_identity")
    if not isinstance(identity, str) or not identity:
        raise CheckpointError(f"{folder / CONFIG} does not say under 'codec_identity' which codec it belongs to")
    return identity


def check_shapes(folder: Path, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Compares some arrays of the file with the sizes, before a network of these sizes takes memory.

    Raises:
        CheckpointError: an array is missing or has another shape.
    """
    found = read_shapes(folder)
    for name, shape in expected.items():
        if found.get(name) != shape:
            has = f"is {list(found[name])}" if name in found else "is missing"
            raise CheckpointError(f"{folder}: array {name!r} {has}, but the configuration says {list(shape)}")
