"""Tones in tune: carriers that turn with time, where latents alone would put every tone on a grid.

Latents know no absolute phase, so those of a steady tone are all alike, and so would be what is decoded from them:
every tone on a multiple of the latents' rate (10.77 Hz), or broken between latents. Tones therefore have carriers of
their own, of which there are J = `tuning_steps` from one bin to the next, and which turn with time, not with latents.
After 4 J frames (4 latents) all of them have turned around whole times, and a block is a multiple of that, so it does
not matter which block this is. Shapes: `R` tuned bins, `n` frames.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from musika import draws, spectrum
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # cosine and sine

SHIFT = 64  # samples over which the frequency of a tone is measured
FARTHEST = 2.0  # bins from a tone's frequency to the ends of its main lobe
SAME_TONE = 0.5  # bins by which two bins may say different frequencies and mean one tone
TUNER_WIDTH, TUNER_REACH = 320, 2  # of the network that tells frequencies; latents on either side that it sees


class Tuner(keras.layers.Layer):
    """Latents `[B, T, C]` to how many bins the tone is away that each tuned bin belongs to, `[B, T, R]`.

    A network of its own, at the latents' rate: frequencies that change within a latent would be no tones.
    """

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        reach = 2 * TUNER_REACH + 1
        self.near = keras.layers.Conv1D(TUNER_WIDTH, reach, padding="same", name="near", dtype=self.dtype_policy)
        self.far = keras.layers.Dense(TUNER_WIDTH, name="far", dtype=self.dtype_policy)
        self.offset = keras.layers.Dense(config.tuned_bins, name="offset", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.near.build(shape)
        for layer in (self.far, self.offset):
            layer.build((*shape[:-1], TUNER_WIDTH))
        self.built = True

    def call(self, latents: Tensor) -> Tensor:
        return self.offset(ops.silu(self.far(ops.silu(self.near(latents)))))


def agreed(config: CodecConfig, offset: Tensor, power: Tensor) -> Tensor:
    """Offsets and power `[B, T frames, R]` of single bins to offsets of tones, `[B, T, R]`: what neighbours agree on.

    Where bins of one tone say a little different frequencies, it would beat. Each takes the mean of those within three
    bins that say nearly the same, by their power and by how near it is.
    """
    power = ops.mean(ops.reshape(power, (power.shape[0], -1, config.frames, config.tuned_bins)), axis=2)
    offset = ops.clip(offset[:, :: config.frames], -FARTHEST, FARTHEST)  # [B, T, R]
    reach = int(FARTHEST) + 1
    around = [(0, 0), (0, 0), (reach, reach)]
    others, powers = ops.pad(offset, around), ops.pad(power, around)
    total, weights = 0.0, 1e-12
    for shift in range(2 * reach + 1):
        there = slice(shift, shift + config.tuned_bins)
        said = others[..., there] + float(shift - reach)  # from here; frequencies themselves would be rounded more
        near = ops.exp(-ops.square((said - offset) / SAME_TONE)) * powers[..., there]
        total, weights = total + near * said, weights + near
    return ops.stop_gradient(total / weights)


def carriers(config: CodecConfig, offset: Tensor, latent: Tensor, keep: slice) -> Pair:
    """Phases of tones relative to bins' own carriers, as (cos, sin), each `[B, n, R]`.

    A frequency between two carriers takes from both.

    Args:
        offset: bins from each tuned bin to its tone, `[B, T, R]`.
        latent: number of the first latent.
        keep: frames that are wanted, n of T frames.
    """
    steps = config.tuning_steps
    place = ops.clip(offset, -FARTHEST, FARTHEST) * steps  # [B, T, R]
    lower = ops.floor(place)
    frames = config.frames * latent + np.arange(config.frames * offset.shape[1], dtype=np.int32)[keep, None]
    times = ops.cast((2 * frames + 1) % (8 * steps), "float32")  # of the frames' centres, in halves of a hop [n, 1]
    low, high = (_tone(config, lower + up, times, keep) for up in (0.0, 1.0))
    share = _at_frames(config, place - lower, keep)
    return spectrum.unit(*(a + share * (b - a) for a, b in zip(low, high, strict=True)))


def _tone(config: CodecConfig, step: Tensor, times: Tensor, keep: slice) -> Pair:
    """The carrier of the tone that many `[B, T, R]` steps above a bin, relative to the bin's own, as (cos, sin).

    It has a phase of its own, the same in all bins that it reaches, so that tones do not add up to clicks.
    """
    steps, bins = config.tuning_steps, np.arange(config.tuned_bins, dtype=np.int32)
    reach = int(FARTHEST) + 1
    own = 2 * np.pi * draws.uniform(0, "codec/tones", 0, ((config.tuned_bins + 2 * reach) * steps,))
    own = ops.take(own.astype(np.float32), ops.cast(step, "int32") + (bins + reach) * steps)
    step, own = (_at_frames(config, x, keep) for x in (step, own))
    angle = step * (times * (np.pi / (4 * steps))) + own
    return ops.cos(angle), ops.sin(angle)


def _at_frames(config: CodecConfig, x: Tensor, keep: slice) -> Tensor:
    """Of latents `[B, T, R]`, at those of their frames that are kept, `[B, n, R]`."""
    return ops.repeat(x, config.frames, axis=1)[:, keep]


def measured(config: CodecConfig, waveform: Tensor, now: spectrum.Spectrum) -> Pair:
    """What the offsets of `tuning_parts` should be, and how much each counts, both `[B, frames, R]`.

    Of a waveform `[B, N, 2]` whose spectra are `now`. The frequency is what the phase turns by over SHIFT samples, of
    both channels by their power. Peaks count, and the bins next to them.
    """
    waveform = ops.transpose(waveform, (0, 2, 1))
    later = ops.pad(waveform[..., SHIFT:], [(0, 0), (0, 0), (0, SHIFT)])
    then = spectrum.stft(later, config.window, config.hop)
    now, then = (tuple(part[..., : config.tuned_bins] for part in x) for x in (now, then))
    real = ops.sum(now[0] * then[0] + now[1] * then[1], axis=1)  # of later times conjugate of now, both channels
    imaginary = ops.sum(now[0] * then[1] - now[1] * then[0], axis=1)
    angle = 2 * np.pi * SHIFT / config.window * np.arange(config.tuned_bins)
    back = np.cos(angle).astype(np.float32), -np.sin(angle).astype(np.float32)
    real, imaginary = spectrum.turn((real, imaginary), back)
    offset = ops.arctan2(imaginary, real) * (config.window / (2 * np.pi * SHIFT))
    power = ops.sqrt(ops.square(real) + ops.square(imaginary) + 1e-12)  # [B, frames, R]
    around = ops.pad(power, [(0, 0), (0, 0), (1, 1)])
    peak = ops.cast((power >= around[..., :-2]) & (power >= around[..., 2:]), "float32")
    peak = ops.pad(peak, [(0, 0), (0, 0), (1, 1)])
    counts = (peak[..., :-2] + peak[..., 1:-1] + peak[..., 2:] > 0) & (ops.abs(offset) < FARTHEST)
    return offset, ops.where(counts, ops.power(power, 0.25), 0.0)
