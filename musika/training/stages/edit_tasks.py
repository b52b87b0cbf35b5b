"""What an editor knows of each training example: which latents, and how much of each.

There are five kinds of examples: one gap in the middle, one at the end (a continuation), one at the beginning, several
gaps, and a stretch of which only the coarse part is known. Lengths of gaps are uniform on a logarithmic scale. All that
is drawn is a function of the seed and the number of the example.
"""

from __future__ import annotations

import numpy as np

from musika import draws

KINDS = ("middle", "end", "beginning", "several", "coarse")
KIND_SHARES = (0.35, 0.30, 0.08, 0.12, 0.15)  # probability of each kind
MOST_GAPS = 4
LEAST_KNOWN = 12  # latents of an example that a gap leaves known, at least


def draw_detail(seed: int, sample: int, length: int, shortest: int, longest: int) -> np.ndarray:
    """How much of each latent of an example is known, float32 `[length]`: 1 all of it, 0 nothing.

    Args:
        seed: of the training.
        sample: number of the example.
        length: latents in it.
        shortest: gap, in latents.
        longest: gap, in latents; more than fits in the example is shortened.
    """
    chances = draws.uniform(seed, "training/edit", sample, (3 + 2 * MOST_GAPS,)).astype(np.float64)
    kind = KINDS[min(int(np.searchsorted(np.cumsum(KIND_SHARES), chances[0], side="right")), len(KINDS) - 1)]
    longest = max(min(longest, length - LEAST_KNOWN), 1)
    shortest = min(shortest, longest)
    detail = np.ones(length, np.float32)
    if kind == "several":
        count = 2 + int(chances[1] * (MOST_GAPS - 1))
        for gap in range(count):
            size = draw_length(chances[3 + 2 * gap], shortest, max(longest // count, shortest))
            start = int(chances[4 + 2 * gap] * (length - size + 1))
            detail[start : start + size] = 0.0
        detail[:LEAST_KNOWN] = 1.0
        return detail
    size = draw_length(chances[1], shortest, longest)
    if kind == "end":
        detail[length - size :] = 0.0
        detail[: int(chances[2] ** 2 * (length - size - LEAST_KNOWN))] = 0.0  # short beginnings, too
        return detail
    start = 0 if kind == "beginning" else int(chances[2] * (length - size + 1))
    if kind != "coarse":
        detail[start : start + size] = 0.0
    elif chances[3] < 0.5:
        detail[:] = chances[4]
    else:
        detail[start : start + size] = chances[4]
    return detail


def draw_length(chance: float, shortest: int, longest: int) -> int:
    """A length from `shortest` to `longest`, evenly on a logarithmic scale, for a chance in [0, 1)."""
    return int(min(np.floor(shortest * ((longest + 1) / shortest) ** chance), longest))
