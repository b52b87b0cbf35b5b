"""Composers in checkpoint folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import threadpoolctl

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

    From then on, NumPy's products use one thread in this process. They are small: with more threads they take a quarter
    more of the processor's time, which the decoder needs, and last bits would depend on the number of cores.

    Raises:
        CheckpointError: as `read_config`, or its weights do not fit its sizes.
    """
    config = read_config(folder)
    threadpoolctl.threadpool_limits(1, user_api="blas")
    return IncrementalComposer(config, checkpoint.read(folder, expected=list_shapes(config)))
