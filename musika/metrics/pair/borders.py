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

from musika.metrics.pair.arguments import checked

AROUND = 64  # samples
PARTS = 8  # of a block, whose inner borders are none
TINY = 1e-14  # energy of the second difference that is silence


def evaluate(original: np.ndarray, decoded: np.ndarray, block_samples: int) -> dict[str, float]:
    """`clicks`, `clicks_inside` and `clicks_original` in dB of a pair `[N, 2]`, blocks being of `block_samples`."""
    return {name: decibels(found) for name, found in ratios(original, decoded, block_samples).items()}


def ratios(original: np.ndarray, decoded: np.ndarray, block_samples: int) -> dict[str, np.ndarray]:
    """By figure, of a pair `[N, 2]`: energy at each place over that around it, `[places * 2]`, without silent ones."""
    before, after = (np.diff(w.astype(np.float64), 2, axis=0) ** 2 for w in checked(original, decoded))
    inside = [_ratios(after, part * block_samples // PARTS, block_samples) for part in range(1, PARTS)]
    return {
        "clicks": _ratios(after, block_samples, block_samples),
        "clicks_inside": np.concatenate(inside),
        "clicks_original": _ratios(before, block_samples, block_samples),
    }


def _ratios(energy: np.ndarray, first: int, step: int) -> np.ndarray:
    """Of energies `[N - 2, 2]`, of which energy[n - 1] is that of d[n], at the samples first, first + step, ..."""
    found = []
    for border in range(first, len(energy) + 1, step):
        around = energy[max(0, border - 1 - AROUND) : border - 1 + AROUND]
        outside = (around.sum(axis=0) - energy[border - 2 : border].sum(axis=0)) / max(1, len(around) - 2)
        here = energy[border - 2 : border].mean(axis=0)
        found.append((here / np.maximum(outside, TINY))[outside > TINY])
    return np.concatenate([np.zeros(0), *found])


def decibels(ratios: np.ndarray) -> float:
    """10 log10 of their mean; NaN for none."""
    return float(10 * np.log10(max(float(ratios.mean()), TINY))) if ratios.size else float("nan")
