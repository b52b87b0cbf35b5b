"""Tuning error: by how many cents strong tones are off (a semitone has 100 cents). 0 is right.

Peaks are taken from the spectrum of the mono mix (Hann window of 16384, hop half of it) between 80 Hz and 3 kHz; their
frequencies come from a parabola through three log magnitudes (Smith and Serra, PARSHL, ICMC 1987). Each peak of the
original with at least 0.1 of the frame's largest magnitude is compared with the nearest peak of the decoded waveform
with at least 0.03 of it. `tuning_error` is the median of these distances, each at most 100 cents. NaN without peaks.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

WINDOW = 16_384
RANGE = (80, 3000)  # Hz
STRONG, PRESENT = 0.1, 0.03  # relative to the largest magnitude in the frame
MAX_CENTS = 100.0


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`tuning_error` of a pair `[N, 2]`."""
    import librosa

    original, decoded = check_pair(original, decoded)
    if is_silent(original) or len(original) < WINDOW:
        return {"tuning_error": float("nan")}
    spectra = [
        np.abs(librosa.stft(w.mean(axis=1), n_fft=WINDOW, hop_length=WINDOW // 2, center=False)).T
        for w in (original, decoded)
    ]
    scale = sample_rate / WINDOW  # Hz in a bin
    errors = np.concatenate(
        [
            _compare_peaks(_find_peaks(x, STRONG, scale), _find_peaks(y, PRESENT, scale))
            for x, y in zip(*spectra, strict=True)
        ]
    )
    return {"tuning_error": float(np.median(errors)) if errors.size else float("nan")}


def _find_peaks(magnitudes: np.ndarray, share: float, scale: float) -> np.ndarray:
    """Frequencies in Hz of the peaks of a frame `[K]` above `share` of its maximum; `scale` is the Hz in a bin."""
    bins = np.arange(int(RANGE[0] / scale), int(RANGE[1] / scale))
    before, here, after = (magnitudes[bins + step] for step in (-1, 0, 1))
    bins = bins[(here > before) & (here >= after) & (here > share * magnitudes.max())]
    before, here, after = (np.log(magnitudes[bins + step] + 1e-12) for step in (-1, 0, 1))
    return (bins + 0.5 * (before - after) / np.minimum(before - 2 * here + after, -1e-9)) * scale


def _compare_peaks(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Cents from each frequency of the original `[n]` to the nearest one of the decoded `[m]`: `[n]`."""
    if not decoded.size:
        return np.full(original.size, MAX_CENTS)
    cents = 1200 * np.abs(np.log2(original[:, None] / decoded))
    return np.minimum(cents.min(axis=1), MAX_CENTS)
