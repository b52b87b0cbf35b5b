"""A look-ahead limiter whose gain at a sample depends on a fixed neighbourhood of that sample alone.

Time is divided into cells of 32 samples at absolute positions. Each cell has a *need*: the gain that brings its true
peak to the ceiling, 1 where it lies below. From the needs follows the gain at the borders of cells, in three steps of
fixed length; between borders the gain is a straight line.

1. Release: a need goes on behind its cell and fades out along a parabola in decibels (`RELEASE` cells).
2. Hold: the running minimum over `ATTACK` cells on either side.
3. Smoothing: a weighted mean (Hann) over the same cells. It sees nothing above what the hold has kept down, so the
   gain is never above the need of a cell.

True peaks are peaks of the four times oversampled waveform (ITU-R BS.1770-4, annex 2), here by a windowed sinc. A
sample's gain depends on `BEHIND` samples before it and on `AHEAD` samples after it, whatever else is computed. Only
sums, products, quotients, minima and maxima of single numbers are used, in one order: results do not depend on the
length of arrays, and any division into blocks gives the same samples to the bit. Where no gain is needed, samples stay
what they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

CELL = 32  # samples
ATTACK = 8  # cells on either side that hold and smoothing see: 6 ms at 44.1 kHz
RELEASE = 256  # cells: 186 ms
RELEASE_RANGE = 30.0  # dB by which the need has faded at the end of the release; -1 dB is over after 34 ms
CEILING = 10 ** (-1 / 20)  # -1 dBTP, which no true peak exceeds
AIM = 10 ** (-1.3 / 20)  # what peaks are brought to: oversampling is not exact, and the gain moves within its reach
TAPS = 20  # of the interpolation at each of the three places between two samples
BEHIND = (2 * ATTACK + RELEASE + 3) * CELL  # samples before a cell that its gain depends on
AHEAD = (2 * ATTACK + 3) * CELL  # samples after it
LEAST = BEHIND + AHEAD  # samples that are limited at once, at least: with fewer, most of the work is the context
AT_ONCE = 256  # cells that are oversampled at once, so that they fit in a cache


def _make_interpolation() -> np.ndarray:
    """Interpolation `[3, TAPS]` at 1/4, 1/2 and 3/4 between the two middle ones of 12 samples, each of sum 1."""
    places = np.array([0.25, 0.5, 0.75])[:, None]
    distance = np.arange(TAPS) - (TAPS / 2 - 1) - places
    taps = np.sinc(distance) * np.kaiser(4001, 4.0)[np.rint(2000 + distance / (TAPS / 2) * 2000).astype(int)]
    return taps / taps.sum(axis=1, keepdims=True)


def _make_smoothing() -> np.ndarray:
    """Weights `[2 ATTACK + 1]` of sum 1."""
    weights = np.hanning(2 * ATTACK + 3)[1:-1]
    return (weights / weights.sum()).astype(np.float32)


_INTERPOLATION = _make_interpolation()
_MIDDLE = _INTERPOLATION[1, : TAPS // 2].astype(np.float32)  # it is symmetric
_EVEN = ((_INTERPOLATION[0] + _INTERPOLATION[2]) / 2)[: TAPS // 2].astype(np.float32)
_ODD = ((_INTERPOLATION[0] - _INTERPOLATION[2]) / 2)[: TAPS // 2].astype(np.float32)
_SAFE = np.float32(AIM / np.abs(_INTERPOLATION).sum(axis=1).max())  # samples up to here have no true peak beyond AIM
_NEAR = np.float32(AIM * 0.9)  # a waveform's quarters exceed its samples and middles by 8 % at most
_SMOOTHING = _make_smoothing()
_RAMP = (10 ** (RELEASE_RANGE / 20 * (np.arange(RELEASE + 1) / RELEASE) ** 2)).astype(np.float32)
_WITHIN = (np.arange(CELL) / CELL).astype(np.float32)


def limit_blocks(blocks: Iterable[np.ndarray], skip: int = 0, allowed: float = AIM) -> Iterator[np.ndarray]:
    """Limits a waveform that comes in blocks.

    Args:
        blocks: `[n, channels]` float32 of any length, from `BEHIND` samples before the beginning of a cell on.
        skip: samples of this cell and the next ones that are left out of the result.
        allowed: true peaks up to this need no gain; CEILING leaves alone what was limited before.

    Returns:
        The waveform in blocks, without the first `BEHIND + skip` and the last `AHEAD` samples, less than a cell more.
    """
    held: list[np.ndarray] = []  # from BEHIND samples before the next cell on
    length = 0
    for block in itertools.chain(blocks, [None]):
        if block is not None:
            held.append(block)
            length += len(block)
        ready = (length - BEHIND - AHEAD) // CELL * CELL
        if ready < (LEAST if block is not None else 1):
            continue
        waveform = np.concatenate(held)
        limited = limit(waveform[: BEHIND + ready + AHEAD], allowed)[skip:]
        skip = max(0, skip - ready)
        held, length = [waveform[ready:]], length - ready
        if len(limited):
            yield limited


def limit(waveform: np.ndarray, allowed: float = AIM) -> np.ndarray:
    """`[BEHIND + n + AHEAD, channels]` float32, n a multiple of `CELL`, to the n limited samples in the middle.

    Args:
        allowed: as `limit_blocks` has it.
    """
    own = waveform[BEHIND : len(waveform) - AHEAD]
    if not len(own) or max(waveform.max(), -waveform.min()) <= _SAFE:
        return own
    gains = _smooth(_compute_needs(waveform, allowed))  # at the borders of cells, [n / CELL + 1]
    cells = np.flatnonzero(np.minimum(gains[:-1], gains[1:]) < 1)
    if not len(cells):
        return own
    limited = own.copy()
    view = limited.reshape(-1, CELL, own.shape[1])
    slope = gains[cells + 1] - gains[cells]
    view[cells] *= (gains[cells][:, None] + slope[:, None] * _WITHIN)[..., None]
    return limited


def _compute_needs(waveform: np.ndarray, allowed: float) -> np.ndarray:
    """Gain that each cell needs, `[cells - 2]` without the outermost ones."""
    planar = np.ascontiguousarray(waveform.T)  # [channels, N]
    cells = planar.reshape(len(planar), -1, CELL)
    peaks = np.maximum(cells.max(axis=2), -cells.min(axis=2)).max(axis=0)  # [cells]
    around = peaks.copy()
    around[1:-1] = np.maximum(np.maximum(peaks[:-2], peaks[2:]), peaks[1:-1])
    around[[0, -1]] = 0.0
    _raise_peaks(planar, peaks, around > _SAFE, _interpolate_middle)
    _raise_peaks(planar, peaks, peaks > _NEAR, _interpolate_quarters)
    needs = np.minimum(np.float32(AIM) / np.maximum(peaks[1:-1], np.float32(AIM)), np.float32(1))
    return needs if allowed <= AIM else np.where(peaks[1:-1] <= np.float32(allowed), np.float32(1), needs)


def _raise_peaks(
    planar: np.ndarray, peaks: np.ndarray, loud: np.ndarray, interpolate: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Raises the peaks `[cells]` of the cells that are loud to those of a function between samples."""
    loud = loud[1:-1]
    for start in range(0, len(loud), AT_ONCE):
        chosen = loud[start : start + AT_ONCE]
        if chosen.any():
            begin, end = (1 + start) * CELL, (1 + start + len(chosen)) * CELL
            magnitudes = interpolate(planar[:, begin + 1 - TAPS // 2 : end + TAPS // 2])
            found = magnitudes.reshape(len(planar), -1, CELL).max(axis=2).max(axis=0)
            own = peaks[1 + start : 1 + start + len(chosen)]
            np.maximum(own, found, out=own, where=chosen)


def _interpolate_middle(samples: np.ndarray) -> np.ndarray:
    """Magnitudes half-way between samples, `[channels, n]` of `[channels, n + TAPS - 1]`."""
    return np.abs(_add_taps(samples, np.add, _MIDDLE))


def _interpolate_quarters(samples: np.ndarray) -> np.ndarray:
    """The larger magnitude of the places at 1/4 and 3/4 between samples, as above."""
    even, odd = _add_taps(samples, np.add, _EVEN), _add_taps(samples, np.subtract, _ODD)
    return np.abs(even) + np.abs(odd)  # the places are even + odd and even - odd


def _add_taps(samples: np.ndarray, join: np.ufunc, taps: np.ndarray) -> np.ndarray:
    """Sum over pairs of samples, joined by a sum or a difference, times the taps of half of a symmetric filter."""
    count = samples.shape[1] - TAPS + 1
    total = np.zeros((len(samples), count), np.float32)
    pair = np.empty_like(total)
    for tap, weight in enumerate(taps):
        late = TAPS - 1 - tap
        join(samples[:, tap : tap + count], samples[:, late : late + count], out=pair)
        pair *= weight
        total += pair
    return total


def _smooth(needs: np.ndarray) -> np.ndarray:
    """Gain at the borders of cells, from the needs of cells around them."""
    borders = np.minimum.reduce([needs[:-3], needs[1:-2], needs[2:-1], needs[3:]])  # two cells on either side
    count = len(borders) - RELEASE
    released = borders[RELEASE:].copy()
    if borders.min() < 1:
        for age in range(1, RELEASE + 1):
            np.minimum(released, borders[RELEASE - age : RELEASE - age + count] * _RAMP[age], out=released)
    count -= 2 * ATTACK
    held = np.minimum.reduce([released[k : k + count] for k in range(2 * ATTACK + 1)])
    count -= 2 * ATTACK
    missing = np.zeros(count, np.float32)
    for k, weight in enumerate(_SMOOTHING):
        missing += weight * (1 - held[k : k + count])
    return 1 - missing
