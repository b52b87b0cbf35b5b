"""Log-spectral distance in dB: the root mean square over frequencies of the difference of power in dB, mean over time.

Of each frame d = sqrt(mean over bins of (10 log10(P_x / P_y))²), powers not below 1e-5; mean over frames and channels.
Window 2048 (periodic Hann), hop 512, linear bins, so that high frequencies count most. Source: Gray and Markel,
Distance measures for speech processing (IEEE Trans. ASSP 24, 1976). Smaller is better; unlike `log_mel`, single bins
count, so noise that is right on the whole still has about 8 dB.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked

WINDOW, HOP = 2048, 512
FLOOR = 1e-5


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`log_spectral` in dB of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    frames = [_decibels(original[:, c]) - _decibels(decoded[:, c]) for c in range(2)]
    return {"log_spectral": float(np.mean([np.sqrt(np.mean(f * f, axis=0)).mean() for f in frames]))}


def _decibels(channel: np.ndarray) -> np.ndarray:
    import librosa

    spectrum = librosa.stft(np.ascontiguousarray(channel), n_fft=WINDOW, hop_length=HOP)
    return 10 * np.log10(np.maximum(np.abs(spectrum) ** 2, FLOOR))
