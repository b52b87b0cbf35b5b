"""Level: RMS of the decoded waveform over that of the original, in dB. 0 is right, below 0 is too quiet.

20 log10 of the ratio, both channels together; 1e-9 of full scale is added to each RMS. NaN where the original is
silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

MIN_RMS = 1e-9


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`level` in dB of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    if is_silent(original):
        return {"level": float("nan")}
    x, y = (np.sqrt(np.mean(np.square(w, dtype=np.float64))) + MIN_RMS for w in (original, decoded))
    return {"level": float(20 * np.log10(y / x))}
