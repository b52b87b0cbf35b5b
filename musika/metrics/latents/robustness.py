"""Robustness of a decoder: how much worse it sounds when latents are off by what a generator gets wrong.

Latents are changed and decoded; the log-mel distance (`pair/log_mel.py`) of the result is taken to the decoding of the
unchanged latents (`to_clean`) and to the original (`to_original`). The changes:
- `noise_S`: Gaussian noise of standard deviation S on every number;
- `bits_B`: every number rounded to the nearest of 2^B values spaced evenly in [-1, 1], which costs B bits a number;
- `interpolated`: every second latent replaced by the mean of its two neighbours.

For a good codec the distances grow gradually with S.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from musika import draws
from musika.codec.base import Codec
from musika.metrics.pair import log_mel

NOISE = (0.01, 0.03, 0.1, 0.2, 0.3)
BITS = (8, 6, 4)
MAX_LATENTS = 128  # that are decoded, rounded up to whole blocks


def evaluate(
    codec: Codec,
    waveform: np.ndarray,
    latents: np.ndarray,
    seed: int = 0,
    index: int = 0,
    names: Collection[str] | None = None,
) -> dict[str, float]:
    """`CHANGE/to_clean` and `CHANGE/to_original` for every change, and `none/to_original`; {} for pieces too short.

    Args:
        codec: the codec that encoded the latents.
        waveform: `[N, 2]`, the original.
        latents: `[T, C]` of it.
        seed: seed of the noise.
        index: number of the piece; each gets its own noise.
        names: changes to try; None for all.
    """
    low, high = choose_range(codec, len(latents))
    first, last = (low + codec.context) * codec.hop_total, (high - codec.context) * codec.hop_total
    last = min(last, len(waveform))
    if last - first < codec.hop_total:
        return {}

    def decode(part: np.ndarray) -> list[np.ndarray]:
        decoded = codec.decode(part)[codec.context * codec.hop_total :][: last - first]
        return log_mel.compute_log_mel(np.clip(decoded, -1, 1), codec.sample_rate)

    part = latents[low:high]
    original, clean = log_mel.compute_log_mel(waveform[first:last], codec.sample_rate), decode(part)
    figures = {"none/to_original": log_mel.measure_distance(original, clean)["log_mel"]}
    for name, other in change_latents(part, seed, index):
        if names is not None and name not in names:
            continue
        decoded = decode(other)
        figures[f"{name}/to_clean"] = log_mel.measure_distance(clean, decoded)["log_mel"]
        figures[f"{name}/to_original"] = log_mel.measure_distance(original, decoded)["log_mel"]
    return figures


def choose_range(codec: Codec, length: int) -> tuple[int, int]:
    """Start and end of the latents to decode: the middle of a piece, in whole blocks if it is long enough."""
    wanted = -(-MAX_LATENTS // codec.block) * codec.block
    if length <= wanted:
        return 0, length
    low = (length - wanted) // 2 // codec.block * codec.block
    return low, low + wanted


def change_latents(latents: np.ndarray, seed: int, index: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name and result `[T, C]` of every change."""
    noise = draws.normal(seed, "metrics/noise", index, latents.shape)
    for deviation in NOISE:
        yield f"noise_{deviation}", latents + np.float32(deviation) * noise
    for bits in BITS:
        steps = 2**bits - 1
        level = np.round((np.clip(latents, -1, 1) + 1) / 2 * steps)
        yield f"bits_{bits}", (level / steps * 2 - 1).astype(np.float32)
    between = latents.copy()
    between[1:-1:2] = (latents[:-2:2] + latents[2::2]) / 2
    yield "interpolated", between
