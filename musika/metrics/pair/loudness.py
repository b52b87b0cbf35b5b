"""Loudness error in LU: |integrated loudness of the decoded - that of the original|, by ITU-R BS.1770-4 (pyloudnorm).

K-weighting, blocks of 0.4 s, gates at -70 LUFS and 10 LU below the mean. NaN for less than 0.4 s, and where either is
quieter than the first gate throughout.
"""

from __future__ import annotations

import warnings

import numpy as np

from musika.metrics.pair.arguments import checked

SHORTEST = 0.4  # seconds


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`loudness_error` in LU of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    loud = [integrated(w, sample_rate) for w in (original, decoded)]
    return {"loudness_error": float(abs(loud[1] - loud[0]))}


def integrated(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of `[N, 2]` in LUFS; NaN where there is none."""
    import pyloudnorm

    if len(waveform) < SHORTEST * sample_rate:
        return float("nan")
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # pyloudnorm takes the logarithm of silence
        warnings.simplefilter("ignore")
        loudness = float(pyloudnorm.Meter(sample_rate).integrated_loudness(waveform.astype(np.float64)))
    return loudness if np.isfinite(loudness) else float("nan")
