"""The longest run of notes that is also in other works, in any key: equal intervals at equal distances in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.composer.vocabulary import UNITS_PER_BEAT
from musika.composer.works import Work

LONGEST_RUN = 120  # steps from note to note that are looked for
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, for a rolling hash modulo 2^64


class RunFinder:
    """Works in which runs are looked for.

    Args:
        works: such as those that were trained on.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self.steps = [_hash_steps(work.onsets, work.pitches) for work in works if len(work) > 1]
        self._rolled = [np.zeros(len(steps), np.uint64) for steps in self.steps]  # hashes of runs of the longest length
        self._known: list[np.ndarray] = []  # sorted hashes of all runs of 1, 2, 3, ... steps

    def measure_runs(self, work: Work, seconds: float = 60.0) -> np.ndarray:
        """The longest copied run in each stretch of a work, in notes, int `[stretches]`.

        Args:
            seconds: length of a stretch, at the work's tempo; what is left at its end counts if it is half as long.
        """
        runs = self.find_longest(work.onsets, work.pitches)
        bar = np.clip(np.searchsorted(work.bars, work.onsets, side="right") - 1, 0, work.bar_count - 1)
        bar_seconds = np.diff(work.bars) / UNITS_PER_BEAT * 60 / work.tempi
        begins = np.append(0, np.cumsum(bar_seconds))
        times = begins[bar] + (work.onsets - work.bars[bar]) / np.diff(work.bars)[bar] * bar_seconds[bar]
        count = max(1, round(begins[-1] / seconds))
        stretch = np.minimum((times / seconds).astype(int), count - 1)
        return np.array([runs[stretch == k].max(initial=0) for k in range(count) if (stretch == k).any()], int)

    def find_longest(self, onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """For each note, how many notes from it on are also a run elsewhere, int `[n]`; 1 where not even two are."""
        steps = _hash_steps(onsets, pitches)
        longest = np.ones(len(onsets), int)
        alive = np.arange(len(steps))
        rolled = np.zeros(len(steps), np.uint64)
        for length in range(1, min(LONGEST_RUN, len(steps)) + 1):
            alive = alive[alive + length <= len(steps)]
            rolled[alive] = rolled[alive] * _BASE + steps[alive + length - 1]
            alive = alive[np.isin(rolled[alive], self._list_known(length), assume_unique=False)]
            if not len(alive):
                break
            longest[alive] = length + 1
        return longest

    def _list_known(self, length: int) -> np.ndarray:
        """Hashes of all runs of that many steps, sorted."""
        while len(self._known) < length:
            number = len(self._known)
            for index, steps in enumerate(self.steps):
                count = max(len(steps) - number, 0)
                self._rolled[index] = self._rolled[index][:count] * _BASE + steps[number : number + count]
            self._known.append(np.unique(np.concatenate(self._rolled)) if self.steps else np.zeros(0, np.uint64))
        return self._known[length - 1]


def _hash_steps(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """A number for each step from a note to the next: its interval and its time."""
    intervals = np.diff(pitches).astype(np.int64) + 128
    times = np.minimum(np.diff(onsets).astype(np.int64), 4095)
    mixed = (intervals * 4096 + times).astype(np.uint64) + np.uint64(1)
    mixed = (mixed ^ (mixed >> np.uint64(7))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(29))
