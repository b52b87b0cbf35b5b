"""Scale-invariant signal-to-distortion ratio: does the decoded waveform follow the original's, sample by sample?

Both channels as one vector: s = x (x·y) / (x·x), SI-SDR = 10 log10(|s|² / |y - s|²), in dB; larger is better. Source:
Le Roux, Wisdom, Erdogan and Hershey, SDR: half-baked or well done? (ICASSP 2019). A codec that invents phases has a
very low one, however good it sounds. NaN where the original is silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, silent

TINY = 1e-12


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`si_sdr` in dB of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    if silent(original):
        return {"si_sdr": float("nan")}
    x, y = original.ravel().astype(np.float64), decoded.ravel().astype(np.float64)
    target = x * (x @ y) / (x @ x + TINY)
    error = y - target
    return {"si_sdr": float(10 * np.log10((target @ target + TINY) / (error @ error + TINY)))}
