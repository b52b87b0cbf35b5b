"""Codec checkpoints: a folder to a codec and back, for both kinds of codec.

Folders of the published autoencoder (`enc.h5 enc2.h5 dec.h5 dec2.h5`) are read as they are, like our checkpoints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from musika import checkpoint
from musika.codec.base import Codec
from musika.config import CodecConfig, PublishedCodecConfig
from musika.config.fields import get_fields, get_flag
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.files import format_path

KIND, PUBLISHED_KIND = "codec/stereo", "codec/musika"
PARTS = ("encoder", "decoder")
# these say nothing about what a latent means
DECODER_FIELDS = ("decoder_widths", "decoder_blocks", "consistency_steps", "tuned_bins", "tuning_steps", "block")
PUBLISHED_DECODER_FIELDS = ("shape", "window", "block")
PUBLISHED_ENCODER = ("enc/", "enc2/")

# flags that say a size of a published codec, and the configuration's name for it; a Musika folder says the first two
FLAGS = {get_flag(field): name for name, field in get_fields(PublishedCodecConfig).items() if name != "block"}
SAID = ("hop", "latdepth")

Weights = Mapping[str, np.ndarray]
Asked = Mapping[str, Any]  # flag to value, None where it was not given
Sizes = TypeVar("Sizes", CodecConfig, PublishedCodecConfig)


@dataclasses.dataclass(frozen=True)
class CodecInfo:
    """What a codec's folder says about it, without a network.

    Attributes:
        kind: "stereo" or "musika".
        identity: of the codec.
        channels: C, numbers in one latent.
    """

    kind: str
    identity: str
    channels: int


def load_codec(folder: Path, precision: str = "float32", xla: bool = False, asked: Asked | None = None) -> Codec:
    """The codec of a checkpoint's or of a Musika folder.

    Args:
        precision: a Keras dtype policy for the networks; spectra and synthesis are always float32.
        xla: compile with XLA.
        asked: sizes that flags say (`FLAGS`); those that a Musika folder does not say are taken from them.

    Raises:
        CheckpointError: the folder is missing, torn, of another kind, or does not fit its configuration.
        UsageError: a flag contradicts it.
    """
    if _is_published(folder):
        from musika.codec.published.codec import PublishedCodec

        sizes, arrays = read_published(folder, asked)
        return PublishedCodec(sizes, arrays, published_identity(sizes, arrays), precision, xla)

    from musika.codec.decoder import Decoder
    from musika.codec.encoder import Encoder
    from musika.codec.stereo import StereoCodec

    config, weights = read_weights(folder)
    _check_stereo(folder, config, asked)
    encoder = Encoder(config, name="encoder", dtype=precision)
    decoder = Decoder(config, name="decoder", dtype=precision)
    for part, network in zip(PARTS, (encoder, decoder), strict=True):
        network.build()
        checkpoint.assign(network, weights[part])
    return StereoCodec(config, encoder, decoder, identity_of(config, weights), xla)


def describe(folder: Path, asked: Asked | None = None) -> CodecInfo:
    """Kind, identity and channels of the codec in a folder; of a Musika folder, weights are read for that.

    Args:
        asked: as `load_codec` takes it.

    Raises:
        CheckpointError: there is no codec in the folder, or its `config.json` does not fit.
        UsageError: a flag contradicts it.
    """
    if _is_musika_folder(folder):
        config, arrays = read_published(folder, asked)
        return CodecInfo("musika", published_identity(config, arrays), config.channels)
    written = checkpoint.read_config(folder)
    identity = written.get("codec_identity")
    if written["kind"] not in (KIND, PUBLISHED_KIND) or not isinstance(identity, str):
        raise CheckpointError(f"{folder} holds a {written['kind']!r}, not a codec: name a codec's folder")
    if written["kind"] == KIND:
        own = _sizes(folder, written, CodecConfig)
        _check_stereo(folder, own, asked)
        return CodecInfo("stereo", identity, own.channels)
    config = _sizes(folder, written, PublishedCodecConfig)
    _check(folder, config, asked, tuple(FLAGS))
    return CodecInfo("musika", identity, config.channels)


def _is_published(folder: Path) -> bool:
    return _is_musika_folder(folder) or checkpoint.read_config(folder)["kind"] == PUBLISHED_KIND


def _is_musika_folder(folder: Path) -> bool:
    from musika.checkpoint.published import musika_folder

    return musika_folder.is_musika_folder(folder)


def _sizes(folder: Path, written: Mapping[str, Any], kind: type[Sizes]) -> Sizes:
    """The sizes that a checkpoint's `config.json` says."""
    sizes = written.get("config")
    if not isinstance(sizes, dict):
        raise CheckpointError(f"{folder / checkpoint.CONFIG} has no sizes under 'config'")
    try:
        return kind.from_dict(sizes)
    except ConfigError as error:
        raise CheckpointError(f"{folder / checkpoint.CONFIG}: {error}") from error


def _check(folder: Path, config: PublishedCodecConfig, asked: Asked | None, said: tuple[str, ...]) -> None:
    """Refuses flags that contradict what the folder says."""
    for name in said:
        value, own = (asked or {}).get(name), getattr(config, FLAGS[name])
        if value is not None and value != own:
            raise UsageError(f"--{name} {value} contradicts {format_path(folder)}, which has {own}: leave the flag out")


