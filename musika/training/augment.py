"""Crops of waveforms made different: an hour of music is too little diversity for a codec that should know all of it.

Everything is a pure function of the crop and of uniform numbers in [0, 1), which the caller draws by position.
"""

from __future__ import annotations

import numpy as np
import soxr

NUMBERS = 24  # uniform numbers that one crop uses
EQ_POINTS = 8
MAX_SPEED = 2 ** (4 / 12)  # four semitones up or down


def speed_of(u: np.ndarray) -> float:
    """How much faster the crop shall sound: 1 for two thirds of all crops, else up to four semitones off."""
    return 1.0 if u[0] < 0.67 else float(MAX_SPEED ** (2 * u[1] - 1))


def at_speed(waveform: np.ndarray, speed: float, rate: int, length: int) -> np.ndarray:
    """`[n, 2]`, n at least length x speed, resampled to `[length, 2]`: higher and faster, or lower and slower."""
    if speed == 1.0:
        return waveform[:length]
    resampled = soxr.resample(waveform, rate * speed, rate, quality="MQ")
    short = max(0, length - len(resampled))
    return np.pad(resampled[:length], ((0, short), (0, 0)))


def coloured(waveform: np.ndarray, u: np.ndarray, rate: int) -> np.ndarray:
    """A half of all crops through a smooth random equaliser of ±9 dB.

    A tenth is cut off above 3 to 15 kHz; a sixth loses up to 12 dB an octave above 1 kHz: faint treble, not none.
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


def spread(waveform: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Channels swapped half of the time; sometimes made mono, narrower, wider, balanced anew, or one inverted."""
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


def levelled(waveform: np.ndarray, u: np.ndarray) -> np.ndarray:
    """From whisper to full scale: half of all crops lose up to 40 dB, a tenth gains; peaks stay under 1.1."""
    decibels = 0.0 if u[0] < 0.5 else -40.0 * u[1] ** 1.5
    if 0.4 < u[0] < 0.5:  # towards full scale
        decibels = 12.0 * u[1]
    waveform = waveform * 10 ** (decibels / 20)
    return waveform * min(1.0, 1.1 / (np.abs(waveform).max() + 1e-9))


def augmented(first: np.ndarray, second: np.ndarray | None, u: np.ndarray, rate: int) -> np.ndarray:
    """One crop `[n, 2]`, or the mixture of two, in another colour, width and level: float32 `[n, 2]`.

    Args:
        u: NUMBERS uniform numbers in [0, 1).
    """
    waveform = first if second is None else first + second * 10 ** (-15 * u[0] / 20)
    waveform = spread(coloured(waveform, u[1:13], rate), u[13:16])
    return np.ascontiguousarray(levelled(waveform, u[16:18]), np.float32)
