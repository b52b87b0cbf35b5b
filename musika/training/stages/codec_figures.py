"""The figures of a codec's checkpoint: how it reconstructs validation excerpts, and what its latents are like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.codec.base import Codec
from musika.metrics.latents import latent_statistics, robustness
from musika.metrics.latents.cycle import Cycle
from musika.metrics.pair import reconstruction

CHANGES = ("noise_0.1", "interpolated")  # of latents, whose effect on what is decoded is measured
OF_LATENTS = ("mean_deviation", "saturation", "largest_saturation", "autocorrelation_1")


def evaluate(
    codec: Codec, excerpts: Sequence[np.ndarray], pieces: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Means over excerpts of what `evaluate --codec` measures, of those where it is defined.

    Args:
        codec: what encoded and decoded them.
        excerpts: originals `[N, 2]`.
        pieces: latents `[T, C]` and decoded waveform `[N, 2]` of each.

    Returns:
        Figures of `metrics.reconstruction`; CHANGES of `metrics.robustness`; OF_LATENTS of `metrics.latents` and those
        of `metrics.cycle`, as `latent_...`. {} where there are no excerpts.
    """
    rows, statistics, cycle = [], latent_statistics.Statistics(codec.channels), Cycle(codec.channels, codec.context)
    block = codec.block * codec.hop_total
    for index, (original, (coded, decoded)) in enumerate(zip(excerpts, pieces, strict=True)):
        row = reconstruction.evaluate(original, np.clip(decoded, -1, 1), codec.sample_rate, block)
        if np.isfinite(decoded).all() and np.isfinite(coded).all():
            row |= robustness.evaluate(codec, original, coded, index=index, names=CHANGES)
            statistics.add(coded)
            cycle.add(coded, codec.encode(np.clip(decoded, -1, 1)))
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    every = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
    found = {name: float(np.nanmean(values)) for name, values in every.items() if not np.isnan(values).all()}
    if not statistics.count:
        return found
    of_latents = latent_statistics.evaluate(statistics.result())
    of_latents = {name: of_latents[name] for name in OF_LATENTS} | cycle.result()
    return found | {f"latent_{name}": value for name, value in of_latents.items()}
