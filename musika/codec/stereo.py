"""The `stereo` codec: both channels at once, magnitudes in, magnitudes and phases out.

    waveform ──features──▶ encoder ──▶ latents ──▶ decoder ──▶ planes ──synthesis──▶ waveform

Features and networks have a file each: `features.py`, `encoder.py`, `decoder.py` with `tuner.py`, `synthesis.py` with
`tones.py`. Here they are put behind the codec's interface (`base.py`), which codes long sequences block by block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from musika import backend
from musika.codec import tuner
from musika.codec.base import Codec
from musika.codec.decoder import Decoder
from musika.codec.encoder import Encoder
from musika.codec.features import compute_features
from musika.codec.synthesis import synthesise
from musika.config import CodecConfig

Tensor = Any


class StereoCodec(Codec):
    """Encoder and decoder behind the codec's interface, coding windows of one fixed shape.

    Args:
        identity: see `checkpoint.compute_identity`.
        xla: compile with XLA.
    """

    kind = "stereo"

    def __init__(
        self, config: CodecConfig, encoder: Encoder, decoder: Decoder, identity: str, xla: bool = False
    ) -> None:
        self.config, self.encoder, self.decoder, self.identity = config, encoder, decoder, identity
        self.xla = xla
        self.channels, self.hop_total, self.sample_rate = config.channels, config.hop_total, config.sample_rate
        self.block, self.context = config.block, compute_context(config)

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        margin = (self.config.window - self.config.hop) // 2
        padded = np.pad(np.asarray(waveform, np.float32), ((0, 0), (margin, margin), (0, 0)))
        return backend.to_numpy(self._encode(padded))

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return backend.to_numpy(self._decode(np.asarray(latents, np.float32)))

    @cached_property
    def _encode(self) -> Callable[[Tensor], Tensor]:
        inside = slice(self.context, self.context + self.block)

        def encode(waveform: Tensor) -> Tensor:
            return self.encoder(compute_features(self.config, waveform))[:, inside]

        return backend.compile(encode, self.xla)

    @cached_property
    def _decode(self) -> Callable[[Tensor], Tensor]:
        # synthesis needs some spectra beyond either end; what lies further out is not synthesised
        overlap = self.config.overlap
        trim, margin = self.context * self.config.frames - overlap, overlap * self.config.hop

        def decode(latents: Tensor) -> Tensor:
            planes = self.decoder(latents)
            return synthesise(self.config, planes, first_latent=-self.context, trim=trim)[:, margin:-margin]

        return backend.compile(decode, self.xla)


def compute_context(config: CodecConfig) -> int:
    """Latents on either side that an output can depend on: one step a residual block, and overlapping spectra."""

    def count_latents(blocks: tuple[int, ...], frames: int) -> int:
        return math.ceil((frames + sum(count * 2**rate for rate, count in enumerate(blocks))) / config.frames)

    reach = max(count_latents(config.encoder_blocks, 2), count_latents(config.decoder_blocks, config.overlap))
    if not config.tuned_bins:
        return reach
    whole_latent = config.frames - 1  # a tone's frequency depends on all frames of a latent
    tuning = math.ceil(config.overlap / config.frames) + tuner.REACH
    return max(reach, count_latents(config.decoder_blocks, config.overlap + whole_latent), tuning)
