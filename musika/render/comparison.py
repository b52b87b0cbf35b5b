"""Whether an audio file holds the sound of another one: bit for bit, or as near as lossy encoders are."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musika import audio

TOLERANCE = 6.0  # dB: in every second of a lossy file, the difference is at least this much quieter than the sound
QUIET = 10 ** (-60 / 20)  # full scale is 1: a difference below this counts as none in a lossy file


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How two files differ.

    Attributes:
        lengths: samples of each.
        first: second of the first difference, None where there is none.
        share: of the samples that differ, 0 to 1.
        largest: difference of two samples.
        nearness: dB by which the difference is quieter than the sound, in the worst second; infinite where there is
            none.
    """

    lengths: tuple[int, int]
    first: float | None
    share: float
    largest: float
    nearness: float

    @property
    def is_exact(self) -> bool:
        """Whether every sample is the same."""
        return self.first is None and self.lengths[0] == self.lengths[1]

    @property
    def is_near(self) -> bool:
        """Whether both hold the same sound within `TOLERANCE`."""
        return self.lengths[0] == self.lengths[1] and self.nearness >= TOLERANCE


def compare_files(file: Path, other: Path, rate: int) -> Comparison:
    """Compares two files, second by second.

    Args:
        rate: Hz, at which both are compared.

    Raises:
        AudioError: one cannot be read.
    """
    lengths = [0, 0]
    differing = 0
    first: float | None = None
    largest, nearness = 0.0, np.inf
    pairs = itertools.zip_longest(_read_seconds(file, rate), _read_seconds(other, rate))
    for number, (one, two) in enumerate(pairs):
        lengths[0] += 0 if one is None else len(one)
        lengths[1] += 0 if two is None else len(two)
        if one is None or two is None:
            continue
        count = min(len(one), len(two))
        difference = np.abs(one[:count] - two[:count])
        places = np.flatnonzero(difference.max(axis=1))
        if len(places):
            differing += int(np.count_nonzero(difference))
            first = number + places[0] / rate if first is None else first
            largest = max(largest, float(difference.max()))
            nearness = min(nearness, _measure_nearness(two[:count], difference))
    share = differing / max(1, 2 * min(lengths))
    return Comparison((lengths[0], lengths[1]), first, share, largest, float(nearness))


def measure_length(file: Path, rate: int) -> int:
    """Samples of a file at a rate, as `compare_files` counts them.

    Raises:
        AudioError: it cannot be read.
    """
    return sum(map(len, _read_seconds(file, rate)))


def _measure_nearness(sound: np.ndarray, difference: np.ndarray) -> float:
    """dB by which a difference is quieter than the sound; infinite for one that is too quiet to count."""
    error, power = np.sqrt(np.mean(difference**2)), np.sqrt(np.mean(sound**2))
    return np.inf if error < QUIET else float(20 * np.log10(max(power, 1e-12) / error))


def _read_seconds(path: Path, rate: int) -> Iterator[np.ndarray]:
    """The samples of a file, `[rate, 2]` at a time."""
    return audio.read_blocks(path, rate, sample_rate=rate)
