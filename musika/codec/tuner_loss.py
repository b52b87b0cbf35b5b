"""The loss of a tuner whose frequencies are summed up to phases (`phases.py`): frequency, its drift, and level.

The frequency of a bin is measured by how far its phase turns from frame to frame, over the frames of a step (a part of
a latent, `tuner_values` in each) and over both channels. Only spectral peaks and the bins next to them count, where
the turns agree: noise has no frequency to learn. The loss grows with the logarithm of the error, since large errors
cannot be corrected anyway. A constant error shifts a phase ever further, so the mean error of a tone over DRIFT_SECONDS
counts once more.

Shapes: B crops, T latents, S = T `tuner_values` steps, R tuned bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from musika import spectrum
from musika.codec.features import LOG_DEVIATION, POWER_FLOOR
from musika.codec.tones import MAX_OFFSET
from musika.config import CodecConfig

Tensor = Any
Scalars = dict[str, Tensor]

FINE = 0.05  # bins, 1.1 Hz: the loss is proportional to errors below it, and grows with the logarithm above it
COARSE_SHARE = 0.1  # of the error itself, so that large errors have a gradient
DRIFT_SECONDS = 0.75  # over which errors are averaged for the drift
AUDIBLE_RANGE = 14.0  # natural logarithm of power, 61 dB: bins further below the loudest one weigh no less
NEXT_TO_PEAK = 0.6  # weight of bins next to a peak, which has 1
LEVEL_EXPONENT = 0.2  # of power, in the weight of a bin
AGREEMENT_EXPONENT = 6.0  # of the agreement of turns, in the weight of a bin
STEP_RANGE = 5.0  # natural logarithm of power: a step's loudest bin counts as at most so far below the crop's
POWER_SHARE = 0.1  # of the error of powers
QUIETEST = -4.0  # natural logarithm of the power of a bin that counts


def measure_steps(config: CodecConfig, spectra: spectrum.Spectrum) -> tuple[Tensor, Tensor, Tensor]:
    """Spectra of both channels, each part `[B, 2, T frames, K]`, to (offset, log power, weight), each `[B, S, R]`.

    The offset is the distance from each tuned bin to its tone in bins, within two of it.
    """
    frames, count = config.frames // config.tuner_values, config.tuned_bins
    real, imaginary = (part[..., :count] for part in spectra)
    one, other = (real[:, :, :-1], imaginary[:, :, :-1]), (real[:, :, 1:], imaginary[:, :, 1:])
    turned = ops.sum(one[0] * other[0] + one[1] * other[1], axis=1)  # of a frame and the next, [B, T frames - 1, R]
    across = ops.sum(one[0] * other[1] - one[1] * other[0], axis=1)
    angle = np.pi / 2 * np.arange(count)  # by which the bin's own frequency turns
    back = np.cos(angle).astype(np.float32), -np.sin(angle).astype(np.float32)
    pair = spectrum.multiply((turned, across), back)
    length = ops.sqrt(ops.square(pair[0]) + ops.square(pair[1]) + 1e-12)
    turned, across, length = (_sum_over_steps(part, frames) for part in (*pair, length))
    offset = ops.arctan2(across, turned) * (2 / np.pi)
    agreement = ops.sqrt(ops.square(turned) + ops.square(across)) / (length + 1e-9)
    power = ops.sum(ops.square(real) + ops.square(imaginary), axis=1)  # [B, T frames, R]
    power = ops.mean(ops.reshape(power, (power.shape[0], -1, frames, count)), axis=2)
    log_power = ops.log(power + POWER_FLOOR)
    return offset, log_power, _weigh(offset, log_power, agreement)


def _sum_over_steps(turns: Tensor, frames: int) -> Tensor:
    """Sums `[B, S, R]` over the turns in each step; those across a border between steps count half in both."""
    first, last = turns[:, :1], turns[:, -1:]
    turns = ops.concatenate([first, turns, last], axis=1)  # [B, T frames + 1, R]
    edges = turns[:, ::frames]  # [B, S + 1, R]
    inside = turns[:, :-1]
    inside = ops.reshape(inside, (inside.shape[0], -1, frames, inside.shape[-1]))[:, :, 1:]
    return ops.sum(inside, axis=2) + 0.5 * (edges[:, :-1] + edges[:, 1:])


def _weigh(offset: Tensor, log_power: Tensor, agreement: Tensor) -> Tensor:
    """Weight of each bin `[B, S, R]`: of peaks and bins next to them, by power and agreement of turns (0 to 1)."""
    around = [(0, 0), (0, 0), (1, 1)]
    padded = ops.pad(log_power, around, constant_values=-20.0)
    peak = ops.cast((log_power >= padded[..., :-2]) & (log_power >= padded[..., 2:]), "float32")
    peaks = ops.pad(peak, around)
    peak = ops.maximum(peak, NEXT_TO_PEAK * ops.maximum(peaks[..., :-2], peaks[..., 2:]))
    loudest = ops.max(log_power, axis=2, keepdims=True)
    loudest = ops.maximum(loudest, ops.max(log_power, axis=(1, 2), keepdims=True) - STEP_RANGE)
    level = ops.exp(LEVEL_EXPONENT * ops.maximum(log_power - loudest, -AUDIBLE_RANGE))
    counts = (log_power > QUIETEST) & (ops.abs(offset) < MAX_OFFSET - 0.1)
    return ops.where(counts, peak * level * ops.power(ops.maximum(agreement, 1e-3), AGREEMENT_EXPONENT), 0.0)


def compute_tuner_loss(
    config: CodecConfig, offset: Tensor, log_power: Tensor, measured: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Scalars]:
    """(loss, scalars) of what the tuner tells of T latents: offset `[B, T, V, R]`, log power `[B, T, R]`.

    Args:
        measured: of the original by `measure_steps`.
    """
    real_offset, real_power, weight = measured
    error = ops.reshape(offset, real_offset.shape) - real_offset
    total = ops.sum(weight) + 1e-6
    fine = ops.sum(weight * _grow_slowly(error)) / total
    steps = round(DRIFT_SECONDS * config.sample_rate / config.hop_total * config.tuner_values)
    steps = max(1, min(steps, error.shape[1]))
    errors, weights = (_sum_over_windows(x, steps) for x in (weight * error, weight))
    mean_error = errors / (weights + 1e-4)
    drift = ops.sum(weights * _grow_slowly(mean_error)) / (ops.sum(weights) + 1e-6)
    powers = ops.repeat(log_power, config.tuner_values, axis=1)
    loudness = ops.mean(ops.abs(powers - real_power)) / LOG_DEVIATION
    scalars = {
        "tuning": ops.sum(weight * ops.abs(error)) / total,  # bins
        "tuning_drift": ops.sum(weights * ops.abs(mean_error)) / (ops.sum(weights) + 1e-6),  # bins
        "tuning_power": loudness,
    }
    return fine + drift + POWER_SHARE * loudness, scalars


def _grow_slowly(error: Tensor) -> Tensor:
    """The loss of errors in bins, of any shape: logarithmic above FINE, with a small linear part."""
    error = ops.abs(error)
    return FINE * ops.log1p(error / FINE) + COARSE_SHARE * error


def _sum_over_windows(x: Tensor, steps: int) -> Tensor:
    """Sums over all windows of so many steps that begin half of that apart, `[B, S, R]` to `[B, windows, R]`."""
    starts = range(0, x.shape[1] - steps + 1, max(1, steps // 2))
    return ops.stack([ops.sum(x[:, start : start + steps], axis=1) for start in starts], axis=1)
