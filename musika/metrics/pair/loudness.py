"""Loudness error in LU: the difference of integrated loudness, by ITU-R BS.1770-4 (pyloudnorm). 0 is right.

K-weighting, blocks of 0.4 s, gates at -70 LUFS and at 10 LU below the mean. NaN for less than 0.4 s of sound, and where
a waveform never passes the first gate.
"""

from __future__ import annotations

import warnings

import numpy as np

from musika.metrics.pair.inputs import check_pair

MIN_SECONDS = 0.4


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`loudness_error` in LU of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    x, y = (measure_loudness(w, sample_rate) for w in (original, decoded))
    return {"loudness_error": float(abs(y - x))}


def measure_loudness(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of a waveform `[N]` or `[N, 2]` in LUFS; NaN where it is not defined."""
    import pyloudnorm

    if len(waveform) < MIN_SECONDS * sample_rate:
        return float("nan")
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # pyloudnorm takes the logarithm of silence
        warnings.simplefilter("ignore")
        loudness = float(pyloudnorm.Meter(sample_rate).integrated_loudness(waveform.astype(np.float64)))
    return loudness if np.isfinite(loudness) else float("nan")
