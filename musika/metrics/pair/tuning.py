"""Tuning error: how far strong tones are from where they were, in cents (a semitone has 100).

Peaks of the spectrum of the mono mix (Hann window of 16384, hop half of it) from 80 Hz to 3 kHz, not under a tenth of
the frame's largest magnitude, their frequencies by a parabola through three logarithms (Smith and Serra, PARSHL, ICMC
1987). Each is compared with the nearest peak of the decoded that is not under 0.03 of the largest there; `tuning_error`
is the median of the distances, each at most 100. NaN where there are no peaks.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, silent

WINDOW = 16_384
RANGE = (80, 3000)  # Hz
STRONG, PRESENT = 0.1, 0.03  # of the largest magnitude in the frame
MOST = 100.0  # cents


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`tuning_error` of a pair `[N, 2]`."""
    import librosa

    original, decoded = checked(original, decoded)
    if silent(original) or len(original) < WINDOW:
        return {"tuning_error": float("nan")}
    spectra = [
        np.abs(librosa.stft(w.mean(axis=1), n_fft=WINDOW, hop_length=WINDOW // 2, center=False)).T
        for w in (original, decoded)
    ]
    scale = sample_rate / WINDOW
    errors = [_errors(_peaks(x, STRONG, scale), _peaks(y, PRESENT, scale)) for x, y in zip(*spectra, strict=True)]
    found = np.concatenate(errors)
    return {"tuning_error": float(np.median(found)) if found.size else float("nan")}


def _peaks(magnitudes: np.ndarray, share: float, scale: float) -> np.ndarray:
    """Frequencies in Hz of a frame's peaks; `scale` is the Hz in a bin."""
    bins = np.arange(int(RANGE[0] / scale), int(RANGE[1] / scale))
    before, here, after = (magnitudes[bins + step] for step in (-1, 0, 1))
    bins = bins[(here > before) & (here >= after) & (here > share * magnitudes.max())]
    before, here, after = (np.log(magnitudes[bins + step] + 1e-12) for step in (-1, 0, 1))
    return (bins + 0.5 * (before - after) / np.minimum(before - 2 * here + after, -1e-9)) * scale


def _errors(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Cents from each of the original's peaks to the nearest of the decoded."""
    if not decoded.size:
        return np.full(original.size, MOST)
    cents = 1200 * np.abs(np.log2(original[:, None] / decoded))
    return np.minimum(cents.min(axis=1), MOST)
