"""How near generated windows are to real ones while a generator is trained: the figures of each checkpoint.

The same windows every time: generated ones of fixed coordinates and noise, and real ones of fixed places, so that a
run's figures compare with each other. They are few; `evaluate --generated` compares whole pieces and finds copies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from musika import draws
from musika.gan.basis import Windows
from musika.metrics.latents import latent_statistics
from musika.metrics.sets import frechet, manifold, spaces

GENERATED = 64  # windows
REAL = 128
TOGETHER = 16  # windows that are generated at once
SEED = 1_000_003  # of what is drawn for figures: other numbers than training's


def real_windows(windows: Windows, length: int) -> np.ndarray:
    """REAL windows `[REAL, length, C]` that do not overlap, drawn at random, or all where there are fewer.

    Those of a file stand together, the files in random order: so two halves share one file at most.
    """
    places = [(file, at) for file, size in enumerate(windows.lengths) for at in range(0, size - length + 1, length)]
    if len(places) > REAL:
        places = [places[index] for index in _order("figures/windows", len(places))[:REAL]]
    rank = np.argsort(_order("figures/files", len(windows.lengths)))
    return np.stack([windows.crop(file, at, length) for file, at in sorted(places, key=lambda p: (rank[p[0]], p))])


def _order(key: str, count: int) -> np.ndarray:
    """0 ... count - 1 in a random order."""
    return np.argsort(draws.uniform(SEED, key, 0, (count,)), kind="stable")


def compared(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Generated windows `[N, L, C]` beside real ones `[M, L, C]`.

    Returns:
        `frechet_windows` and `frechet_latents`: distances of clips of 3 s and of single latents (`metrics.spaces`) to
        either half of the real windows, their mean, and as `..._halves` that of the halves to each other. `density` and
        `coverage` of the clips (`metrics.manifold`). Mean `deviation`, `saturation` and `autocorrelation_1` of latents
        (`metrics.latents`), and as `real_...` those of the real ones. What too few windows say nothing of is left out.
    """
    found: dict[str, float] = {}
    for name, rows_of, components in (
        ("windows", spaces.windows, spaces.COMPONENTS),
        ("latents", spaces.singles, None),
    ):
        half = len(real) // 2
        made, first, second = (_rows(rows_of, part) for part in (generated, real[:half], real[half:]))
        as_many = made if half >= len(generated) else _rows(rows_of, generated[:half])
        if min(map(len, (as_many, first, second))) < frechet.FEWEST:
            continue
        to_halves = [frechet.evaluate(as_many, part, components)["frechet"] for part in (first, second)]
        found[f"frechet_{name}"] = float(np.mean(to_halves))  # of sets as large as those of the next figure
        found[f"frechet_{name}_halves"] = frechet.evaluate(first, second, components)["frechet"]
        if name == "windows":
            both = np.concatenate([first, second])
            found |= manifold.evaluate(*frechet.projected(both, made, spaces.COMPONENTS))
    for prefix, part in (("", generated), ("real_", real)):
        statistics = latent_statistics.Statistics(part.shape[2])
        for window in part:
            statistics.add(window)
        figures = latent_statistics.evaluate(statistics.result())
        found[f"{prefix}deviation"] = figures["mean_deviation"]
        found |= {f"{prefix}{name}": figures[name] for name in ("saturation", "autocorrelation_1")}
    return found


def _rows(rows_of: Callable[[np.ndarray], np.ndarray], windows: np.ndarray) -> np.ndarray:
    """Rows `[n, D]` of all windows."""
    return np.concatenate([rows_of(window) for window in windows]) if len(windows) else np.zeros((0, 1))
