"""Clicks where blocks meet: energy of the second difference at the border, relative to its surroundings, in dB.

The second difference d[n] = w[n+1] - 2 w[n] + w[n-1] is large where a waveform jumps or bends. A border between the
samples b-1 and b shows in d[b-1] and d[b]. Their mean energy, divided by the mean energy of d within 64 samples on
either side, is averaged over borders and channels; `clicks` = 10 log10 of that.

Music has such bends by chance, and a codec whose phases repeat with every latent has the same one at every border. So
two more figures stand beside it: `clicks_inside`, of the decoded waveform at the seven places that divide a block into
eight parts, and `clicks_original`, of the original at the borders. If `clicks` is within 1 dB of `clicks_inside`,
borders cannot be heard. NaN without borders, or where everything around them is silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from musika.metrics.pair.inputs import check_pair

NEIGHBOURHOOD = 64  # samples on either side of a border
PARTS = 8  # of a block, for `clicks_inside`
MIN_ENERGY = 1e-14  # of the second difference; less is silence


def compute_ratios(original: np.ndarray, decoded: np.ndarray, block_samples: int) -> dict[str, np.ndarray]:
    """The energy ratio of every border and channel, for each of the three figures.

    Args:
        original: `[N, 2]`.
        decoded: `[N, 2]`, which was coded in blocks.
        block_samples: length of a block in samples.

    Returns:
        `clicks`, `clicks_inside` and `clicks_original`, each `[borders * 2]` less the silent ones.
    """
    original, decoded = check_pair(original, decoded)
    before, after = (np.diff(w.astype(np.float64), 2, axis=0) ** 2 for w in (original, decoded))  # [N - 2, 2]
    inside = [_compute_ratios(after, part * block_samples // PARTS, block_samples) for part in range(1, PARTS)]
    return {
        "clicks": _compute_ratios(after, block_samples, block_samples),
        "clicks_inside": np.concatenate(inside),
        "clicks_original": _compute_ratios(before, block_samples, block_samples),
    }


def _compute_ratios(energy: np.ndarray, first: int, step: int) -> np.ndarray:
    """Energy ratios at the samples first, first + step, ...; energy[n - 1] is d[n] squared, `[N - 2, 2]`."""
    ratios = []
    for border in range(first, len(energy) + 1, step):
        around = energy[max(0, border - 1 - NEIGHBOURHOOD) : border - 1 + NEIGHBOURHOOD]
        outside = (around.sum(axis=0) - energy[border - 2 : border].sum(axis=0)) / max(1, len(around) - 2)
        here = energy[border - 2 : border].mean(axis=0)
        ratios.append((here / np.maximum(outside, MIN_ENERGY))[outside > MIN_ENERGY])
    return np.concatenate([np.zeros(0), *ratios])


def evaluate(pieces: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
    """The figures in dB of one piece or several, whose borders count alike, from their `compute_ratios`."""
    names = pieces[0] if pieces else ()
    return {name: _average_in_decibels(np.concatenate([ratios[name] for ratios in pieces])) for name in names}


def _average_in_decibels(ratios: np.ndarray) -> float:
    """10 log10 of the mean of ratios; NaN if there are none."""
    return float(10 * np.log10(max(float(ratios.mean()), MIN_ENERGY))) if ratios.size else float("nan")
