"""Checkpoints of the `stereo` codec: sizes, weights and identity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint
from musika.config import CodecConfig
from musika.errors import CheckpointError
from musika.files import format_path

KIND = "codec/stereo"
PARTS = ("encoder", "decoder")
# sizes that do not change what a latent means: those of the phases of tones, and all others of the decoder
PHASE_FIELDS = ("phase_cell", "tuner_width", "tuner_dilations", "tuner_values", "random_phases")
DECODER_FIELDS = (
    "decoder_widths",
    "decoder_blocks",
    "consistency_steps",
    "tuned_bins",
    "tuning_steps",
    "block",
    *PHASE_FIELDS,
)

Weights = Mapping[str, np.ndarray]


def read_weights(folder: Path) -> tuple[CodecConfig, dict[str, dict[str, np.ndarray]]]:
    """Sizes and weights `{"encoder": {name: array}, "decoder": ...}` of a checkpoint.

    Raises:
        CheckpointError: the folder is missing or damaged, of another kind, or does not fit its configuration.
    """
    from musika.codec.weights import list_weight_shapes

    info = checkpoint.read_config(folder)
    if info["kind"] != KIND:
        what = "a published codec" if info["kind"] == "codec/musika" else "no codec"
        raise CheckpointError(
            f"{format_path(folder)} holds {what} (kind {info['kind']!r}); a {KIND} folder is needed here", about="codec"
        )
    config = checkpoint.parse_sizes(folder, info, CodecConfig)
    weights: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
    for path, array in checkpoint.read(folder, expected=list_weight_shapes(config)).items():
        part, _, name = path.partition("/")
        weights[part][name] = array
    return config, weights


def make_checkpoint(
    config: CodecConfig, weights: Mapping[str, Weights]
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What `checkpoint.write` takes: (config.json, arrays by file)."""
    arrays = {f"{part}/{name}": array for part in PARTS for name, array in weights[part].items()}
    info = {"kind": KIND, "config": config.to_dict(), "codec_identity": compute_identity(config, weights)}
    return info, {"weights": arrays}


def compute_identity(config: CodecConfig, weights: Mapping[str, Weights]) -> str:
    """A hash of what gives latents their meaning: the encoder's sizes and weights.

    A decoder that was trained further for the same encoder still reads the same latents, so it does not count.
    """
    sizes = {name: value for name, value in config.to_dict().items() if name not in DECODER_FIELDS}
    return checkpoint.compute_identity(sizes, weights["encoder"])
