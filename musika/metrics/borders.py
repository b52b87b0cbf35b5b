"""Clicks where blocks meet: energy of the second difference there against elsewhere, in dB.

d[n] = w[n+1] - 2 w[n] + w[n-1] is large where a waveform jumps or bends. For a border between samples b-1 and b,
d[b-1] and d[b] see it; their energy over the mean energy of d within 64 samples on either side, averaged over
borders and channels, is the figure: `clicks` = 10 log10 of it. Music has accidents there, more so the fewer borders
there are, and a codec whose phases come round in the rhythm of latents has the same one at every border. So two more
stand beside it: `clicks_inside`, of what was decoded, at the seven places that divide a block into eight, and
`clicks_original`, of the original at the borders. No click is to be heard where `clicks` is that of inside, within 1
dB. NaN without borders, or where all is silent around them.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair import checked

AROUND = 64  # samples
PARTS = 8  # of a block, whose inner borders are none
TINY = 1e-14  # energy of the second difference that is silence


def evaluate(original: np.ndarray, decoded: np.ndarray, block_samples: int) -> dict[str, float]:
    """`clicks`, `clicks_inside` and `clicks_original` in dB of a pair `[N, 2]`, blocks being of `block_samples`."""
    original, decoded = checked(original, decoded)
    return {
        "clicks": decibels(ratios(decoded, block_samples)),
        "clicks_inside": decibels(inside(decoded, block_samples)),
        "clicks_original": decibels(ratios(original, block_samples)),
    }


def inside(waveform: np.ndarray, block_samples: int) -> np.ndarray:
    """Of `[N, 2]`: as `ratios`, at the places that divide each block into equal parts."""
    return np.concatenate([ratios(waveform, block_samples, part * block_samples // PARTS) for part in range(1, PARTS)])


def ratios(waveform: np.ndarray, block_samples: int, later: int = 0) -> np.ndarray:
    """Of `[N, 2]`: energy at each border over that around it, `[borders * 2]`, without silent ones.

    Args:
        later: samples after each border at which to look instead.
    """
    energy = np.diff(waveform.astype(np.float64), 2, axis=0) ** 2  # energy[n - 1] is that of d[n]
    found = []
    for border in range(later or block_samples, len(waveform) - 1, block_samples):
        around = energy[max(0, border - 1 - AROUND) : border - 1 + AROUND]
        outside = (around.sum(axis=0) - energy[border - 2 : border].sum(axis=0)) / max(1, len(around) - 2)
        here = energy[border - 2 : border].mean(axis=0)
        found.append((here / np.maximum(outside, TINY))[outside > TINY])
    return np.concatenate([np.zeros(0), *found])


def decibels(ratios: np.ndarray) -> float:
    """10 log10 of their mean; NaN for none."""
    return float(10 * np.log10(max(float(ratios.mean()), TINY))) if ratios.size else float("nan")
