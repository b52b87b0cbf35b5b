"""Arranges a piece for several instruments: which of them plays each note."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.config.musical import Instrument
from musika.score import Notes

TOGETHER = 0.03  # seconds within which notes count as beginning together
MIDDLE_C = 60  # MIDI key; a single note from here on counts as the highest, below as the lowest


def assign_programs(notes: Notes, instruments: Sequence[Instrument]) -> np.ndarray:
    """The program of each note, int `[n]`: the first instrument plays the highest notes, the last the lowest.

    Instruments between them share what is between. A note is the highest or the lowest among those that begin within
    TOGETHER of it.
    """
    programs = np.array([instrument.program for instrument in instruments])
    if len(programs) == 1 or not len(notes):
        return np.full(len(notes), programs[0])
    groups = np.cumsum(np.diff(notes.onsets, prepend=notes.onsets[0]) > TOGETHER)
    chosen = np.full(len(notes), programs[-1])
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        ranked = members[np.argsort(-notes.pitches[members], kind="stable")]
        between = programs[1:-1] if len(programs) > 2 else programs[-1:]
        chosen[ranked] = [between[n % len(between)] for n in range(len(ranked))]
        chosen[ranked[-1]] = programs[-1]
        chosen[ranked[0]] = programs[0] if len(ranked) > 1 or notes.pitches[ranked[0]] >= MIDDLE_C else programs[-1]
    return chosen
