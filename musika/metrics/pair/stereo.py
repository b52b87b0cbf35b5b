"""Stereo: do left and right relate to each other as they did? 0 is right for both figures.

- `correlation_error`: difference of the Pearson correlation of left and right, 0 to 2. Noise of 1e-9 keeps the
  correlation defined if a channel is silent.
- `width_error`: difference of the stereo width, 0 to 1. The width is the energy of the side signal over that of mid and
  side, (left ± right) / 2: 0 for mono, 0.5 for independent channels, 1 for opposite ones.

Both are NaN where the original is silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

NOISE = 1e-9
MIN_ENERGY = 1e-12


def evaluate(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """`correlation_error` and `width_error` of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    if is_silent(original):
        return {"correlation_error": float("nan"), "width_error": float("nan")}
    return {
        "correlation_error": abs(measure_correlation(original) - measure_correlation(decoded)),
        "width_error": abs(measure_width(original) - measure_width(decoded)),
    }


def measure_correlation(waveform: np.ndarray) -> float:
    """Pearson correlation of left and right of `[N, 2]`, -1 to 1."""
    channels = waveform.T
    noise = NOISE * np.random.default_rng(0).standard_normal(channels.shape)
    return float(np.asarray(np.corrcoef(channels + noise))[0, 1])


def measure_width(waveform: np.ndarray) -> float:
    """Share of the side signal in the energy of `[N, 2]`, 0 to 1."""
    left, right = waveform.astype(np.float64).T
    mid, side = np.mean(((left + right) / 2) ** 2), np.mean(((left - right) / 2) ** 2)
    return float(side / (mid + side + MIN_ENERGY))
