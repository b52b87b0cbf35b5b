"""How much of one section is heard in another, in any key.

The similarity of two sections is 2 m / (a + b), where a and b are their numbers of notes and m is how many notes of one
lie where the other has a note: at the same place of the section and, after the best transposition, in the same pitch
class. Notes in the same place and pitch class count once. It is 1 for a transposed copy.
"""

from __future__ import annotations

import numpy as np

from musika.composer.works import Work

STEP = 3  # units: onsets within a sixteenth note count as at the same place


def measure_similarity(
    onsets: np.ndarray, pitches: np.ndarray, other_onsets: np.ndarray, other_pitches: np.ndarray
) -> float:
    """The similarity of two sections, 0 to 1; 0 where one has no notes.

    Args:
        onsets: units since the section began, int `[n]`.
        pitches: MIDI keys, int `[n]`.
        other_onsets: of the other section, int `[m]`.
        other_pitches: of the other section, int `[m]`.
    """
    if not len(onsets) or not len(other_onsets):
        return 0.0
    places = max(onsets.max(), other_onsets.max()) // STEP + 1
    one, other = (_make_roll(o // STEP, p, places) for o, p in ((onsets, pitches), (other_onsets, other_pitches)))
    best = max(float(np.sum(one * np.roll(other, shift, axis=-1))) for shift in range(12))
    return 2.0 * best / float(one.sum() + other.sum())


def compare_sections(work: Work, bars: int) -> np.ndarray:
    """Similarities of all sections of a work that are `bars` long, float32 `[k, k]`, by their first bar."""
    count = work.bar_count - bars + 1
    if count < 1:
        return np.zeros((0, 0), np.float32)
    rolls = _make_bar_rolls(work)  # [b, place, pitch class]
    notes = np.append(0, np.cumsum(rolls.sum(axis=(1, 2))))
    totals = notes[bars:] - notes[:-bars]  # [k]
    best = np.zeros((count, count), np.float32)
    flat = rolls.reshape(len(rolls), -1)
    for shift in range(12):
        matches = flat @ np.roll(rolls, shift, axis=2).reshape(len(rolls), -1).T  # [b, b]
        best = np.maximum(best, _sum_diagonals(matches, bars))
    return 2.0 * best / np.maximum(totals[:, None] + totals[None, :], 1.0)


def _make_roll(places: np.ndarray, pitches: np.ndarray, count: int) -> np.ndarray:
    """Where notes begin, float32 `[count, 12]`."""
    roll = np.zeros((count, 12), np.float32)
    roll[places, pitches % 12] = 1.0
    return roll


def _make_bar_rolls(work: Work) -> np.ndarray:
    """Where notes begin, float32 `[b, place in the bar, 12]`."""
    bar = np.clip(np.searchsorted(work.bars, work.onsets, side="right") - 1, 0, work.bar_count - 1)
    place = np.maximum(work.onsets - work.bars[bar], 0) // STEP
    places = int(place.max()) + 1
    return _make_roll(bar * places + place, work.pitches, work.bar_count * places).reshape(-1, places, 12)


def _sum_diagonals(matches: np.ndarray, bars: int) -> np.ndarray:
    """Sums of `bars` entries along each diagonal: `[b, b]` to `[b - bars + 1, b - bars + 1]`."""
    size = len(matches) - bars + 1
    return np.sum([matches[n : n + size, n : n + size] for n in range(bars)], axis=0)
