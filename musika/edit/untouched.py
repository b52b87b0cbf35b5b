"""What an edit left alone: the stretches in which every sample is the one that was there before. It is counted, not
assumed."""

from __future__ import annotations

import numpy as np

BLOCK = 1 << 20  # samples that are compared at once
SHORTEST = 0.02  # seconds; shorter stretches may be equal by chance, as silence is


def find_untouched(before: np.ndarray, after: np.ndarray, sample_rate: int) -> list[tuple[float, float]]:
    """Stretches (start, end) in seconds, in order, in which two waveforms are the same bit for bit.

    Args:
        before: `[N, channels]`.
        after: `[M, channels]`; what lies beyond the shorter one is not the same.
        sample_rate: Hz, of both.
    """
    count = min(len(before), len(after))
    if not count or before.shape[1] != after.shape[1]:
        return []
    same = np.zeros(count + 2, np.int8)  # a border on either side
    for first in range(0, count, BLOCK):
        block = slice(first, min(first + BLOCK, count))
        same[block.start + 1 : block.stop + 1] = (before[block] == after[block]).all(axis=1)
    edges = np.flatnonzero(np.diff(same))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(begin / sample_rate, end / sample_rate) for begin, end in pairs if end - begin >= SHORTEST * sample_rate]
