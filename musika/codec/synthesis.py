"""Waveforms from what the decoder says of every bin: magnitudes and phases to an inverse short-time transform.

The common phase of both channels is relative to a carrier: bin k turns by its own centre frequency from frame to
frame. So a decoder that has learned nothing about phase makes steady tones instead of noise, and a tone off its bin's
centre is a slow turn. In the tuned bins, phases of tones are added to that: those of fixed carriers (`tones.py`), or
phases that add up (`phases.py`).

The phases of the result's own spectra fit their overlapping neighbours better than the decoder's: magnitudes are given
these phases and synthesised again (Griffin and Lim 1984, `consistency_steps` times).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from musika import draws, spectrum
from musika.codec import phases, tones
from musika.codec.decoder import LOG_MAGNITUDE_RANGE, split_head, split_planes, split_tuning
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # cosine and sine

FRAMES_AROUND = 3  # frames on either side that overlap with one


def synthesise(
    config: CodecConfig,
    planes: Tensor | tuple[Tensor, Tensor],
    first_latent: Tensor = 0,
    trim: int = 0,
    tone_phases: Tensor | None = None,
    frame_numbers: Tensor | None = None,
) -> Tensor:
    """The decoder's planes of some frames to the waveform `[B, n hop, 2]` that all its spectra are there for.

    There are `config.overlap` frames more at either end than hops in the waveform.

    Args:
        planes: `[B, frames, ..]`, in one tensor or those of the tuned bins apart; of whole latents where carriers are
            fixed.
        first_latent: absolute number of the latent of the first frame, for fixed carriers and random phases.
        trim: frames at either end that are only for fixed carriers: n = frames - 2 trim - 2 overlap.
        tone_phases: of `compute_tone_phases`, `[B, frames, R]`, where phases add up.
        frame_numbers: absolute number of each frame, int `[frames]`; None counts from `first_latent` on.
    """
    planes, tuned = planes if isinstance(planes, tuple) else split_planes(config, planes)
    keep = slice(trim, planes.shape[1] - trim)
    numbers = np.arange(planes.shape[1], dtype=np.int32) if frame_numbers is None else frame_numbers
    if frame_numbers is None:
        numbers = config.frames * first_latent + numbers
    numbers = numbers[keep]
    magnitudes, common, between = split_head(config, planes[:, keep])
    common = spectrum.multiply(common, _take_turns(config, numbers))
    if config.tuned_bins:
        if tone_phases is None:
            tones = _compute_fixed_carriers(config, planes, tuned, first_latent, keep)
            tones = spectrum.multiply(tones, spectrum.compute_cosine_and_sine(_take_bin_carriers(config, numbers)))
        else:
            tones = spectrum.compute_cosine_and_sine(tone_phases[:, keep] + _take_bin_carriers(config, numbers))
        common = _add_tones(config, split_tuning(config, tuned[:, keep])[0], common, tones)
    left = spectrum.normalise(*common)  # (cos, sin), each [B, n, K]
    right = spectrum.multiply(left, between)
    phases = ops.stack([left[0], right[0]], axis=1), ops.stack([left[1], right[1]], axis=1)  # each [B, 2, n, K]
    waveform = _invert(config, magnitudes, phases)  # [B, 2, (n - 3) hop]
    for _ in range(config.consistency_steps):
        phases = spectrum.normalise(*spectrum.stft(waveform, config.window, config.hop))
        magnitudes = magnitudes[:, :, FRAMES_AROUND:-FRAMES_AROUND]
        waveform = _invert(config, magnitudes, phases)
    half = config.hop // 2  # a frame's centre is that of a hop
    return ops.transpose(waveform[..., half:-half], (0, 2, 1))


def compute_tone_phases(config: CodecConfig, offset: Tensor, log_power: Tensor, cell: int | None = None) -> Tensor:
    """Phases of tones relative to their bins' carriers, `[B, T frames, R]`, from what the tuner tells.

    Args:
        offset: bins from each tuned bin to its tone, `[B, T, V, R]`.
        log_power: logarithm of each bin's power, `[B, T, R]`.
        cell: latents in which phases add up, `config.phase_cell` unless it is given. T is a multiple of it, and the
            first latent begins a cell.
    """
    power = ops.exp(ops.clip(log_power, *(2 * edge for edge in LOG_MAGNITUDE_RANGE)))
    return phases.accumulate_phases(config, offset, power, cell or config.phase_cell)


def _take_turns(config: CodecConfig, numbers: Tensor) -> Pair:
    """By how much the decoder's phases are turned in frames of some absolute numbers, (cos, sin), each `[n, K]`.

    By the carriers of bins, and by random phases, which are the same in every block.
    """
    angle = np.zeros((4, config.bins))
    if config.random_phases:
        angle = 2 * np.pi * draws.uniform(0, "codec/random-phases", 0, (config.block * config.frames, config.bins))
    count = len(angle)
    angle = angle + _make_bin_carriers(config.bins)[np.arange(count) % 4]
    return _take_rows(np.cos(angle), numbers), _take_rows(np.sin(angle), numbers)


def _take_bin_carriers(config: CodecConfig, numbers: Tensor) -> Tensor:
    """The phases of the tuned bins' carriers in frames of some absolute numbers, `[n, R]`."""
    return _take_rows(_make_bin_carriers(config.tuned_bins), numbers)


