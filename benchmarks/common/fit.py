"""How near what fills a gap is to what was there: harmony, loudness, tempo and sound colour."""

from __future__ import annotations

import numpy as np

from musika.config import SAMPLE_RATE

FRAME, HOP = 4096, 1024  # samples of a spectrum
BANDS = 64
ONSET_FRAME, ONSET_HOP = 1024, 441  # samples of the spectra that onsets are heard in; a step is 10 ms
LAGS = np.arange(20, 201)  # steps between two beats, 0.2 to 2 s
AROUND = LAGS[-1]  # steps on either side of a gap


def compare_contents(edited: np.ndarray, true: np.ndarray, start: int, stop: int) -> dict[str, float]:
    """Four distances of what two recordings `[N, 2]` hold between samples `start` and `stop`; 0 is best.

    chroma is one less the cosine of mean chroma; dB the difference of levels; tempo one less the cosine of what
    `measure_pulse` says; mel the distance of mean and deviation of log-mel bands, in powers of ten.
    """
    parts = [waveform[start:stop] for waveform in (edited, true)]
    one, two = (_measure_spectrum(part) for part in parts)
    levels = [10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-9) for part in parts]
    pulses = [measure_pulse(waveform, start, stop) for waveform in (edited, true)]
    return {
        "chroma": 1.0 - _compute_cosine(one[0], two[0]),
        "dB": float(abs(levels[0] - levels[1])),
        "tempo": 1.0 - _compute_cosine(*pulses),
        "mel": float(np.abs(one[1] - two[1]).mean() + np.abs(one[2] - two[2]).mean()),
    }


def measure_pulse(waveform: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Which times between onsets are frequent in a part of a recording `[N, 2]` and across its edges, `[lags]`.

    It is the correlation of the onsets of the part with those of the part and its surroundings, 2 s on either side. So
    it tells whether the part has the tempo of what is around it, and whether the beats go on.
    """
    first = start // ONSET_HOP - AROUND
    count = (stop - start) // ONSET_HOP + 2 * AROUND
    onsets = measure_onsets(waveform, first, count)
    inside = np.arange(AROUND, count - AROUND)
    strengths = [onsets[inside] @ (onsets[inside - lag] + onsets[inside + lag]) for lag in LAGS]
    return np.convolve(strengths, np.hanning(7)[1:-1] / 3, mode="same")  # a beat may be 20 ms early or late


def measure_onsets(waveform: np.ndarray, first: int, count: int) -> np.ndarray:
    """How much louder the bands of a recording `[N, 2]` become in steps `first` to `first + count`, less the mean."""
    mono = np.pad(waveform.mean(axis=1), (2 * AROUND * ONSET_HOP,))  # so that all steps exist
    begin = (first - 1 + 2 * AROUND) * ONSET_HOP
    part = mono[begin : begin + count * ONSET_HOP + ONSET_FRAME]
    frames = np.lib.stride_tricks.sliding_window_view(part, ONSET_FRAME)[::ONSET_HOP][: count + 1]
    spectra = np.log(np.abs(np.fft.rfft(frames * np.hanning(ONSET_FRAME))) + 1e-2)
    rises = np.maximum(np.diff(spectra, axis=0), 0.0).mean(axis=1)
    return rises - rises.mean()


def _measure_spectrum(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean chroma `[12]`, mean and deviation of log-mel bands `[BANDS]` each."""
    from musika.spectrum import make_mel_filters

    mono = waveform.mean(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(mono, FRAME)[::HOP] * np.hanning(FRAME)
    magnitude = np.abs(np.fft.rfft(frames))  # [frames, bins]
    hertz = np.arange(1, FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    heard = (hertz > 60) & (hertz < 5000)
    pitch = np.rint(12 * np.log2(hertz / 440)).astype(int) % 12
    chroma = np.array([magnitude[:, 1:][:, heard & (pitch == k)].sum() for k in range(12)])
    mel = np.log10(magnitude**2 @ make_mel_filters(SAMPLE_RATE, FRAME, BANDS) + 1e-6)
    return chroma, mel.mean(axis=0), mel.std(axis=0)


def _compute_cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / (np.linalg.norm(one) * np.linalg.norm(two) + 1e-12))
