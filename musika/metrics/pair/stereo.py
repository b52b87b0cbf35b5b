"""Stereo: do left and right relate as they did?

- `correlation_error`: |difference of the Pearson correlation of left and right|, 0 to 2. 1e-9 of noise keeps it defined
  for a silent channel.
- `width_error`: |difference of the width|, 0 to 1; width is the energy of the side over that of mid and side, with mid
  and side = (left ± right) / 2: 0 for mono, 0.5 for independent channels, 1 for opposite ones.

Both are NaN where the original is silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, silent

NOISE = 1e-9
TINY = 1e-12  # energy


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`correlation_error` and `width_error` of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    if silent(original):
        return {"correlation_error": float("nan"), "width_error": float("nan")}
    return {
        "correlation_error": abs(correlation(original) - correlation(decoded)),
        "width_error": abs(width(original) - width(decoded)),
    }


def correlation(waveform: np.ndarray) -> float:
    """Pearson correlation of left and right, -1 to 1."""
    channels = waveform.T
    noise = NOISE * np.random.default_rng(0).standard_normal(channels.shape)
    return float(np.asarray(np.corrcoef(channels + noise))[0, 1])


def width(waveform: np.ndarray) -> float:
    """Share of the side in the energy, 0 to 1."""
    left, right = waveform.astype(np.float64).T
    mid, side = np.mean(((left + right) / 2) ** 2), np.mean(((left - right) / 2) ** 2)
    return float(side / (mid + side + TINY))
