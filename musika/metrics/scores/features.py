"""What a section of music is like, in five numbers.

- `pitch_class_entropy`: entropy of the pitch classes, bits; low where few notes are used (S.-L. Wu and Y.-H. Yang,
  "The Jazz Transformer on the front line", ISMIR 2020).
- `groove_similarity`: how alike the onsets of neighbouring bars are, 0 to 1: one minus the share of sixteenths where
  only one of both has an onset (the same paper, but for neighbours alone).
- `density`: notes in a quarter note.
- `inter_onset_interval`: mean time from one onset to the next, quarter notes.
- `polyphony`: mean number of notes that sound where any does.
"""

from __future__ import annotations

import numpy as np

from musika.composer.vocabulary import UNITS_PER_BEAT
from musika.composer.works import Work

NAMES = ("pitch_class_entropy", "groove_similarity", "density", "inter_onset_interval", "polyphony")
BARS = 8  # of a section
STEP = 3  # units of a sixteenth


def describe_sections(work: Work) -> np.ndarray:
    """The numbers of each section of BARS bars that follow one another, float `[sections, 5]`.

    Those with less than two notes are left out.
    """
    rows = []
    for first in range(0, work.bar_count - BARS + 1, BARS):
        found = work.find_notes(first, BARS)
        if found.stop - found.start > 1:
            begin = int(work.bars[first])
            bars = work.bars[first : first + BARS + 1] - begin
            rows.append(_describe(work.onsets[found] - begin, work.durations[found], work.pitches[found], bars))
    return np.array(rows).reshape(-1, len(NAMES))


def _describe(onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray, bars: np.ndarray) -> list[float]:
    shares = np.bincount(pitches % 12, minlength=12) / len(pitches)
    entropy = -float(np.sum(shares[shares > 0] * np.log2(shares[shares > 0])))
    intervals = np.diff(np.unique(onsets))
    return [
        entropy,
        measure_groove(onsets, bars),
        len(onsets) / (int(bars[-1]) / UNITS_PER_BEAT),
        float(intervals.mean()) / UNITS_PER_BEAT if len(intervals) else float(bars[-1]) / UNITS_PER_BEAT,
        measure_polyphony(onsets, durations),
    ]


def measure_groove(onsets: np.ndarray, bars: np.ndarray) -> float:
    """The mean similarity of the onsets of neighbouring bars.

    Args:
        onsets: units, int `[n]`.
        bars: where bars begin, and the end of the last, units, int `[b + 1]`.
    """
    places = int(np.diff(bars).max()) // STEP
    bar = np.clip(np.searchsorted(bars, onsets, side="right") - 1, 0, len(bars) - 2)
    grid = np.zeros((len(bars) - 1, places), bool)
    grid[bar, np.minimum((onsets - bars[bar]) // STEP, places - 1)] = True
    return float(np.mean(grid[1:] == grid[:-1]))


def measure_polyphony(onsets: np.ndarray, durations: np.ndarray) -> float:
    """The mean number of notes that sound, over the time in which any does."""
    times = np.concatenate([onsets, onsets + durations])
    changes = np.concatenate([np.ones(len(onsets)), -np.ones(len(onsets))])
    order = np.argsort(times, kind="stable")
    sounding = np.cumsum(changes[order])[:-1]
    lengths = np.diff(times[order])
    heard = lengths[sounding > 0].sum()
    return float(np.sum(sounding * lengths) / heard) if heard else 0.0
