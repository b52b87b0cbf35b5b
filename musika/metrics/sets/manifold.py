"""Density and coverage: do generated rows lie among the real ones, and do they cover all of them?

Around each real row is a ball whose radius is the distance to its k-th nearest other real row.
- `density`: the number of balls that a generated row lies in, on average, divided by k. About 1 for the same
  distribution, less if generated rows lie apart from the real ones, more if they crowd in the middle.
- `coverage`: the share of balls that contain a generated row, 0 to 1. Low if kinds of music are missing.

Source: Naeem, Oh, Uh, Choi and Yoo, Reliable fidelity and diversity metrics for generative models (ICML 2020); k = 5,
balls without their surface as in the authors' program, so a set compared with itself has exactly 1 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NEAREST = 5
ROWS_AT_ONCE = 1024  # whose distances are computed


def evaluate(real: np.ndarray, generated: np.ndarray, nearest: int = NEAREST) -> dict[str, float]:
    """`density` and `coverage` of generated rows `[n, D]` among real ones `[m, D]`.

    Raises:
        ValueError: no generated rows, or not more than `nearest` real ones.
    """
    if len(real) <= nearest or not len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated rows: more than {nearest} and 1 are needed")
    inside, covered = 0, 0
    blocks = zip(_compute_distances(real, real), _compute_distances(real, generated), strict=True)
    for among, across in blocks:
        radii = np.partition(among, nearest, axis=1)[:, nearest]  # the row itself is the nearest of all
        within = across < radii[:, None]
        inside += int(within.sum())
        covered += int(within.any(axis=1).sum())
    return {"density": inside / (nearest * len(generated)), "coverage": covered / len(real)}


def _compute_distances(rows: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """Euclidean distances of rows `[n, D]` to others `[m, D]`, in blocks `[ROWS_AT_ONCE, m]`."""
    from scipy.spatial.distance import cdist

    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield cdist(rows[start : start + ROWS_AT_ONCE], others)