def _take_rows(table: np.ndarray, numbers: Tensor) -> Tensor:
    """Rows of a table that begins again, float32."""
    table = table.astype(np.float32)
    if isinstance(numbers, np.ndarray):
        return table[numbers % len(table)]
    return ops.take(table, numbers % len(table), axis=0)


def _compute_fixed_carriers(
    config: CodecConfig, planes: Tensor, tuned: Tensor, first_latent: Tensor, keep: slice
) -> Pair:
    """Carriers of tones relative to their bins' carriers, each `[B, n, R]`."""
    offset = split_tuning(config, tuned)[1][:, :: config.frames]  # [B, T, R], the same in all frames of a latent
    power = ops.sum(ops.square(split_head(config, planes)[0]), axis=1)[..., : config.tuned_bins]
    power = ops.mean(ops.reshape(power, (power.shape[0], -1, config.frames, config.tuned_bins)), axis=2)  # [B, T, R]
    return tones.compute_carriers(config, tones.average_offsets(offset, power), first_latent, keep)


def _add_tones(config: CodecConfig, strength: Tensor, common: Pair, tones: Pair) -> Pair:
    """Common phases `[B, n, K]` plus those of tones `[B, n, R]`, times their strength, in the tuned bins."""
    count = config.tuned_bins
    mixed = (part[..., :count] + strength * tone for part, tone in zip(common, tones, strict=True))
    cosine, sine = (ops.concatenate([m, p[..., count:]], axis=-1) for m, p in zip(mixed, common, strict=True))
    return cosine, sine


def _invert(config: CodecConfig, magnitudes: Tensor, phases: Pair) -> Tensor:
    """The inverse transform of magnitudes `[B, 2, n, K]` with phases (cos, sin): hops that four frames overlap in."""
    return spectrum.inverse_stft((magnitudes * phases[0], magnitudes * phases[1]), config.hop, whole=False)


def _make_bin_carriers(bins: int) -> np.ndarray:
    """Each bin's phase at a frame's first sample when it turns at its centre frequency, in radians `[4, bins]`.

    Frame n's centre is at sample (n + 1/2) hop, half a window after its first one: with a hop of a quarter of the
    window that is k (2 n + 1) - 4 k eighths of a turn. It repeats every four frames, and a latent has a multiple of
    four.
    """
    k, frames = np.arange(bins), np.arange(4)[:, None]
    return (k * (2 * frames + 1) - 4 * k) % 8 * (np.pi / 4)
