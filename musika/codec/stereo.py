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
from keras import ops

from musika import backend
from musika.codec import tuner
from musika.codec.base import Codec
from musika.codec.decoder import Decoder
from musika.codec.encoder import Encoder
from musika.codec.features import compute_features
from musika.codec.seams import SeamWindow, find_seam_window
from musika.codec.synthesis import compute_tone_phases, synthesise
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

    @property
    def loop_step(self) -> int:
        return self.block if self.config.tuned_bins and not self.config.phase_cell else 1

    @property
    def encoder_context(self) -> int:
        return compute_encoder_context(self.config)

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        margin = (self.config.window - self.config.hop) // 2
        padded = np.pad(np.asarray(waveform, np.float32), ((0, 0), (margin, margin), (0, 0)))
        return backend.to_numpy(self._encode(padded))

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return backend.to_numpy(self._decode(np.asarray(latents, np.float32)))

    def decode_window_at(self, number: int, latents: np.ndarray, period: int = 0) -> np.ndarray:
        if period % self.block == 0:
            return self.decode_window(latents)
        windows = [find_seam_window(number + n, self.block, self.context, period) for n in range(len(latents))]
        if len(windows) == 1 and windows[0] is not None:
            return self._decode_seam(windows[0], latents)
        waveform = np.array(self.decode_window(latents))
        for n, window in enumerate(windows):
            if window is not None:
                waveform[n] = self._decode_seam(window, latents[n : n + 1])[0]
        return waveform

    def _decode_seam(self, window: SeamWindow, latents: np.ndarray) -> np.ndarray:
        """`decode_window` of one window `[1, block + 2 context, C]` that sees the seam of a loop.

        Tone phases are computed step by step here: where cells begin differs from window to window, and a program for
        each would take seconds to compile.
        """
        latents = np.asarray(latents, np.float32)
        phases = self._tell_tone_phases(latents, self._inside, window) if self.config.phase_cell else None
        numbers = window.count_frames(self.config.frames)[self._inside_frames]
        return backend.to_numpy(self._decode_with(latents, phases, numbers))

    @cached_property
    def _encode(self) -> Callable[[Tensor], Tensor]:
        around = compute_encoder_context(self.config)
        unseen = (self.context - around) * self.hop_total  # samples at either end that the block does not depend on

        def encode(waveform: Tensor) -> Tensor:
            waveform = waveform[:, unseen : waveform.shape[1] - unseen]
            return self.encoder(compute_features(self.config, waveform))[:, around : around + self.block]

        return backend.compile(encode, self.xla)

    @property
    def _inside(self) -> slice:
        """Latents of a window that the decoder has to see."""
        around = compute_decoder_context(self.config)
        return slice(self.context - around, self.context + self.block + around)

    @property
    def _inside_frames(self) -> slice:
        return slice(self._inside.start * self.config.frames, self._inside.stop * self.config.frames)

    @cached_property
    def _decode(self) -> Callable[[Tensor], Tensor]:
        def decode(latents: Tensor) -> Tensor:
            phases = self._tell_tone_phases(latents, self._inside) if self.config.phase_cell else None
            return self._synthesise(latents, phases)

        return backend.compile(decode, self.xla)

    @cached_property
    def _decode_with(self) -> Callable[[Tensor, Tensor | None, Tensor], Tensor]:
        return backend.compile(self._synthesise, self.xla)

    def _synthesise(self, latents: Tensor, phases: Tensor | None, frame_numbers: Tensor | None = None) -> Tensor:
        """`decode_window` with phases of tones, and numbers of frames for random phases, of what lies inside."""
        # synthesis needs some spectra beyond either end; what lies further out is not synthesised
        config, overlap = self.config, self.config.overlap
        around = compute_decoder_context(config)
        trim, margin = around * config.frames - overlap, overlap * config.hop
        planes = self.decoder(latents[:, self._inside])
        waveform = synthesise(config, planes, -around, trim, phases, frame_numbers)
        return waveform[:, margin:-margin]

    def _tell_tone_phases(self, latents: Tensor, inside: slice, window: SeamWindow | None = None) -> Tensor:
        """Phases of the tones of some latents of a window `[B, block + 2 context, C]`, from all cells they lie in."""
        reach, frames, cell = tuner.compute_reach(self.config), self.config.frames, self.config.phase_cell
        offset, log_power = self.decoder.tuner(latents)
        begin, end = reach, latents.shape[1] - reach  # beyond them the tuner does not see all that it should
        runs = [(begin, end, cell)] if window is None else window.split_cells(cell, begin, end)
        parts = [compute_tone_phases(self.config, offset[:, b:e], log_power[:, b:e], size) for b, e, size in runs]
        phases = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
        return phases[:, (inside.start - begin) * frames : (inside.stop - begin) * frames]


def compute_context(config: CodecConfig) -> int:
    """Latents on either side that an output can depend on."""
    context = max(compute_encoder_context(config), compute_decoder_context(config))
    if not config.phase_cell:
        return context
    touched = math.ceil(config.overlap / config.frames)  # latents outside a block that overlap with it
    return max(context, -(-touched // config.phase_cell) * config.phase_cell + tuner.compute_reach(config))


def compute_encoder_context(config: CodecConfig) -> int:
    """Latents on either side that a latent's spectra and the encoder reach to."""
    return _count_latents(config, config.encoder_blocks, 2)


def compute_decoder_context(config: CodecConfig) -> int:
    """Latents on either side that the decoder reaches to, with its tuner where carriers are fixed."""
    reach = _count_latents(config, config.decoder_blocks, config.overlap)
    if not config.tuned_bins or config.phase_cell:
        return reach
    whole_latent = config.frames - 1  # a tone's frequency depends on all frames of a latent
    tuning = math.ceil(config.overlap / config.frames) + tuner.compute_reach(config)
    return max(reach, _count_latents(config, config.decoder_blocks, config.overlap + whole_latent), tuning)


def _count_latents(config: CodecConfig, blocks: tuple[int, ...], frames: int) -> int:
    """Latents that so many frames and the residual blocks at each rate reach to: one step a block."""
    return math.ceil((frames + sum(count * 2**rate for rate, count in enumerate(blocks))) / config.frames)
