"""Codecs of both kinds from their folders: loaded ready to code, or only described."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musika import checkpoint
from musika.checkpoint.published import musika_folder
from musika.codec.base import Codec
from musika.codec.checkpoint import KIND, compute_identity, read_weights
from musika.codec.published import checkpoint as published
from musika.config import CodecConfig, PublishedCodecConfig
from musika.errors import CheckpointError, UsageError
from musika.files import format_path


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


def load_codec(
    folder: Path,
    precision: str = "float32",
    xla: bool = False,
    sizes: Mapping[str, Any] | None = None,
    decoder: str = "",
) -> Codec:
    """The codec of a checkpoint or of a Musika folder.

    Args:
        precision: a Keras dtype policy for the networks; spectra and synthesis are always float32.
        xla: compile with XLA.
        sizes: sizes of a published codec, by the names of `published.checkpoint.SIZES`. They are compared with the
            folder; those that a Musika folder does not state are set by them. A value of None is left out.
        decoder: policy of the decoder, without its tuner; "" is `precision`. Published codecs have one for both parts.

    Raises:
        CheckpointError: the folder is missing or damaged, of another kind, or does not fit its configuration.
        UsageError: a size contradicts it.
    """
    codec: Codec
    if _is_published(folder):
        codec = _load_published(folder, precision, xla, sizes)
    else:
        codec = _load_stereo(folder, precision, xla, sizes, decoder or precision)
    codec.files_hash = checkpoint.hash_files(folder)
    return codec


def _load_published(folder: Path, precision: str, xla: bool, sizes: Mapping[str, Any] | None) -> Codec:
    from musika.codec.published.codec import PublishedCodec

    own, arrays = published.read_weights(folder, sizes)
    return PublishedCodec(own, arrays, published.compute_identity(own, arrays), precision, xla)


def _load_stereo(
    folder: Path, precision: str, xla: bool, sizes: Mapping[str, Any] | None, decoder_precision: str
) -> Codec:
    from musika.codec.decoder import Decoder
    from musika.codec.encoder import Encoder
    from musika.codec.stereo import StereoCodec

    config, weights = read_weights(folder)
    _check_stereo_sizes(folder, config, sizes)
    decoder = Decoder(config, name="decoder", dtype=decoder_precision)
    decoder.build()
    checkpoint.assign(decoder, weights["decoder"])

    encoder_weights = weights["encoder"]

    def make_encoder() -> Encoder:
        encoder = Encoder(config, name="encoder", dtype=precision)
        encoder.build()
        checkpoint.assign(encoder, encoder_weights)
        return encoder

    return StereoCodec(config, make_encoder, decoder, compute_identity(config, weights), xla)


def read_info(folder: Path, sizes: Mapping[str, Any] | None = None) -> CodecInfo:
    """Kind, identity and channels of the codec in a folder; of a Musika folder, weights are read for that.

    Args:
        sizes: as `load_codec` takes them.

    Raises:
        CheckpointError: there is no codec in the folder, or its `config.json` does not fit.
        UsageError: a size contradicts it.
    """
    if musika_folder.is_musika_folder(folder):
        config, arrays = published.read_weights(folder, sizes)
        return CodecInfo("musika", published.compute_identity(config, arrays), config.channels)
    info = checkpoint.read_config(folder)
    identity = info.get("codec_identity")
    if info["kind"] not in (KIND, published.KIND) or not isinstance(identity, str):
        raise CheckpointError(f"{format_path(folder)} holds a {info['kind']!r}, not a codec", about="codec")
    if info["kind"] == KIND:
        own = checkpoint.parse_sizes(folder, info, CodecConfig)
        _check_stereo_sizes(folder, own, sizes)
        return CodecInfo("stereo", identity, own.channels)
    config = checkpoint.parse_sizes(folder, info, PublishedCodecConfig)
    published.check_sizes(folder, config, sizes, tuple(published.SIZES))
    return CodecInfo("musika", identity, config.channels)


def _is_published(folder: Path) -> bool:
    return musika_folder.is_musika_folder(folder) or checkpoint.read_config(folder)["kind"] == published.KIND


def _check_stereo_sizes(folder: Path, config: CodecConfig, sizes: Mapping[str, Any] | None) -> None:
    """Raises UsageError if sizes of published codecs contradict a `stereo` codec, or do not exist there."""
    own = {"hop": config.hop, "latdepth": config.channels / 2, "sr": config.sample_rate}
    for name, value in (sizes or {}).items():
        if value is not None and value != own.get(name):
            has = f", which has {own[name]:g}" if name in own else ": only published codecs have it"
            raise UsageError(f"{name} {value} does not belong to the codec in {format_path(folder)}{has}: leave it out")
