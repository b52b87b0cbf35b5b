"""When sections and their notes are: seconds of beats, and the section at any second, in closed form.

Where a tempo is asked for, it is exact. Otherwise all sections last equally long, and beats within a section are moved
a little: slower at its beginning and end.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from musika.composer.vocabulary import UNITS_PER_BEAT
from musika.config.musical import Curve
from musika.score import TempoMap, make_constant_tempo

RUBATO = 0.012  # how far beats within a section are moved at most, as a share of its length


@dataclasses.dataclass(frozen=True)
class SectionPlace:
    """Where a section is in its piece.

    Attributes:
        first_unit: units of 1/12 quarter note from the beginning of the piece to the section.
        seconds: the same in seconds; settings that change over time are looked up there.
        bar_length: units.
        length: of the section, units.
    """

    first_unit: int
    seconds: float
    bar_length: int
    length: int


@dataclasses.dataclass(frozen=True)
class Clock:
    """The time of a piece.

    Attributes:
        beats: quarter notes in a section.
        section_seconds: length of a section where no tempo is asked for.
        tempo: quarter notes a minute by time, as they are asked for; None for none.
    """

    beats: float
    section_seconds: float
    tempo: Curve | None = None

    @functools.cached_property
    def rate(self) -> Curve | None:
        """Beats a second, where a tempo is asked for."""
        return None if self.tempo is None else self.tempo.scale(1 / 60)

    @property
    def slowest(self) -> float:
        """The slowest tempo, quarter notes a minute."""
        return 60.0 * self.beats / self.section_seconds if self.tempo is None else min(self.tempo.values)

    def get_second(self, beat: float) -> float:
        """The second of a beat of the piece, without rubato."""
        return beat / self.beats * self.section_seconds if self.rate is None else self.rate.find_second(beat)

    def get_start(self, section: int) -> float:
        """Seconds at which a section begins."""
        return self.get_second(section * self.beats)

    def find_section(self, seconds: float) -> int:
        """The number of the section at a second; negative before the piece."""
        beat = seconds / self.section_seconds * self.beats if self.rate is None else self.rate.integrate(seconds)
        number = math.floor(beat / self.beats)
        # rounding may have led to a neighbour
        if self.get_start(number + 1) <= seconds:
            return number + 1
        return number - 1 if self.get_start(number) > seconds else number

    def count_sections(self, seconds: float) -> int:
        """The number of whole sections, at least 1, whose length is nearest to so many seconds."""
        number = max(self.find_section(seconds), 1)
        return number if seconds - self.get_start(number) <= self.get_start(number + 1) - seconds else number + 1

    def to_seconds(self, section: int, units: np.ndarray) -> np.ndarray:
        """Seconds of units of a section, 1/12 quarter note each."""
        beats = np.asarray(units) / UNITS_PER_BEAT
        if self.rate is None:
            place = beats / self.beats
            moved = place - RUBATO * np.sin(2 * np.pi * np.clip(place, 0.0, 1.0))
            return self.get_start(section) + moved * self.section_seconds
        first = section * self.beats
        seconds = [self.get_second(first + beat) for beat in beats.ravel().tolist()]
        return np.array(seconds, float).reshape(beats.shape)

    def make_tempo_map(self, start: float, stop: float) -> TempoMap:
        """Which beat is at which second, exact from `start` to `stop`: where the tempo changes, beat by beat."""
        if self.tempo is None:
            return make_constant_tempo(60.0 * self.beats / self.section_seconds)
        if self.tempo.is_constant:
            return make_constant_tempo(self.tempo.points[0][1])
        assert self.rate is not None
        first = math.floor(self.rate.integrate(max(start, 0.0)))
        last = math.ceil(self.rate.integrate(max(stop, start)))
        beats = np.arange(first, max(last, first + 1) + 1)
        seconds = np.array([self.get_second(beat) for beat in beats.tolist()])
        return TempoMap(seconds[:-1], beats[:-1], np.diff(seconds))
