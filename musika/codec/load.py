"""Codec checkpoints: a folder to a codec and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint
from musika.codec import stereo
from musika.codec.base import Codec
from musika.config import CodecConfig
from musika.errors import CheckpointError, ConfigError

KIND = "codec/stereo"
PARTS = ("encoder", "decoder")
# these say nothing about what a latent means
DECODER_FIELDS = ("decoder_widths", "decoder_blocks", "consistency_steps", "block")


def load_codec(folder: Path, precision: str = "float32", xla: bool = False) -> Codec:
    """The codec of a checkpoint folder.

    Args:
        precision: a Keras dtype policy for the networks; spectra and synthesis are always float32.
        xla: compile with XLA.

    Raises:
        CheckpointError: the folder is missing, torn, of another kind, or does not fit its configuration.
    """
    config, weights = read_weights(folder)
    encoder = stereo.Encoder(config, name="encoder", dtype=precision)
    decoder = stereo.Decoder(config, name="decoder", dtype=precision)
    for part, network in zip(PARTS, (encoder, decoder), strict=True):
        network.build()
        checkpoint.assign(network, weights[part])
    return stereo.StereoCodec(config, encoder, decoder, identity_of(config, weights), xla)


def read_weights(folder: Path) -> tuple[CodecConfig, dict[str, dict[str, np.ndarray]]]:
    """Configuration and weights `{"encoder": {name: array}, "decoder": ...}` of a codec's checkpoint.

    Raises:
        CheckpointError: as `load_codec`.
    """
    written = checkpoint.read_config(folder)
    if written["kind"] != KIND:
        raise CheckpointError(f"{folder} holds a {written['kind']!r}, not a codec: name a codec's folder")
    sizes = written.get("config")
    if not isinstance(sizes, dict):
        raise CheckpointError(f"{folder / checkpoint.CONFIG} has no sizes under 'config'")
    try:
        config = CodecConfig.from_dict(sizes)
    except ConfigError as error:
        raise CheckpointError(f"{folder / checkpoint.CONFIG}: {error}") from error
    weights: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
    for name, array in checkpoint.read(folder, expected=stereo.weight_shapes(config)).items():
        part, _, rest = name.partition("/")
        weights[part][rest] = array
    return config, weights


def codec_files(
    config: CodecConfig, weights: Mapping[str, Mapping[str, np.ndarray]]
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What `checkpoint.write` takes: (config.json, arrays by file)."""
    flat = {f"{part}/{name}": array for part in PARTS for name, array in weights[part].items()}
    written = {"kind": KIND, "config": config.to_dict(), "codec_identity": identity_of(config, weights)}
    return written, {"weights": flat}


def identity_of(config: CodecConfig, weights: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """What gives latents their meaning: the encoder's sizes and weights.

    A decoder that was trained further for the same encoder still reads the same latents, so it does not count.
    """
    sizes = {name: value for name, value in config.to_dict().items() if name not in DECODER_FIELDS}
    return checkpoint.identity(sizes, weights["encoder"])
