"""Level: RMS of the decoded waveform over that of the original, 20 log10 of it, in dB. 0 is right, below 0 too quiet.

Both channels count as one; 1e-9 of full scale is added to each RMS. NaN where the original is silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, silent

TINY = 1e-9


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`level` in dB of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    if silent(original):
        return {"level": float("nan")}
    x, y = (np.sqrt(np.mean(np.square(w, dtype=np.float64))) + TINY for w in (original, decoded))
    return {"level": float(20 * np.log10(y / x))}
