"""A composed piece that goes in a circle: its first sections again and again.

Each turn lasts a given time, to which the sections are stretched a little: a loop has a whole number of latents, and
sections of an exact tempo have not. Notes that ring at the end of a turn reach into the next one.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from musika.composer import vocabulary as v
from musika.composer.piece import ComposedScore
from musika.composer.sections import SectionNotes
from musika.score import Notes, Pedals, TempoMap


class LoopedScore(ComposedScore):
    """The score of such a piece, for one reader; its plan says how long a turn is.

    Section numbers go on from turn to turn. Times may be as late as one likes, but nothing lies before second 0: to
    hear the end of the loop before its beginning, ask for a later turn.
    """

    @property
    def stretch(self) -> float:
        """Factor on all times of the sections; near 1."""
        return self.plan.turn / self.plan.get_start(self.plan.sections)

    def find_section(self, seconds: float) -> int:
        """As `ComposedScore` says."""
        turn = math.floor(seconds / self.plan.turn)
        own = self.plan.find_section((seconds - turn * self.plan.turn) / self.stretch)
        return turn * self.plan.sections + min(max(own, 0), self.plan.sections - 1)

    def get_section(self, number: int) -> tuple[Notes, Pedals]:
        """As `ComposedScore` says."""
        turn, own = divmod(number, self.plan.sections)
        notes, pedals = super().get_section(own)
        begin = turn * self.plan.turn
        onsets, releases = (begin + self.stretch * times for times in (notes.onsets, notes.releases))
        moved = dataclasses.replace(pedals, times=begin + self.stretch * pedals.times)
        return notes.replace(onsets=onsets, releases=releases), moved

    def get_fitted_notes(self, number: int) -> SectionNotes:
        """As `ComposedScore` says; the last section does not fall silent before the first begins again."""
        notes, settings = super().get_fitted_notes(number), self.plan.settings
        if number < self.plan.sections - 1 or self.melody is not None or settings.articulation_value is not None:
            return notes
        return hold_end(notes, self.plan.frame.bars * self.plan.frame.bar_length)

    def make_tempo_map(self, start: float, stop: float) -> TempoMap:
        """As `ComposedScore` says; beat 0 is the beginning of the turn in which `start` lies."""
        plan = self.plan
        beats = plan.sections * plan.frame.beats
        first = math.floor(start / plan.turn)
        if plan.clock.tempo is None or plan.clock.tempo.is_constant:
            return TempoMap(np.full(1, first * plan.turn), np.zeros(1), np.full(1, plan.turn / beats))
        turn = plan.clock.make_tempo_map(0.0, plan.get_start(plan.sections))
        inside = turn.beats < beats
        turns = np.arange(math.floor(max(stop, start) / plan.turn) + 1 - first)[:, None]
        return TempoMap(
            ((first + turns) * plan.turn + self.stretch * turn.seconds[inside]).ravel(),
            (turns * beats + turn.beats[inside]).ravel(),
            np.tile(self.stretch * turn.seconds_per_beat[inside], len(turns)),
        )


def hold_end(notes: SectionNotes, length: int) -> SectionNotes:
    """Where nothing would sound in the last beat of a section, the notes that were struck last are held to its end.

    Args:
        length: of the section, units.
    """
    ends = notes.onsets + notes.durations
    if not len(notes) or ends.max() > length - v.UNITS_PER_BEAT:
        return notes
    is_last = notes.onsets >= ends.max() - v.UNITS_PER_BEAT // 2
    is_last |= notes.onsets == notes.onsets.max()
    return dataclasses.replace(notes, durations=np.where(is_last, length - notes.onsets, notes.durations))
