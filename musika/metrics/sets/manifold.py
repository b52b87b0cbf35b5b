"""Density and coverage: are generated clips where real ones are, and are they everywhere where real ones are?

Around each of M real rows is a ball whose radius is the distance to its k-th nearest other real row.
- `density`: in how many balls a generated row lies on average, over k; near 1 for the same distribution, below it for
  rows that lie beside the real ones, above 1 where they crowd in the middle.
- `coverage`: share of the balls with at least one generated row in them; 0 to 1, low where kinds of music are missing.

Source: Naeem, Oh, Uh, Choi and Yoo, Reliable fidelity and diversity metrics for generative models (ICML 2020); k = 5,
open balls as in the authors' program, so that a set with itself has exactly 1 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NEAREST = 5
ROWS = 1024  # distances are computed for that many rows at once


def evaluate(real: np.ndarray, generated: np.ndarray, nearest: int = NEAREST) -> dict[str, float]:
    """`density` and `coverage` of generated rows `[n, D]` among real ones `[m, D]`.

    Raises:
        ValueError: no generated rows, or not more than `nearest` real ones.
    """
    if len(real) <= nearest or not len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated rows: more than {nearest} and 1 are needed")
    inside, covered = 0, 0
    blocks = zip(_distances(real, real), _distances(real, generated), strict=True)
    for among, across in blocks:
        radii = np.partition(among, nearest, axis=1)[:, nearest]  # the row itself is the nearest of all
        within = across < radii[:, None]
        inside += int(within.sum())
        covered += int(within.any(axis=1).sum())
    return {"density": inside / (nearest * len(generated)), "coverage": covered / len(real)}


def _distances(rows: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """Euclidean distances to all others, `[ROWS, len(others)]` block by block."""
    from scipy.spatial.distance import cdist

    for start in range(0, len(rows), ROWS):
        yield cdist(rows[start : start + ROWS], others)
