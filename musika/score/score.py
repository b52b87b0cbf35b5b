"""A score: notes, pedals, tempo and metre of a piece."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from musika.score.midi_writer import write_midi
from musika.score.notes import NO_PEDALS, Notes, Pedals, find_ends, join_notes, join_pedals
from musika.score.timing import NO_METRES, Metres, TempoMap, make_constant_tempo


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """What is played in a piece. Times are seconds; the tempo map says which beats they are.

    Attributes:
        notes: all instruments together.
        pedals: sustain pedals.
        tempo: which beat is at which second.
        metres: time signatures, in beats; none if the source gives none.
        remarks: what the source holds that a score does not, one line each.
    """

    notes: Notes
    pedals: Pedals = NO_PEDALS
    tempo: TempoMap = dataclasses.field(default_factory=make_constant_tempo)
    metres: Metres = NO_METRES
    remarks: tuple[str, ...] = ()

    @property
    def last_event(self) -> float:
        """The second of the last release or pedal event; 0 without any."""
        return max(float(self.notes.releases.max(initial=0.0)), float(self.pedals.times.max(initial=0.0)))

    @property
    def duration(self) -> float:
        """Seconds from 0 to where the last note is damped. What rings on afterwards does not count."""
        ends = (find_ends(notes, pedals, self.last_event) for notes, pedals in self.split_programs())
        return max((float(part.max()) for part in ends if len(part)), default=0.0)

    @property
    def beats(self) -> np.ndarray:
        """The beat (quarter note) at which each note begins, float64 `[n]`."""
        return self.tempo.to_beats(self.notes.onsets)

    def split_programs(self) -> list[tuple[Notes, Pedals]]:
        """Notes and pedals of each instrument, ascending by program; drums, which no pedal holds, come last."""
        notes = self.notes
        parts = []
        for program in np.unique(notes.programs[~notes.is_drum]):
            pedals = self.pedals.select(self.pedals.programs == program)
            parts.append((notes.select(~notes.is_drum & (notes.programs == program)), pedals))
        if notes.is_drum.any():
            parts.append((notes.select(notes.is_drum), NO_PEDALS))
        return parts

    def shift(self, seconds: float) -> Score:
        """Everything that many seconds later; earlier if negative.

        Raises:
            ScoreError: something would lie before 0. `slice` leaves out what does.
        """
        notes = self.notes.replace(onsets=self.notes.onsets + seconds, releases=self.notes.releases + seconds)
        pedals = dataclasses.replace(self.pedals, times=self.pedals.times + seconds)
        return dataclasses.replace(self, notes=notes, pedals=pedals, tempo=self.tempo.shift(seconds))

    def slice(self, start: float, stop: float) -> Score:
        """What begins from `start` up to before `stop`, in seconds. Times stay as they are.

        Notes that still sound at `stop` are released there. A pedal that is down at `start` is pressed there.
        """
        notes = self.notes.select((self.notes.onsets >= start) & (self.notes.onsets < stop))
        notes = notes.replace(releases=np.minimum(notes.releases, stop))
        inside = self.pedals.select((self.pedals.times >= start) & (self.pedals.times < stop))
        before = self.pedals.select(self.pedals.times < start)
        down = []
        for program in np.unique(before.programs):
            value = before.values[before.programs == program][-1]
            if value > 0:
                down.append((max(start, 0.0), value, program))
        held = Pedals(*np.array(down, float).T) if down else NO_PEDALS
        return dataclasses.replace(self, notes=notes, pedals=join_pedals([held, inside]))

    def merge(self, other: Score) -> Score:
        """Both scores at once, with the tempo and metres of this one."""
        remarks = tuple(dict.fromkeys(self.remarks + other.remarks))
        notes, pedals = join_notes([self.notes, other.notes]), join_pedals([self.pedals, other.pedals])
        return dataclasses.replace(self, notes=notes, pedals=pedals, remarks=remarks)

    def with_constant_tempo(self, beats_per_minute: float = 120.0) -> Score:
        """The same seconds over a tempo that does not change. Beats and bars of the music are given up."""
        return dataclasses.replace(self, tempo=make_constant_tempo(beats_per_minute), metres=NO_METRES)

    def save(self, path: Path | str) -> Path:
        """Writes a MIDI file of type 1 and gives its path. `read_score` reads the same score, to 1/1920 of a beat.

        Where a key is struck again before its release, the earlier note ends there, as on an instrument. MIDI files
        say tempi in whole microseconds per beat, so with other tempi, later notes are off by up to 1e-6 of their time.

        Raises:
            OSError: the file cannot be written.
        """
        return write_midi(Path(path), self.notes, self.pedals, self.tempo, self.metres)
