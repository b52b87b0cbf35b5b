"""What happens to samples between a file and the rest of the house: two channels, one rate, finite numbers.

All of it works on blocks `[n, channels]` float32 of any length and holds no more than a few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr  # type: ignore[import-untyped]

# where Vorbis and Opus put the channels of a wav file, by number of channels (L R first where nothing else is known)
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
    """`[n, channels]` to `[n, 2]`: one channel doubled, two as they are, six (5.1) and eight (7.1) mixed down by
    ITU-R BS.775 without normalising, of any other number the front left and right.

    Args:
        block: samples.
        order: how more than two channels are sorted: "wave" (L R C LFE ...) or "vorbis" (L C R ...).
    """
    channels = block.shape[1]
    if channels == 1:
        return np.repeat(block, 2, axis=1)
    if order == "vorbis" and channels in FROM_VORBIS:
        block = block[:, FROM_VORBIS[channels]]
    if channels in (6, 8):
        return block @ _MIX[:channels]
    return block[:, :2]


def resampled_length(samples: int, rate: int, new_rate: int) -> int:
    """Samples at the new rate: the same duration, rounded to the nearest sample, halves up."""
    return (2 * samples * new_rate + rate) // (2 * rate)


def resample(blocks: Iterable[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """The same sound at another rate (soxr, high quality), exactly `resampled_length` long.

    What soxr gives beyond that length is cut, what it lacks is filled with zeros; both are at most a few samples.
    """
    if rate == new_rate:
        yield from blocks
        return
    stream = None
    taken = given = channels = 0
    for block in blocks:
        if stream is None:
            channels = block.shape[1]
            stream = soxr.ResampleStream(rate, new_rate, channels, dtype="float32", quality="HQ")
        taken += len(block)
        out = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        given += len(out)
        if len(out):
            yield out
    if stream is None:
        return
    rest = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    missing = resampled_length(taken, rate, new_rate) - given
    rest = np.concatenate([rest[: max(0, missing)], np.zeros((max(0, missing - len(rest)), channels), np.float32)])
    if len(rest):
        yield rest


def rechunk(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of `length`; the last one may be shorter. No samples, no blocks."""
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
