"""Checkpoints of the `musika` codec: ours, and Musika folders (`enc.h5 enc2.h5 dec.h5 dec2.h5`), read as they are.

A Musika folder does not state all sizes; a caller may set the others. Sizes go by Musika's names here (`SIZES`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint
from musika.checkpoint.published import musika_folder
from musika.codec.checkpoint import Weights
from musika.config import PublishedCodecConfig
from musika.config.fields import get_fields, get_flag
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.files import format_path

KIND = "codec/musika"
SIZES = {get_flag(field): name for name, field in get_fields(PublishedCodecConfig).items() if name != "block"}
STATED_SIZES = ("hop", "latdepth")  # that a Musika folder states
DECODER_FIELDS = ("shape", "window", "block")  # sizes that do not change what a latent means
ENCODER = ("enc/", "enc2/")  # beginnings of the encoder's weights' names


def read_weights(
    folder: Path, sizes: Mapping[str, Any] | None = None
) -> tuple[PublishedCodecConfig, dict[str, np.ndarray]]:
    """Sizes and weights by name, from a checkpoint of ours or from a Musika folder.

    Args:
        sizes: values by the names of `SIZES`, compared with those of the folder; None, as a value too, is not.

    Raises:
        CheckpointError: the folder is missing or damaged, of another kind, or does not fit its configuration.
        UsageError: a size contradicts it, or has a value that no codec can have.
    """
    from musika.codec.published.weights import list_weight_shapes

    if musika_folder.is_musika_folder(folder):
        config, arrays = musika_folder.read_codec(folder)
        check_sizes(folder, config, sizes, STATED_SIZES)
        config = _add_sizes(config, sizes)
        shapes = {name: tuple(array.shape) for name, array in arrays.items()}
        checkpoint.check_names(str(folder), shapes, list_weight_shapes(config))
        return config, arrays
    info = checkpoint.read_config(folder)
    if info["kind"] != KIND:
        raise CheckpointError(f"{format_path(folder)} holds a {info['kind']!r}, no published codec", about="codec")
    config = checkpoint.parse_sizes(folder, info, PublishedCodecConfig)
    check_sizes(folder, config, sizes, tuple(SIZES))
    return config, checkpoint.read(folder, expected=list_weight_shapes(config))


def check_sizes(
    folder: Path, config: PublishedCodecConfig, sizes: Mapping[str, Any] | None, names: tuple[str, ...]
) -> None:
    """Raises UsageError if one of these sizes contradicts the folder."""
    for name in names:
        value, own = (sizes or {}).get(name), getattr(config, SIZES[name])
        if value is not None and value != own:
            raise UsageError(f"{name} {value} contradicts {format_path(folder)}, which has {own}: leave it out")


def _add_sizes(config: PublishedCodecConfig, sizes: Mapping[str, Any] | None) -> PublishedCodecConfig:
    """The sizes of a Musika folder, with those that it does not state."""
    values = {field: (sizes or {}).get(name) for name, field in SIZES.items() if name not in STATED_SIZES}
    given: dict[str, Any] = {field: value for field, value in values.items() if value is not None}
    if given.get("window", 0) > 0:  # blocks hold whole pieces
        piece = max(1, given["window"] // config.frames)
        given["block"] = -(-config.block // piece) * piece
    try:
        return dataclasses.replace(config, **given)
    except ConfigError as error:
        raise UsageError(f"sizes of the published codec: {error}") from error


def make_checkpoint(
    config: PublishedCodecConfig, weights: Weights
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What `checkpoint.write` takes: (config.json, arrays by file)."""
    info = {"kind": KIND, "config": config.to_dict(), "codec_identity": compute_identity(config, weights)}
    return info, {"weights": dict(weights)}


def compute_identity(config: PublishedCodecConfig, weights: Weights) -> str:
    """A hash of what gives latents their meaning: sizes and weights of `enc` and `enc2`."""
    sizes = {name: value for name, value in config.to_dict().items() if name not in DECODER_FIELDS}
    encoder = {name: array for name, array in weights.items() if name.startswith(ENCODER)}
    return checkpoint.compute_identity(sizes, encoder)
