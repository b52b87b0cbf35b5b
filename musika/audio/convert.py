"""Converts samples: two channels, another rate, blocks of one length.

Everything works on blocks `[n, channels]` float32 of any length and holds no more than a few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr  # type: ignore[import-untyped]

# where Vorbis and Opus have the channels of a WAV file, by number of channels
FROM_VORBIS = {
    3: [0, 2, 1],  # L C R
    5: [0, 2, 1, 3, 4],  # L C R Ls Rs
    6: [0, 2, 1, 5, 3, 4],  # L C R Ls Rs LFE
    7: [0, 2, 1, 3, 4, 5, 6],  # L C R Ls Rs back LFE
    8: [0, 2, 1, 7, 5, 6, 3, 4],  # L C R Ls Rs Lb Rb LFE
}
_HALF = np.sqrt(0.5, dtype=np.float32)
# ITU-R BS.775: front, centre and surround at -3 dB, no low-frequency effects. Rows L, R, C, LFE, back L, R, side L, R
_MIX = np.array([[1, 0], [0, 1], [_HALF, _HALF], [0, 0], [_HALF, 0], [0, _HALF], [_HALF, 0], [0, _HALF]], np.float32)


def to_stereo(block: np.ndarray, order: str = "wave") -> np.ndarray:
    """Converts any number of channels to two.

    One channel is doubled, two are unchanged. Six (5.1) and eight (7.1) are mixed down by ITU-R BS.775, without
    normalising. Of any other number, front left and right are taken.

    Args:
        block: samples, `[n, channels]` float32.
        order: how more than two channels are sorted: "wave" (L R C LFE ...) or "vorbis" (L C R ...).

    Returns:
        `[n, 2]` float32.
    """
    channels = block.shape[1]
    if channels == 1:
        return np.repeat(block, 2, axis=1)
    if order == "vorbis" and channels in FROM_VORBIS:
        block = block[:, FROM_VORBIS[channels]]
    if channels in (6, 8):
        return block @ _MIX[:channels]
    return block[:, :2]


def get_resampled_length(samples: int, rate: int, new_rate: int) -> int:
    """How many samples the same duration has at another rate, rounded to the nearest, halves up."""
    return (2 * samples * new_rate + rate) // (2 * rate)


def resample(blocks: Iterable[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Resamples blocks (soxr, high quality). The result is exactly `get_resampled_length` long.

    What soxr gives beyond that is cut, and what is missing is filled with zeros: a few samples at most.
    """
    if rate == new_rate:
        yield from blocks
        return
    stream = None
    read = given = channels = 0
    for block in blocks:
        if stream is None:
            channels = block.shape[1]
            stream = soxr.ResampleStream(rate, new_rate, channels, dtype="float32", quality="HQ")
        read += len(block)
        out = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        given += len(out)
        if len(out):
            yield out
    if stream is None:
        return
    rest = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    missing = get_resampled_length(read, rate, new_rate) - given
    rest = np.concatenate([rest[: max(0, missing)], np.zeros((max(0, missing - len(rest)), channels), np.float32)])
    if len(rest):
        yield rest


def rechunk(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Regroups samples into blocks of `length`; the last one may be shorter. Without samples there are no blocks."""
    held: list[np.ndarray] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= length:
            joined = np.concatenate(held)
            whole = count // length * length
            for start in range(0, whole, length):
                yield joined[start : start + length]
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
