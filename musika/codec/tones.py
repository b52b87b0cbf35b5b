"""Carriers of tones: phases that turn at a tone's own frequency, which latents alone cannot give.

Latents hold no absolute phase. So the latents of a steady tone are all equal, and whatever is decoded from them repeats
with every latent: each tone would lie on a multiple of the latents' rate (10.77 Hz), or break between latents. Tones
therefore have carriers whose phase is a function of absolute time, J = `tuning_steps` of them from one bin to the next.
After 4 J frames all carriers have made whole turns. A block is a multiple of that, so its number does not matter.

Shapes: B crops, T latents, n frames, R tuned bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from musika import draws, spectrum
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # cosine and sine

SHIFT = 64  # samples over which the frequency of a tone is measured
MAX_OFFSET = 2.0  # bins from a tone's frequency to the ends of its main lobe
SAME_TONE = 0.5  # bins: deviation of a Gaussian weight; bins whose frequencies differ less belong to one tone


def average_offsets(offset: Tensor, power: Tensor) -> Tensor:
    """Offsets of single bins `[B, T, R]` to offsets of tones, in the same shape.

    Where bins of one tone had slightly different frequencies, the tone would beat. Each bin takes the mean of those
    within three bins whose frequency is nearly the same, weighted by their power and by how near the frequency is.

    Args:
        offset: bins from each tuned bin to its tone.
        power: of both channels, in the same shape.
    """
    offset = ops.clip(offset, -MAX_OFFSET, MAX_OFFSET)
    reach, count = int(MAX_OFFSET) + 1, offset.shape[-1]
    around = [(0, 0), (0, 0), (reach, reach)]
    offsets, powers = ops.pad(offset, around), ops.pad(power, around)  # [B, T, R + 2 reach]
    total, weights = 0.0, 1e-12
    for shift in range(2 * reach + 1):
        neighbour = slice(shift, shift + count)
        # the neighbour's tone as seen from this bin; frequencies themselves would lose more to rounding
        distance = offsets[..., neighbour] + float(shift - reach)
        weight = ops.exp(-ops.square((distance - offset) / SAME_TONE)) * powers[..., neighbour]
        total, weights = total + weight * distance, weights + weight
    return ops.stop_gradient(total / weights)


def compute_carriers(config: CodecConfig, offset: Tensor, first_latent: Tensor, keep: slice) -> Pair:
    """Phases of tones' carriers relative to their bins' carriers, as (cos, sin), each `[B, n, R]`.

    A frequency between two carriers takes from both.

    Args:
        offset: bins from each tuned bin to its tone, `[B, T, R]`.
        first_latent: absolute number of the first of the T latents.
        keep: which of the T frames are wanted; n of them.
    """
    steps = config.tuning_steps
    position = ops.clip(offset, -MAX_OFFSET, MAX_OFFSET) * steps  # [B, T, R], in steps from the bin's frequency
    lower = ops.floor(position)
    count = config.frames * offset.shape[1]
    frames = config.frames * first_latent + np.arange(count, dtype=np.int32)[keep, None]  # [n, 1], absolute
    times = ops.cast((2 * frames + 1) % (8 * steps), "float32")  # of the frames' centres, in halves of a hop
    low, high = (_compute_carrier(config, lower + up, times, keep) for up in (0.0, 1.0))
    share = _repeat_for_frames(config, position - lower, keep)
    return spectrum.normalise(*(a + share * (b - a) for a, b in zip(low, high, strict=True)))


def _compute_carrier(config: CodecConfig, step: Tensor, times: Tensor, keep: slice) -> Pair:
    """The carrier `step` `[B, T, R]` steps above a bin's frequency, relative to the bin's own one, as (cos, sin).

    Its initial phase is random, so that tones do not add up to clicks, and the same in all bins that it reaches.
    """
    steps, bins = config.tuning_steps, np.arange(config.tuned_bins, dtype=np.int32)
    reach = int(MAX_OFFSET) + 1
    initial = 2 * np.pi * draws.uniform(0, "codec/tones", 0, ((config.tuned_bins + 2 * reach) * steps,))
    initial = ops.take(initial.astype(np.float32), ops.cast(step, "int32") + (bins + reach) * steps)  # [B, T, R]
    step, initial = (_repeat_for_frames(config, x, keep) for x in (step, initial))  # [B, n, R]
    angle = step * (times * (np.pi / (4 * steps))) + initial
    return ops.cos(angle), ops.sin(angle)


def _repeat_for_frames(config: CodecConfig, x: Tensor, keep: slice) -> Tensor:
    """Values of latents `[B, T, R]` at those of their frames that are wanted, `[B, n, R]`."""
    return ops.repeat(x, config.frames, axis=1)[:, keep]


def measure_tones(config: CodecConfig, waveform: Tensor, spectra: spectrum.Spectrum) -> Pair:
    """What the decoder's offsets should be (bins), and how much each counts, both `[B, frames, R]`.

    The frequency is what the phase turns by over SHIFT samples, over both channels by their power. Peaks count, and
    the bins next to them, by the square root of their magnitude.

    Args:
        waveform: `[B, N, 2]`.
        spectra: of this waveform, as `compute_channel_spectra` gives them.
    """
    waveform = ops.transpose(waveform, (0, 2, 1))
    shifted = ops.pad(waveform[..., SHIFT:], [(0, 0), (0, 0), (0, SHIFT)])
    later = spectrum.stft(shifted, config.window, config.hop)
    now, later = (tuple(part[..., : config.tuned_bins] for part in x) for x in (spectra, later))  # [B, 2, frames, R]
    real = ops.sum(now[0] * later[0] + now[1] * later[1], axis=1)  # later x conjugate of now, summed over channels
    imaginary = ops.sum(now[0] * later[1] - now[1] * later[0], axis=1)
    angle = 2 * np.pi * SHIFT / config.window * np.arange(config.tuned_bins)  # by which the bin's own frequency turns
    back = np.cos(angle).astype(np.float32), -np.sin(angle).astype(np.float32)
    real, imaginary = spectrum.multiply((real, imaginary), back)
    offset = ops.arctan2(imaginary, real) * (config.window / (2 * np.pi * SHIFT))
    power = ops.sqrt(ops.square(real) + ops.square(imaginary) + 1e-12)  # [B, frames, R]
    around = ops.pad(power, [(0, 0), (0, 0), (1, 1)])
    peak = ops.cast((power >= around[..., :-2]) & (power >= around[..., 2:]), "float32")
    peak = ops.pad(peak, [(0, 0), (0, 0), (1, 1)])
    counts = (peak[..., :-2] + peak[..., 1:-1] + peak[..., 2:] > 0) & (ops.abs(offset) < MAX_OFFSET)
    return offset, ops.where(counts, ops.power(power, 0.25), 0.0)
