"""Does decoding bear what a generator does to latents? Log-mel distance (`log_mel.py`) after latents were changed.

Changes, each with the decoded clean latents (`to_clean`) and with the original (`to_original`) to compare to:
- `noise_S`: normal noise of standard deviation S on every number;
- `bits_B`: numbers rounded to the nearest of 2^B values that divide [-1, 1] evenly: what B bits a number would cost;
- `interpolated`: each second latent replaced by the mean of its two neighbours, as on a straight line half-way.

Latents that suit a generator lose little by little: distances grow with S without a jump.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from musika import draws
from musika.codec.base import Codec
from musika.metrics.pair import log_mel

NOISE = (0.01, 0.03, 0.1, 0.2, 0.3)
BITS = (8, 6, 4)
STRETCH = 128  # latents that are decoded at most, rounded up to whole blocks


def evaluate(
    codec: Codec,
    waveform: np.ndarray,
    latents: np.ndarray,
    seed: int = 0,
    index: int = 0,
    names: Collection[str] | None = None,
) -> dict[str, float]:
    """`CHANGE/to_clean` and `CHANGE/to_original` for every change, and `none/to_original`; {} for too short pieces.

    Args:
        codec: what made the latents.
        waveform: `[N, 2]`, the original.
        latents: `[T, C]` of it.
        seed: number that fixes the noise.
        index: which piece this is; each has noise of its own.
        names: of the changes to try; None tries them all.
    """
    low, high = stretch(codec, len(latents))
    first, last = (low + codec.context) * codec.hop_total, (high - codec.context) * codec.hop_total
    last = min(last, len(waveform))
    if last - first < codec.hop_total:
        return {}

    def heard(changed_latents: np.ndarray) -> list[np.ndarray]:
        decoded = codec.decode(changed_latents)[codec.context * codec.hop_total :][: last - first]
        return log_mel.logarithms(np.clip(decoded, -1, 1), codec.sample_rate)

    part = latents[low:high]
    original, clean = log_mel.logarithms(waveform[first:last], codec.sample_rate), heard(part)
    found = {"none/to_original": log_mel.distance(original, clean)["log_mel"]}
    for name, other in changed(part, seed, index):
        if names is not None and name not in names:
            continue
        made = heard(other)
        found[f"{name}/to_clean"] = log_mel.distance(clean, made)["log_mel"]
        found[f"{name}/to_original"] = log_mel.distance(original, made)["log_mel"]
    return found


def stretch(codec: Codec, length: int) -> tuple[int, int]:
    """First and last latent of what is decoded: from the middle of a piece, on whole blocks where there are enough."""
    wanted = -(-STRETCH // codec.block) * codec.block
    if length <= wanted:
        return 0, length
    low = (length - wanted) // 2 // codec.block * codec.block
    return low, low + wanted


def changed(latents: np.ndarray, seed: int, index: int) -> Iterator[tuple[str, np.ndarray]]:
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
