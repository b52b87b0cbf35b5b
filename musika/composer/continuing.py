"""A composed piece that begins with given notes and goes on from them.

The notes are the first bars of the piece's first theme. The composer sees them as its own and writes the rest of the
theme; the sections that follow are written from that theme, as in any piece.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from musika.composer.piece import LONGEST_RING, ComposedScore
from musika.composer.sampling import SectionTask
from musika.composer.sections import SectionNotes, quantise_notes
from musika.composer.vocabulary import CONDITION_COLUMNS, UNITS_PER_BEAT, quantise_density, quantise_register
from musika.composer.works import make_work
from musika.config.musical.keys import Key
from musika.errors import ScoreError
from musika.score import Score

MOST_BARS = 4  # of an opening: at least as many remain to be written in a section of 8 bars
METRE = "4/4"  # of recordings, whose metre nobody says


@dataclasses.dataclass(frozen=True, eq=False)
class Opening:
    """What a piece begins with.

    Attributes:
        notes: of its first theme, from unit 0 on.
        length: units of 1/12 quarter note that they fill; the composer writes what comes after.
        begin: second of the recording at which the piece begins.
    """

    notes: SectionNotes
    length: int
    begin: float


class ContinuedScore(ComposedScore):
    """The score of such a piece, for one reader.

    Args:
        opening: the given notes.
        others: arguments of `ComposedScore`.
    """

    def __init__(self, opening: Opening, *others: Any) -> None:
        super().__init__(*others)
        self.opening = opening

    @property
    def longest_note(self) -> float:
        """As `ComposedScore` says; the opening is given."""
        return LONGEST_RING

    def make_theme_task(self, number: int) -> SectionTask:
        """As `ComposedScore` says; the first theme keeps the opening, and no chords are asked for there."""
        task = super().make_theme_task(number)
        if number:
            return task
        units, opening = np.arange(task.length), self.opening
        chords = None
        if task.chords is not None:
            halves = np.arange(len(task.chords)) * task.bar_length // 2
            chords = np.where(halves < opening.length, 0, task.chords)
        conditions = task.conditions.copy()
        for name, value in describe_notes(opening.notes, opening.length).items():
            conditions[CONDITION_COLUMNS[name]] = value
        return dataclasses.replace(
            task, chords=chords, conditions=conditions, kept=opening.notes, is_free=units >= opening.length
        )


def make_opening(score: Score, end: float, most_bars: int = MOST_BARS) -> Opening:
    """The last bars of a score as the opening of a piece that goes on where they end.

    Args:
        score: of which beats are known.
        end: second at which the piece goes on.
        most_bars: how many bars there may be.

    Raises:
        ScoreError: there are no notes in them.
    """
    work = make_work("the recording", score)
    stop = int(np.rint(score.tempo.to_beats(end) * UNITS_PER_BEAT))
    bars = work.bars[work.bars < stop]
    length = int(np.diff(work.bars)[0])
    begin = int(bars[-1]) if len(bars) else stop
    while begin - length >= int(work.bars[0]) and stop - (begin - length) <= most_bars * length:
        begin -= length
    chosen = (work.onsets >= begin) & (work.onsets < stop)
    if not chosen.any() or stop - begin > most_bars * length:
        raise ScoreError("no notes are heard before the end of the recording", about="notes")
    notes = quantise_notes(
        work.onsets[chosen] - begin, work.durations[chosen], work.pitches[chosen], work.velocities[chosen]
    )
    return Opening(notes, stop - begin, float(score.tempo.to_seconds(begin / UNITS_PER_BEAT)))


def describe_notes(notes: SectionNotes, length: int) -> dict[str, int]:
    """Density, register and dynamics of some notes as conditions of a section: what follows is to be like them.

    Args:
        notes: at least one.
        length: units that they fill.
    """
    return {
        "density": quantise_density(len(notes) / max(length / UNITS_PER_BEAT, 1.0)),
        "register": quantise_register(float(notes.pitches.mean())),
        "dynamics": 1 + int(np.rint(notes.velocities.mean())),
    }


def measure_pitch_class_durations(score: Score) -> np.ndarray:
    """How long each pitch class sounds in all, seconds, float64 `[12]`; each note counts for 50 ms at least."""
    notes = score.notes
    return np.bincount(notes.pitches % 12, np.maximum(notes.releases - notes.onsets, 0.05), 12)


def describe_continuation(score: Score, key: Key | None) -> dict[str, str]:
    """The settings of a piece that goes on from a score: its tempo, its key, and a metre."""
    tempo = 60.0 / float(score.tempo.seconds_per_beat[0])
    asked = {"tempo": f"{tempo:.4f}", "metre": METRE}
    return asked if key is None else {**asked, "key": str(key)}
