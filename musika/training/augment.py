"""Augmentation of crops: speed, equaliser, stereo image, level. An hour of music is too little for a codec otherwise.

Everything is a pure function of the crop `[n, 2]` and of uniform numbers u in [0, 1), which the caller draws by
position.
"""

from __future__ import annotations

import numpy as np
import soxr

NUMBERS = 18  # uniform numbers that one crop uses: 1 for the mixture, 12 equaliser, 3 stereo, 2 level
EQ_POINTS = 8  # of the equaliser's curve, from 20 Hz to 20 kHz
MAX_SPEED = 2 ** (4 / 12)  # four semitones up or down


def choose_speed(u: np.ndarray) -> float:
    """The factor on a crop's speed: 1 for two thirds of all crops, else up to four semitones up or down."""
    return 1.0 if u[0] < 0.67 else float(MAX_SPEED ** (2 * u[1] - 1))


def change_speed(waveform: np.ndarray, speed: float, rate: int, length: int) -> np.ndarray:
    """Resamples `[n, 2]`, n at least length x speed, to `[length, 2]`: higher and faster, or lower and slower."""
    if speed == 1.0:
        return waveform[:length]
    resampled = soxr.resample(waveform, rate * speed, rate, quality="MQ")
    short = max(0, length - len(resampled))
    return np.pad(resampled[:length], ((0, short), (0, 0)))


def equalise(waveform: np.ndarray, u: np.ndarray, rate: int) -> np.ndarray:
    """A smooth random equaliser of ±9 dB on half of all crops.

    A tenth is cut off above 3 to 15 kHz; a sixth loses up to 12 dB an octave above 1 kHz, so that its treble is faint.
    """
    if u[0] >= 0.5:
        return waveform
    hz = np.fft.rfftfreq(len(waveform), 1 / rate)
    octaves = np.log2(np.maximum(hz, 20.0) / 20.0) / 10.0
    decibels = np.interp(octaves, np.linspace(0, 1, EQ_POINTS), 18.0 * (u[3 : 3 + EQ_POINTS] - 0.5))
    if u[0] < 0.1:
        cutoff = 3_000 * 5 ** u[1]
        decibels = decibels - 60.0 * np.clip((hz - cutoff) / (0.15 * cutoff), 0, 1)
    elif u[0] < 0.27:
        decibels = decibels - 12.0 * u[2] * np.log2(np.maximum(hz / 1000, 1.0))
    gain = (10 ** (decibels / 20)).astype(np.float32)[:, None]
    return np.fft.irfft(np.fft.rfft(waveform, axis=0) * gain, len(waveform), axis=0).astype(np.float32)


def change_stereo(waveform: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Swaps channels half of the time; sometimes makes them mono, narrower, wider, one quieter, or one inverted."""
    if u[0] < 0.5:
        waveform = waveform[:, ::-1]
    mid, side = waveform.mean(axis=1, keepdims=True), (waveform[:, :1] - waveform[:, 1:]) / 2
    kind = u[1]
    if kind < 0.08:
        side = np.zeros_like(side)
    elif kind < 0.25:
        side = side * (2.0 * u[2])
    waveform = np.concatenate([mid + side, mid - side], axis=1)
    if 0.25 <= kind < 0.4:
        waveform = waveform * np.array([1.0, 10 ** (-18 * u[2] / 20)], np.float32)
    elif 0.4 <= kind < 0.43:
        waveform = waveform * np.array([1.0, -1.0], np.float32)
    return waveform


def change_level(waveform: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Half of all crops stay, four tenths lose up to 40 dB, a tenth gains up to 12 dB; peaks stay under 1.1."""
    decibels = 0.0 if u[0] < 0.5 else -40.0 * u[1] ** 1.5
    if 0.4 < u[0] < 0.5:
        decibels = 12.0 * u[1]
    waveform = waveform * 10 ** (decibels / 20)
    return waveform * min(1.0, 1.1 / (np.abs(waveform).max() + 1e-9))


def augment_crop(first: np.ndarray, second: np.ndarray | None, u: np.ndarray, rate: int) -> np.ndarray:
    """One crop `[n, 2]`, or the mixture of two, through equaliser, stereo and level: float32 `[n, 2]`.

    Args:
        first: `[n, 2]`.
        second: `[n, 2]`, mixed in up to 15 dB softer; None mixes nothing.
        u: NUMBERS uniform numbers in [0, 1).
        rate: Hz.
    """
    waveform = first if second is None else first + second * 10 ** (-15 * u[0] / 20)
    waveform = change_stereo(equalise(waveform, u[1:13], rate), u[13:16])
    return np.ascontiguousarray(change_level(waveform, u[16:18]), np.float32)