def _check_stereo(folder: Path, config: CodecConfig, asked: Asked | None) -> None:
    """Refuses flags of published codecs that contradict a `stereo` codec, or that it has no use for."""
    own = {"hop": config.hop, "latdepth": config.channels / 2, "sr": config.sample_rate}
    for name, value in (asked or {}).items():
        if value is not None and value != own.get(name):
            has = f", which has {own[name]:g}" if name in own else ": only published codecs have it"
            raise UsageError(
                f"--{name} {value} does not belong to the codec in {format_path(folder)}{has}: leave it out"
            )


# ------------------------------------------------------------------------------------------------- stereo


def read_weights(folder: Path) -> tuple[CodecConfig, dict[str, dict[str, np.ndarray]]]:
    """Configuration and weights `{"encoder": {name: array}, "decoder": ...}` of a `stereo` codec's checkpoint.

    Raises:
        CheckpointError: as `load_codec`.
    """
    from musika.codec.weights import list_weight_shapes

    written = checkpoint.read_config(folder)
    if written["kind"] != KIND:
        what = "a published codec, which is not trained here" if written["kind"] == PUBLISHED_KIND else "no codec"
        raise CheckpointError(f"{folder} holds {what} (kind {written['kind']!r}): name a {KIND} folder")
    config = _sizes(folder, written, CodecConfig)
    weights: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
    for name, array in checkpoint.read(folder, expected=list_weight_shapes(config)).items():
        part, _, rest = name.partition("/")
        weights[part][rest] = array
    return config, weights


def codec_files(
    config: CodecConfig, weights: Mapping[str, Weights]
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What `checkpoint.write` takes for a `stereo` codec: (config.json, arrays by file)."""
    flat = {f"{part}/{name}": array for part in PARTS for name, array in weights[part].items()}
    written = {"kind": KIND, "config": config.to_dict(), "codec_identity": identity_of(config, weights)}
    return written, {"weights": flat}


def identity_of(config: CodecConfig, weights: Mapping[str, Weights]) -> str:
    """What gives latents their meaning: the encoder's sizes and weights.

    A decoder that was trained further for the same encoder still reads the same latents, so it does not count.
    """
    sizes = {name: value for name, value in config.to_dict().items() if name not in DECODER_FIELDS}
    return checkpoint.compute_identity(sizes, weights["encoder"])


# ------------------------------------------------------------------------------------------------- musika


def read_published(folder: Path, asked: Asked | None = None) -> tuple[PublishedCodecConfig, dict[str, np.ndarray]]:
    """Configuration and weights of a `musika` codec, from a checkpoint of ours or from a Musika folder.

    Args:
        asked: as `load_codec` takes it.

    Raises:
        CheckpointError: as `load_codec`.
        UsageError: a flag contradicts it, or has a value that no codec can have.
    """
    from musika.codec.published.weights import list_weight_shapes

    if _is_musika_folder(folder):
        from musika.checkpoint.published import musika_folder

        config, arrays = musika_folder.read_codec(folder)
        _check(folder, config, asked, SAID)
        config = _completed(config, asked)
        shapes = {name: tuple(array.shape) for name, array in arrays.items()}
        checkpoint.check_names(str(folder), shapes, list_weight_shapes(config))
        return config, arrays
    written = checkpoint.read_config(folder)
    if written["kind"] != PUBLISHED_KIND:
        raise CheckpointError(f"{folder} holds a {written['kind']!r}, not a published codec: name its folder")
    config = _sizes(folder, written, PublishedCodecConfig)
    _check(folder, config, asked, tuple(FLAGS))
    return config, checkpoint.read(folder, expected=list_weight_shapes(config))


def _completed(config: PublishedCodecConfig, asked: Asked | None) -> PublishedCodecConfig:
    """What a Musika folder says, with what only flags say."""
    rest = {field: (asked or {}).get(name) for name, field in FLAGS.items() if name not in SAID}
    given: dict[str, Any] = {field: value for field, value in rest.items() if value is not None}
    if given.get("window", 0) > 0:  # blocks are of whole pieces
        piece = max(1, given["window"] // config.frames)
        given["block"] = -(-config.block // piece) * piece
    try:
        return dataclasses.replace(config, **given)
    except ConfigError as error:
        raise UsageError(f"flags of the published codec: {error}") from error


def published_files(
    config: PublishedCodecConfig, weights: Weights
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What `checkpoint.write` takes for a `musika` codec: (config.json, arrays by file)."""
    identity = published_identity(config, weights)
    written = {"kind": PUBLISHED_KIND, "config": config.to_dict(), "codec_identity": identity}
    return written, {"weights": dict(weights)}


def published_identity(config: PublishedCodecConfig, weights: Weights) -> str:
    """As `identity_of`: sizes and weights of `enc` and `enc2`."""
    sizes = {name: value for name, value in config.to_dict().items() if name not in PUBLISHED_DECODER_FIELDS}
    encoder = {name: array for name, array in weights.items() if name.startswith(PUBLISHED_ENCODER)}
    return checkpoint.compute_identity(sizes, encoder)
