"""A score that is repeated as a loop."""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.score.notes import Notes, Pedals, join_notes, join_pedals
from musika.score.score import Score
from musika.score.timing import Metres, TempoMap

OVERLAP = 0.5  # beats that a note may last beyond a bar line without a further bar


def find_end_of_last_bar(score: Score) -> float:
    """The second at which a score can begin again: the bar line after its last notes, or their end without metres."""
    last = float(score.notes.releases.max(initial=0.0))
    if not len(score.metres):
        return last
    begins = float(score.tempo.to_beats(score.notes.onsets.max(initial=0.0)))
    least = max(float(score.tempo.to_beats(last)) - OVERLAP, np.nextafter(begins, np.inf))
    bars = score.metres.find_bars(least + float(score.metres.bar_lengths.max()))
    return float(score.tempo.to_seconds(bars[bars >= least][0]))


def repeat_score(score: Score, length: float, turn: float, count: int) -> Score:
    """A loop of a score, repeated: its first `length` seconds, stretched to `turn` seconds, `count` times.

    Notes ring on into the next turn. Pedals are up when a turn begins.
    """
    stretch, begins = turn / length, turn * np.arange(count)[:, None]
    notes = score.notes.select(score.notes.onsets < length)
    pedals = score.pedals.select(score.pedals.times < length)
    lifted = np.unique(pedals.programs)
    ends = Pedals(np.full(len(lifted), length), np.zeros(len(lifted)), lifted)
    pedals = join_pedals([pedals, ends])
    tempo, metres = score.tempo, score.metres
    changes = np.append(0.0, tempo.seconds[(tempo.seconds > 0) & (tempo.seconds < length)])
    paces = tempo.seconds_per_beat[np.maximum(np.searchsorted(tempo.seconds, changes, side="right") - 1, 0)]
    beats = (float(tempo.to_beats(length)) - float(tempo.to_beats(0.0))) * np.arange(count)[:, None]
    is_heard = metres.beats < tempo.to_beats(length)
    return dataclasses.replace(
        score,
        notes=join_notes([_move(notes, stretch, begin) for begin in begins]),
        pedals=join_pedals([dataclasses.replace(pedals, times=begin + stretch * pedals.times) for begin in begins]),
        tempo=TempoMap(
            (begins + stretch * changes).ravel(),
            (beats + tempo.to_beats(changes)).ravel(),
            np.tile(stretch * paces, count),
        ),
        metres=Metres(
            (beats + metres.beats[is_heard]).ravel(),
            np.tile(metres.numerators[is_heard], count),
            np.tile(metres.denominators[is_heard], count),
        ),
    )


def _move(notes: Notes, stretch: float, begin: np.ndarray) -> Notes:
    """The notes with their times stretched by a factor, then moved to begin at a second."""
    return notes.replace(onsets=begin + stretch * notes.onsets, releases=begin + stretch * notes.releases)
