"""Fréchet distance of two sets of rows, by their means and covariances. 0 for sets with the same ones.

|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½) of normal distributions fitted to both. Sources: Dowson and Landau, The Fréchet
distance between multivariate normal distributions (J. Multivariate Analysis 12, 1982); for audio: Kilgour, Zuluaga,
Roblek and Sharifi, Fréchet audio distance (Interspeech 2019). With S = L Lᵀ (eigenvalue decomposition) the trace of
the root is the sum of the singular values of L1ᵀ L2. That needs no inverse and stays exact if covariances are singular.

With few rows the distance is too large, by about c / N for N rows in each set: `measure_stability` measures it with a
quarter, a half and all rows and extrapolates to 1/N = 0 (Chong and Forsyth, Effectively unbiased FID and inception
score, CVPR 2020). The covariance of N rows has a rank of at most N - 1; if that is below the number of dimensions,
compare the distance only with distances of as many rows.
"""

from __future__ import annotations

import numpy as np

MIN_ROWS = 8  # of a set
STABLE_CHANGE = 0.1  # from half of the rows to all of them, relative
SUBSETS = 4  # random subsets of one size


def evaluate(one: np.ndarray, other: np.ndarray, components: int | None = None) -> dict[str, float]:
    """`frechet`, the distance; `rank`, the smaller of the covariances' ranks; and `dimensions`.

    Args:
        one: rows `[n, D]`.
        other: rows `[m, D]`.
        components: principal components of both sets together to project the rows on first; None for all D numbers.

    Raises:
        ValueError: fewer than two rows, or rows of different widths.
    """
    if min(len(one), len(other)) < 2 or one.shape[1] != other.shape[1]:
        raise ValueError(f"rows {list(one.shape)} and {list(other.shape)} have no Fréchet distance")
    one, other = one.astype(np.float64), other.astype(np.float64)
    if components is not None:
        one, other = project_together(one, other, components)
    factors = [_factorize(rows) for rows in (one, other)]
    root = np.linalg.svd(factors[0].T @ factors[1], compute_uv=False).sum()
    between = np.sum((one.mean(axis=0) - other.mean(axis=0)) ** 2)
    within = sum(np.sum(factor**2) for factor in factors)
    return {
        "frechet": float(max(0.0, between + within - 2 * root)),
        "rank": float(min(factor.shape[1] for factor in factors)),
        "dimensions": float(one.shape[1]),
    }


def _factorize(rows: np.ndarray) -> np.ndarray:
    """L `[D, rank]` with L Lᵀ = the covariance of `[n, D]`."""
    centred = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(rows) - 1))
    positive = values > max(values[-1], 0) * len(values) * np.finfo(float).eps
    return vectors[:, positive] * np.sqrt(values[positive])


def project_together(one: np.ndarray, other: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sets on the principal components of both together, centred: `[n, components]` and `[m, components]`."""
    both = np.concatenate([one, other])
    mean = both.mean(axis=0)
    centred = both - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :components]
    return (one - mean) @ directions, (other - mean) @ directions


def measure_stability(
    one: np.ndarray, other: np.ndarray, components: int | None = None, seed: int = 0
) -> dict[str, float | bool | None]:
    """How the distance depends on the number of rows.

    Returns:
        The distance with a `quarter` and with `half` of the rows (means over random subsets of both sets), and with
        `all`; `extrapolated` to infinitely many rows; `stable`, whether half and all differ by less than 10 %; `rows`
        of the smaller set, and `rows_needed` for a stable distance, None if the extrapolated distance is zero.
    """
    smaller = min(len(one), len(other))
    rng = np.random.default_rng(seed)

    def average_distance(share: float) -> float:
        parts = [[_draw_rows(rows, share, rng) for rows in (one, other)] for _ in range(SUBSETS)]
        return float(np.mean([evaluate(first, second, components)["frechet"] for first, second in parts]))

    whole = evaluate(one, other, components)["frechet"]
    half, quarter = average_distance(0.5), average_distance(0.25)
    slope, limit = np.polyfit([1 / smaller, 2 / smaller, 4 / smaller], [whole, half, quarter], 1)
    limit = max(0.0, float(limit))
    # solve half - all = slope / n < STABLE_CHANGE (limit + slope / n) for n
    needed = (
        None if limit <= 1e-3 * whole else int(np.ceil(max(0.0, slope) * (1 - STABLE_CHANGE) / (STABLE_CHANGE * limit)))
    )
    return {
        "all": whole,
        "half": half,
        "quarter": quarter,
        "extrapolated": limit,
        "stable": bool(abs(half - whole) < STABLE_CHANGE * whole),
        "rows": smaller,
        "rows_needed": needed,
    }


def _draw_rows(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random share of the rows, at least two."""
    return rows[rng.permutation(len(rows))[: max(2, int(len(rows) * share))]]
