"""Editors in checkpoint folders: what their `config.json` says, and loading one ready to edit.

An editor works in its basis (`gan/basis.py`): its weights are stored beside it, as `basis/mean` and `basis/matrix`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musika import checkpoint
from musika.config import EditorConfig
from musika.errors import CheckpointError
from musika.files import format_path
from musika.gan.basis import Basis
from musika.gan.performer_weights import load_network

if TYPE_CHECKING:
    from musika.gan.performer import Performer

KIND = "editor"
MEAN, MATRIX = "basis/mean", "basis/matrix"


@dataclasses.dataclass(frozen=True)
class LoadedEditor:
    """An editor ready to edit.

    Attributes:
        config: its sizes.
        network: tracks and noise to latents, in the basis.
        basis: plain latents to the basis and back.
        codec_identity: of the codec whose latents it makes.
        info: everything that the checkpoint's `config.json` says.
    """

    config: EditorConfig
    network: Performer
    basis: Basis
    codec_identity: str
    info: dict[str, Any]


def describe_editor(
    config: EditorConfig,
    codec_identity: str,
    *,
    seed: int | None = None,
    trained: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> dict[str, Any]:
    """What `config.json` of an editor's checkpoint says, as `checkpoint.write` takes it; None is left out.

    Args:
        codec_identity: of the codec that made the latents it was trained on.
        seed: of the training.
        trained: how it was trained, plain JSON values.
    """
    return checkpoint.describe_network(KIND, config, trained, codec_identity=codec_identity, seed=seed, licence=licence)


def pack_basis(basis: Basis) -> dict[str, np.ndarray]:
    """A basis as arrays of a checkpoint."""
    return {MEAN: basis.mean.astype(np.float32), MATRIX: basis.matrix.astype(np.float32)}


def get_basis_shapes(config: EditorConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays of a basis."""
    return {MEAN: (config.channels,), MATRIX: (config.channels, config.channels)}


def load_editor(folder: Path, dtype: Any = "float32") -> LoadedEditor:
    """The editor of a checkpoint folder.

    Args:
        dtype: Keras's dtype policy or its name, to compute in.

    Raises:
        CheckpointError: the folder is missing or torn, holds something else, or does not fit its configuration.
    """
    info = checkpoint.read_config(folder)
    checkpoint.require_kind(folder, info, KIND)
    config, codec_identity = parse_info(folder, info)
    network, arrays = load_network(folder, config, dtype, get_basis_shapes(config))
    _, basis = split_weights(folder, config, arrays)
    return LoadedEditor(config, network, basis, codec_identity, info)


def split_weights(
    folder: Path, config: EditorConfig, arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], Basis]:
    """Splits the arrays of a checkpoint into the weights of the network and the basis.

    Raises:
        CheckpointError: the basis is missing, or cannot be inverted.
    """
    shapes = get_basis_shapes(config)
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise CheckpointError(f"{format_path(folder)}: array {name!r} is missing or not of shape {list(shape)}")
    mean, matrix = (arrays[name].astype(np.float64) for name in shapes)
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        raise CheckpointError(f"{format_path(folder)}: the basis of its latents cannot be inverted") from None
    return {name: array for name, array in arrays.items() if name not in shapes}, Basis(mean, matrix, inverse)


def parse_info(folder: Path, info: Mapping[str, Any]) -> tuple[EditorConfig, str]:
    """Sizes and codec identity from `config.json`.

    Raises:
        CheckpointError: one of them is missing or makes no sense.
    """
    config = checkpoint.parse_sizes(folder, info, EditorConfig)
    if config != config.fit(config.channels):
        raise CheckpointError(
            f"{format_path(folder / checkpoint.CONFIG)}: tracks of {config.track_widths} numbers do not fit latents of "
            f"{config.channels}"
        )
    return config, checkpoint.parse_codec_identity(folder, info)
