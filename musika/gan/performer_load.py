"""Performers in checkpoint folders: what their `config.json` says, and loading one ready to play."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musika import checkpoint
from musika.config import PerformerConfig
from musika.errors import CheckpointError
from musika.gan.performer_weights import load_network

if TYPE_CHECKING:
    from musika.gan.performer import Performer

KIND = "performer"


@dataclasses.dataclass(frozen=True)
class LoadedPerformer:
    """A performer ready to play.

    Attributes:
        config: its sizes.
        performer: built, with its weights set.
        styles: `[styles, S]`.
        style_names: what each of its styles is.
        codec_identity: of the codec whose latents it makes.
        info: everything that the checkpoint's `config.json` says, such as licence and training.
    """

    config: PerformerConfig
    performer: Performer
    styles: np.ndarray
    style_names: tuple[str, ...]
    codec_identity: str
    info: dict[str, Any]


def describe_performer(
    config: PerformerConfig,
    codec_identity: str,
    style_names: Sequence[str],
    *,
    seed: int | None = None,
    trained: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> dict[str, Any]:
    """What `config.json` of a performer's checkpoint says, as `checkpoint.write` takes it; None is left out.

    Args:
        codec_identity: of the codec that made the latents it was trained on.
        style_names: what each style is, `config.styles` of them.
        seed: of the training.
        trained: how it was trained, plain JSON values.
    """
    return checkpoint.describe_network(
        KIND, config, trained, codec_identity=codec_identity, styles=list(style_names), seed=seed, licence=licence
    )


def load_performer(folder: Path, dtype: Any = "float32") -> LoadedPerformer:
    """The performer of a checkpoint folder.

    Args:
        dtype: Keras's dtype policy or its name, to compute in.

    Raises:
        CheckpointError: the folder is missing or torn, holds something else, or does not fit its configuration.
    """
    info = checkpoint.read_config(folder)
    checkpoint.require_kind(folder, info, KIND)
    config, names, codec_identity = parse_info(folder, info)
    performer, weights = load_network(folder, config, dtype)
    styles = weights.get("styles", np.zeros((config.styles, 0), np.float32))
    return LoadedPerformer(config, performer, styles, names, codec_identity, info)


def parse_info(folder: Path, info: Mapping[str, Any]) -> tuple[PerformerConfig, tuple[str, ...], str]:
    """Sizes, names of styles and codec identity from `config.json`.

    Raises:
        CheckpointError: one of them is missing or makes no sense.
    """
    path, names = folder / checkpoint.CONFIG, info.get("styles")
    config = checkpoint.parse_sizes(folder, info, PerformerConfig)
    codec_identity = checkpoint.parse_codec_identity(folder, info)
    if not isinstance(names, list) or len(names) != config.styles or not all(isinstance(n, str) for n in names):
        raise CheckpointError(f"{path} does not name {config.styles} styles under 'styles'")
    if not config.track_widths:
        raise CheckpointError(f"{path} does not say under 'track_widths' how wide its tracks are")
    return config, tuple(names), codec_identity
