"""Generated windows beside real ones: the figures of a generator's checkpoints during training.

The windows are the same every time: generated ones from fixed coordinates and noise, real ones from fixed places, so
the figures of one run compare with each other. They are few windows; `music.py` compares whole pieces and finds copies.
"""

from __future__ import annotations

import numpy as np

from musika import draws
from musika.gan.basis import LatentFiles
from musika.metrics.latents.statistics import StatisticsSum
from musika.metrics.sets import comparison, frechet, spaces

GENERATED = 64  # windows
REAL = 128  # windows at most
SEED = 1_000_003  # of everything that is drawn for figures: numbers that training does not use


def pick_real_windows(files: LatentFiles, length: int) -> np.ndarray:
    """REAL windows `[REAL, length, C]` without overlap, drawn at random; all of them if there are fewer.

    The windows of a file follow each other, the files are in random order: the halves of the result share at most one
    file.
    """
    places = [(file, at) for file, size in enumerate(files.lengths) for at in range(0, size - length + 1, length)]
    if len(places) > REAL:
        places = [places[index] for index in _shuffle("figures/windows", len(places))[:REAL]]
    rank = np.argsort(_shuffle("figures/files", len(files.lengths)))
    return np.stack([files.crop(file, at, length) for file, at in sorted(places, key=lambda p: (rank[p[0]], p))])


def _shuffle(key: str, count: int) -> np.ndarray:
    """0 ... count - 1 in a random order."""
    return np.argsort(draws.uniform(SEED, key, 0, (count,)), kind="stable")


def compare_windows(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Generated windows `[N, L, C]` beside real ones `[M, L, C]`.

    Returns:
        `frechet_clips` and `frechet_latents`: distances of clips of 3 s and of single latents (`sets/spaces.py`) to
        either half of the real windows, averaged; as `..._halves` the distance of the halves to each other. `density`
        and `coverage` of the clips (`sets/manifold.py`). `deviation`, `saturation` and `autocorrelation_1` of latents,
        averaged over their numbers, and as `real_...` those of the real ones. What too few windows say nothing about is
        left out.
    """
    figures: dict[str, float] = {}
    half = len(real) // 2
    for name, rows in (("clips", spaces.CLIPS), ("latents", spaces.STEPS)):
        every, first, second = (rows.describe_all(part) for part in (generated, real[:half], real[half:]))
        as_many = every if half >= len(generated) else rows.describe_all(generated[:half])
        if min(map(len, (as_many, first, second))) < frechet.MIN_ROWS:
            continue
        # sets of one size, since distances depend on it
        to_halves = [frechet.evaluate(as_many, part, rows.components)["frechet"] for part in (first, second)]
        figures[f"frechet_{name}"] = float(np.mean(to_halves))
        figures[f"frechet_{name}_halves"] = frechet.evaluate(first, second, rows.components)["frechet"]
        if rows is spaces.CLIPS:
            figures |= comparison.measure_manifold(np.concatenate([first, second]), every, rows.components)
    for prefix, part in (("", generated), ("real_", real)):
        total = StatisticsSum(part.shape[2])
        for window in part:
            total.add(window)
        statistics = total.compute().summarize()
        figures[f"{prefix}deviation"] = statistics["mean_deviation"]
        figures |= {f"{prefix}{name}": statistics[name] for name in ("saturation", "autocorrelation_1")}
    return figures
