"""Composers in checkpoint folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musika import checkpoint
from musika.composer.incremental import IncrementalComposer
from musika.composer.network_sizes import list_shapes
from musika.config import ComposerConfig

KIND = "composer"


def describe_composer(
    config: ComposerConfig, trained: Mapping[str, Any] | None = None, licence: str | None = None
) -> dict[str, Any]:
    """What `config.json` of a composer's checkpoint says; None is left out.

    Args:
        trained: how it was trained, plain JSON values.
    """
    return checkpoint.describe_network(KIND, config, trained, licence=licence)


def read_config(folder: Path) -> ComposerConfig:
    """The sizes of the composer in a checkpoint folder.

    Raises:
        CheckpointError: the folder is missing or torn, holds something else, or does not say its sizes.
    """
    info = checkpoint.read_config(folder)
    checkpoint.require_kind(folder, info, KIND)
    return checkpoint.parse_sizes(folder, info, ComposerConfig)


def load_composer(folder: Path) -> IncrementalComposer:
    """The composer of a checkpoint folder, ready to write.

    Raises:
        CheckpointError: as `read_config`, or its weights do not fit its sizes.
    """
    config = read_config(folder)
    return IncrementalComposer(config, checkpoint.read(folder, expected=list_shapes(config)))
