"""Plain synthesizer voices: pulses, sawtooths, bells, frequency modulation, drums of noise. Each is drawn at random.

A maker such as `make_pulse(rng)` draws a voice; the voice turns a frequency in Hz into LONGEST seconds of mono sound at
RATE, `[N]`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soxr

RATE = 44_100
LONGEST = 4.0  # seconds of a note
OVERSAMPLING = 4  # of waveforms with edges, against aliasing
Voice = Callable[[float], np.ndarray]


def get_times(seconds: float = LONGEST, rate: int = RATE) -> np.ndarray:
    """The times of all samples in seconds, `[N]`."""
    return np.arange(round(seconds * rate)) / rate


def render_oversampled(waveform: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A waveform with edges, a function of the times, computed at a higher rate and resampled; its mean is zero."""
    high = waveform(get_times(rate=RATE * OVERSAMPLING)).astype(np.float32)
    return soxr.resample(high - high.mean(), RATE * OVERSAMPLING, RATE)


def make_pulse(rng: np.random.Generator) -> Voice:
    """Pulses as of old sound chips, some with pulse-width modulation, some with vibrato."""
    duty, motion, vibrato = rng.choice([0.125, 0.25, 0.5]), rng.choice([0, 0, 0.1]), rng.choice([0, 0, 0.003])
    decay = rng.choice([0, 0, 1.5, 5])

    def play(hz: float) -> np.ndarray:
        def waveform(t: np.ndarray) -> np.ndarray:
            phase = (hz * t + vibrato * hz / 6 * np.sin(2 * np.pi * 6 * t) / (2 * np.pi)) % 1
            return np.where(phase < duty + motion * np.sin(2 * np.pi * 0.7 * t), 1.0, -1.0)

        return render_oversampled(waveform) * np.exp(-decay * get_times())

    return play


def make_saw(rng: np.random.Generator) -> Voice:
    """One sawtooth, three detuned ones, or triangles of them."""
    detune = rng.choice([0, 0.004, 0.01])
    triangle, decay = rng.random() < 0.3, rng.choice([0, 0.5, 3])

    def play(hz: float) -> np.ndarray:
        def waveform(t: np.ndarray) -> np.ndarray:
            parts = [2 * ((hz * (1 + k * detune) * t + 0.3 * k) % 1) - 1 for k in ((-1, 0, 1) if detune else (0,))]
            total = sum(parts) / len(parts)
            return 2 * np.abs(total) - 1 if triangle else total

        return render_oversampled(waveform) * np.exp(-decay * get_times())

    return play


def make_bell(rng: np.random.Generator) -> Voice:
    """Inharmonic partials, as of metal and glass, each with a decay of its own."""
    count = int(rng.integers(5, 16))
    ratios = np.sort(np.concatenate([[1.0], rng.uniform(1.5, rng.choice([6, 20]), count)]))
    slope, phases, decays = rng.uniform(0, 1.2), rng.uniform(0, 6.28, count + 1), rng.uniform(0.3, 6, count + 1)

    def play(hz: float) -> np.ndarray:
        t, total = get_times(), np.zeros(len(get_times()))
        for ratio, phase, decay in zip(ratios, phases, decays, strict=True):
            if ratio * hz < 0.45 * RATE:
                total += ratio**-slope * np.sin(2 * np.pi * ratio * hz * t + phase) * np.exp(-decay * t)
        return total

    return play


def make_modulated(rng: np.random.Generator) -> Voice:
    """Frequency modulation: one sine moves the phase of another."""
    ratio, index, decay = rng.choice([1, 2, 3, 1.41, 3.5, 7]), rng.uniform(0.5, 6), rng.uniform(0.2, 5)

    def play(hz: float) -> np.ndarray:
        t = get_times()
        inner = min(index, 0.2 * RATE / (ratio * hz)) * np.exp(-decay * t) * np.sin(2 * np.pi * ratio * hz * t)
        return np.sin(2 * np.pi * hz * t + inner) * np.exp(-0.4 * decay * t)

    return play


MAKERS = (make_pulse, make_pulse, make_saw, make_saw, make_bell, make_modulated)  # as often as they are drawn


def make_noise(rng: np.random.Generator, seconds: float, low: float, high: float) -> np.ndarray:
    """Noise between two frequencies in Hz, with a standard deviation of one, `[N]`."""
    spectrum = np.fft.rfft(rng.normal(size=round(seconds * RATE)))
    hz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    slopes = 1 / ((1 + (low / (hz + 1)) ** 6) * (1 + (hz / high) ** 6))
    noise = np.fft.irfft(spectrum * slopes, round(seconds * RATE))
    return noise / (noise.std() + 1e-9)


def make_drum(key: int, seed: int) -> np.ndarray:
    """One second of the drum of a key: a falling tone for the lowest keys, noise for all others, `[N]`."""
    rng = np.random.default_rng([seed, key])
    t = get_times(1.0)
    if key < 37:
        return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-30 * t)))) * np.exp(-rng.uniform(5, 15) * t)
    low = rng.choice([100, 1000, 5000, 8000])
    noise = make_noise(rng, 1.0, low, rng.uniform(9000, 20_000))
    return rng.uniform(0.03, 0.3) * noise * np.exp(-rng.choice([8, 15, 40]) * t)
