"""All figures of two sets of rows, generated and real: distance, density, coverage, and those of two real halves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from musika.metrics.sets import frechet, manifold

MAX_ROWS = 5000  # of a set, drawn at random, for density and coverage


def compare(
    generated: Sequence[np.ndarray], real: Sequence[np.ndarray], components: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Figures of generated rows beside real ones.

    Args:
        generated: rows `[n, D]` of each piece; at least `frechet.MIN_ROWS` in all.
        real: rows `[m, D]` of each piece; at least as many.
        components: principal components that distances are taken on; None for all D numbers.
        seed: seed of random subsets.

    Returns:
        `frechet`, `rank`, `dimensions` and `stability` (`frechet.py`), `density` and `coverage` (`manifold.py`);
        `frechet_real_halves`, `density_real_halves` and `coverage_real_halves`, the same of one half of the real pieces
        beside the other; `ratio_to_real_halves`, of the Fréchet distances; `generated_clips` and `reference_clips`, the
        numbers of rows.
    """
    rows, real_rows = np.concatenate(generated), np.concatenate(real)
    first, second = (np.concatenate(half) for half in split_into_halves(real))
    distance = frechet.evaluate(rows, real_rows, components)
    between = frechet.evaluate(first, second, components)["frechet"]
    of_halves = measure_manifold(first, second, components, seed)
    return {
        **distance,
        "generated_clips": len(rows),
        "reference_clips": len(real_rows),
        "stability": frechet.measure_stability(rows, real_rows, components, seed),
        "frechet_real_halves": between,
        "ratio_to_real_halves": distance["frechet"] / between if between > 0 else None,
        **measure_manifold(real_rows, rows, components, seed),
        **{f"{name}_real_halves": value for name, value in of_halves.items()},
    }


def split_into_halves(rows: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two halves of whole pieces, drawn at random; if one has less than a quarter of the rows, all rows cut in two."""
    order = np.random.default_rng(0).permutation(len(rows))
    halves = [rows[i] for i in order[::2]], [rows[i] for i in order[1::2]]
    if 4 * min(sum(map(len, half)) for half in halves) >= sum(map(len, rows)):
        return halves
    every = np.concatenate(rows)
    return [every[: len(every) // 2]], [every[len(every) // 2 :]]


def measure_manifold(
    real: np.ndarray, generated: np.ndarray, components: int | None = None, seed: int = 0
) -> dict[str, float]:
    """`density` and `coverage` of rows `[n, D]` among real ones `[m, D]`, at most MAX_ROWS each; NaN for too few."""
    if len(real) <= manifold.NEAREST or not len(generated):
        return {"density": float("nan"), "coverage": float("nan")}
    rng = np.random.default_rng(seed)
    real, generated = (rows[rng.permutation(len(rows))[:MAX_ROWS]].astype(np.float64) for rows in (real, generated))
    if components is not None:
        real, generated = frechet.project_together(real, generated, components)
    return manifold.evaluate(real, generated)
