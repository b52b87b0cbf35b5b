"""Log-spectral distance in dB: how far the spectra differ, bin by bin. Smaller is better.

For each frame d = sqrt(mean over bins of (10 log10(P_x / P_y))²), with powers of at least 1e-5; the figure is the mean
over frames and channels. Window 2048 (periodic Hann), hop 512, linear bins, so high frequencies count most. Unlike in
`log_mel`, single bins count: noise with the right spectral envelope still has about 8 dB. Source: Gray and Markel,
Distance measures for speech processing (IEEE Trans. ASSP 24, 1976).
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair

WINDOW, HOP = 2048, 512
FLOOR = 1e-5


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`log_spectral` in dB of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    differences = [_compute_decibels(original[:, c]) - _compute_decibels(decoded[:, c]) for c in range(2)]
    return {"log_spectral": float(np.mean([np.sqrt(np.mean(d * d, axis=0)).mean() for d in differences]))}


def _compute_decibels(channel: np.ndarray) -> np.ndarray:
    import librosa

    spectrum = librosa.stft(np.ascontiguousarray(channel), n_fft=WINDOW, hop_length=HOP)
    return 10 * np.log10(np.maximum(np.abs(spectrum) ** 2, FLOOR))
