"""Scale-invariant signal-to-distortion ratio in dB: does the waveform follow the original's? Larger is better.

Both channels form one vector: s = x (x·y) / (x·x), SI-SDR = 10 log10(|s|² / |y - s|²). A codec that generates its own
phases has a very low value, however good it sounds. NaN where the original is silent. Source: Le Roux, Wisdom, Erdogan
and Hershey, SDR: half-baked or well done? (ICASSP 2019).
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

MIN_ENERGY = 1e-12


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`si_sdr` in dB of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    if is_silent(original):
        return {"si_sdr": float("nan")}
    x, y = original.ravel().astype(np.float64), decoded.ravel().astype(np.float64)
    target = x * (x @ y) / (x @ x + MIN_ENERGY)
    error = y - target
    return {"si_sdr": float(10 * np.log10((target @ target + MIN_ENERGY) / (error @ error + MIN_ENERGY)))}
