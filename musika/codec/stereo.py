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
from musika.codec.decoder import HEAD_PLANES, Decoder
from musika.codec.encoder import Encoder
from musika.codec.features import compute_features
from musika.codec.seams import SeamWindow, find_seam_window
from musika.codec.synthesis import compute_tone_phases, synthesise
from musika.config import CodecConfig

Tensor = Any
Tree = Any
Planes = tuple[Tensor, Tensor]  # of all bins, and of the tuned bins


class StereoCodec(Codec):
    """Encoder and decoder behind the codec's interface, coding windows of one fixed shape.

    Args:
        make_encoder: makes the encoder when something is encoded for the first time: who makes music needs none.
        identity: see `checkpoint.compute_identity`.
        xla: compile with XLA.
    """

    kind = "stereo"

    def __init__(
        self,
        config: CodecConfig,
        make_encoder: Callable[[], Encoder],
        decoder: Decoder,
        identity: str,
        xla: bool = False,
    ) -> None:
        self.config, self.decoder, self.identity = config, decoder, identity
        self.xla, self._make_encoder = xla, make_encoder
        self._is_prepared = False
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

    def prepare_decoding(self) -> None:
        """As `Codec` says: compiles the synthesis, by silence."""
        if self._is_prepared or not self.config.phase_cell:
            return
        self._is_prepared = True
        config, frames = self.config, self._inside_frames
        planes = tuple(
            ops.zeros((1, frames.stop - frames.start, count), self.decoder.compute_dtype)
            for count in (HEAD_PLANES * config.bins, config.tuned_bins)
        )
        shape = (1, self.block + 2 * self.context, config.tuner_values, config.tuned_bins)
        self.run_synthesis(planes, (ops.zeros(shape), ops.zeros((*shape[:2], shape[3]))))

    def _decode_seam(self, window: SeamWindow, latents: np.ndarray) -> np.ndarray:
        """`decode_window` of one window `[1, block + 2 context, C]` that sees the seam of a loop.

        Tone phases are computed step by step here: where cells begin differs from window to window, and a program for
        each would take seconds to compile.
        """
        planes, tuning = self.run_networks(np.asarray(latents, np.float32))
        phases = self._tell_tone_phases(tuning, window) if self.config.phase_cell else None
        numbers = window.count_frames(self.config.frames)[self._inside_frames]
        return backend.to_numpy(self._synthesise(planes, phases, numbers))

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, made at the first use."""
        return self._make_encoder()

    @cached_property
    def _encode(self) -> Callable[[Tensor], Tensor]:
        encoder, around = self.encoder, compute_encoder_context(self.config)  # built before anything is compiled
        unseen = (self.context - around) * self.hop_total  # samples at either end that the block does not depend on

        def encode(waveform: Tensor) -> Tensor:
            waveform = waveform[:, unseen : waveform.shape[1] - unseen]
            return encoder(compute_features(self.config, waveform))[:, around : around + self.block]

        return backend.compile(encode, self.xla)

    @property
    def _inside(self) -> slice:
        """Latents of a window that the decoder has to see."""
        around = compute_decoder_context(self.config)
        return slice(self.context - around, self.context + self.block + around)

    @property
    def _trim(self) -> int:
        """Frames at either end of these that are not synthesised."""
        return compute_decoder_context(self.config) * self.config.frames - self.config.overlap

    @property
    def _inside_frames(self) -> slice:
        """Frames of a window that there are planes of."""
        skipped = self._trim if self.config.phase_cell else 0
        return slice(
            self._inside.start * self.config.frames + skipped, self._inside.stop * self.config.frames - skipped
        )

    def _decode(self, latents: np.ndarray) -> Tensor:
        planes, tuning = self.run_networks(latents)
        return self.run_synthesis(planes, tuning)

    @cached_property
    def run_networks(self) -> Callable[[Tensor], tuple[Planes, Tree]]:
        """The decoder's planes of a window, and what the tuner tells where phases add up."""

        def run(latents: Tensor) -> tuple[Planes, Tree]:
            inside = latents[:, self._inside]
            if not self.config.phase_cell:
                return self.decoder.compute_planes(inside), ()
            return self.decoder.compute_planes(inside, self._trim), self.decoder.tuner(latents)

        # constants make a program larger and its start slower, and of the tuner's weights they gain little
        finished = [layer for layer, _ in self.decoder.stack]
        return backend.compile_finished(run, finished, self.xla)

    @cached_property
    def run_synthesis(self) -> Callable[[Planes, Tree], Tensor]:
        """The waveform of a window. Its many small operations become few with XLA, whatever the networks take."""
        numbers = np.arange(self._inside_frames.start, self._inside_frames.stop, dtype=np.int32)
        numbers -= self.context * self.config.frames

        def run(planes: Planes, tuning: Tree) -> Tensor:
            return self._synthesise_planes(planes, self._tell_tone_phases(tuning) if tuning else None, numbers)

        return backend.compile(run, xla=True)

    @cached_property
    def _synthesise(self) -> Callable[[Planes, Tensor | None, Tensor], Tensor]:
        return backend.compile(self._synthesise_planes, xla=True)

    def _synthesise_planes(self, planes: Planes, phases: Tensor | None, frame_numbers: Tensor) -> Tensor:
        """The waveform of a window: planes of `compute_planes`, phases `[B, frames, R]`, numbers `[frames]`."""
        first, trim = self._inside.start - self.context, 0 if self.config.phase_cell else self._trim
        return synthesise(self.config, planes, first, trim, phases, frame_numbers)

    def _tell_tone_phases(self, tuning: Tree, window: SeamWindow | None = None) -> Tensor:
        """Phases of the tones of the frames of a window, from what the tuner tells of all cells that they lie in."""
        reach, frames, cell = tuner.compute_reach(self.config), self.config.frames, self.config.phase_cell
        offset, log_power = tuning
        begin, end = reach, offset.shape[1] - reach  # beyond them the tuner does not see all that it should
        runs = [(begin, end, cell)] if window is None else window.split_cells(cell, begin, end)
        parts = [compute_tone_phases(self.config, offset[:, b:e], log_power[:, b:e], size) for b, e, size in runs]
        phases = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
        inside = self._inside_frames
        return phases[:, inside.start - begin * frames : inside.stop - begin * frames]


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
