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
from musika.codec.decoder import LOG_MAGNITUDE_RANGE, split_head, split_tuning
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # cosine and sine


def synthesise(
    config: CodecConfig,
    planes: Tensor,
    first_latent: Tensor = 0,
    trim: int = 0,
    tone_phases: Tensor | None = None,
    frame_numbers: Tensor | None = None,
) -> Tensor:
    """The decoder's planes `[B, T frames, ..]` to a waveform `[B, n hop, 2]`.

    The outermost `config.overlap` hops lack spectra further out.

    Args:
        first_latent: absolute number of the first of the T latents, for fixed carriers and random phases.
        trim: frames at either end that are not synthesised: n = T frames - 2 trim.
        tone_phases: of `compute_tone_phases`, `[B, T frames, R]`, where phases add up.
        frame_numbers: absolute number of each frame, int `[T frames]`, for random phases; None counts from
            `first_latent` on.
    """
    keep = slice(trim, planes.shape[1] - trim)
    magnitudes, common, between = split_head(config, planes[:, keep])
    if config.random_phases:
        if frame_numbers is None:
            numbers = config.frames * first_latent + np.arange(planes.shape[1], dtype=np.int32)[keep]
        else:
            numbers = frame_numbers[keep]
        common = spectrum.multiply(common, _take_random_phases(config, numbers))
    if config.tuned_bins:
        if tone_phases is None:
            carriers = _compute_fixed_carriers(config, planes, first_latent, keep)
        else:
            carriers = ops.cos(tone_phases[:, keep]), ops.sin(tone_phases[:, keep])
        common = _add_tones(config, split_tuning(config, planes)[0][:, keep], common, carriers)
    carrier = _compute_bin_carriers(config, trim, magnitudes.shape[2])
    left = spectrum.multiply(spectrum.normalise(*common), carrier)  # (cos, sin), each [B, n, K]
    right = spectrum.multiply(left, between)
    phases = ops.stack([left[0], right[0]], axis=1), ops.stack([left[1], right[1]], axis=1)  # each [B, 2, n, K]
    waveform = _invert(config, magnitudes, phases)  # [B, 2, n hop + window - hop]
    for _ in range(config.consistency_steps):
        phases = spectrum.normalise(*spectrum.stft(waveform, config.window, config.hop))
        waveform = _invert(config, magnitudes, phases)
    margin = (config.window - config.hop) // 2
    return ops.transpose(waveform[..., margin:-margin], (0, 2, 1))


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


def _take_random_phases(config: CodecConfig, numbers: Tensor) -> Pair:
    """Random phases of frames of some absolute numbers `[n]`, as (cos, sin), each `[n, K]`.

    They are the same in every block.
    """
    frames = config.block * config.frames
    angle = 2 * np.pi * draws.uniform(0, "codec/random-phases", 0, (frames, config.bins))
    number = numbers % frames
    return ops.take(np.cos(angle), number, axis=0), ops.take(np.sin(angle), number, axis=0)


def _compute_fixed_carriers(config: CodecConfig, planes: Tensor, first_latent: Tensor, keep: slice) -> Pair:
    """Carriers of tones relative to their bins' carriers, each `[B, n, R]`."""
    offset = split_tuning(config, planes)[1][:, :: config.frames]  # [B, T, R], the same in all frames of a latent
    power = ops.sum(ops.square(split_head(config, planes)[0]), axis=1)[..., : config.tuned_bins]
    power = ops.mean(ops.reshape(power, (power.shape[0], -1, config.frames, config.tuned_bins)), axis=2)  # [B, T, R]
    return tones.compute_carriers(config, tones.average_offsets(offset, power), first_latent, keep)


def _add_tones(config: CodecConfig, strength: Tensor, common: Pair, carriers: Pair) -> Pair:
    """Common phases `[B, n, K]` plus the carriers of tones `[B, n, R]`, times their strength, in the tuned bins."""
    count = config.tuned_bins
    mixed = (part[..., :count] + strength * tone for part, tone in zip(common, carriers, strict=True))
    cosine, sine = (ops.concatenate([m, p[..., count:]], axis=-1) for m, p in zip(mixed, common, strict=True))
    return cosine, sine


def _invert(config: CodecConfig, magnitudes: Tensor, phases: Pair) -> Tensor:
    """The inverse transform of magnitudes `[B, 2, n, K]` with phases (cos, sin)."""
    return spectrum.inverse_stft((magnitudes * phases[0], magnitudes * phases[1]), config.hop)


def _compute_bin_carriers(config: CodecConfig, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each bin's phase at a frame's first sample when it turns at its centre frequency, as (cos, sin) `[count, K]`.

    Frame n's centre is at sample (n + 1/2) hop, half a window after its first one: with a hop of a quarter of the
    window that is k (2 n + 1) - 4 k eighths of a turn. It repeats every four frames, and a latent has a multiple of
    four, so it does not matter at which latent a block begins.
    """
    bins, frames = np.arange(config.bins), first + np.arange(count)[:, None]
    angle = (bins * (2 * frames + 1) - 4 * bins) % 8 * (np.pi / 4)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
