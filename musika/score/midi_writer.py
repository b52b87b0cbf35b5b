"""MIDI files out: a score as a file of type 1."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from musika.files import open_replacement
from musika.score.notes import PERCUSSION, Notes, Pedals
from musika.score.timing import Metres, TempoMap

TICKS = 960  # in a beat: half a millisecond at 120 beats a minute
CHANNELS = [channel for channel in range(16) if channel != PERCUSSION]
SLOWEST = (1 << 24) - 1  # microseconds in a beat that a MIDI file can say
# what comes first of what happens at the same tick
RELEASE, PROGRAM, PEDAL, ONSET, RELEASE_AT_ONCE = range(5)
_Event = tuple[int, int, Any]  # tick, order within the tick, message


def write_midi(path: Path, notes: Notes, pedals: Pedals, tempo: TempoMap, metres: Metres) -> Path:
    """Writes a score: one track for tempo and metre, then one for each instrument. Gives the path.

    More than 15 instruments share channels. A key that two of them hold at once in one channel is then released early.

    Raises:
        OSError: the file cannot be written.
    """
    import mido

    grid = _Grid(tempo)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(_make_track(_list_tempi(grid) + _list_metres(metres, grid)))
    programs = np.unique(np.concatenate([notes.programs[~notes.is_drum], pedals.programs]))
    shared = len(programs) > len(CHANNELS)
    for number, program in enumerate(programs):
        own = notes.select(~notes.is_drum & (notes.programs == program))
        part = _Part(own, pedals.select(pedals.programs == program), int(program), CHANNELS[number % len(CHANNELS)])
        file.tracks.append(_make_track(_list_part(part, grid, shared)))
    if notes.is_drum.any():
        file.tracks.append(_make_track(_list_drums(notes.select(notes.is_drum), grid)))
    data = io.BytesIO()
    file.save(file=data)
    with open_replacement(path) as target:
        target.write(data.getvalue())
    return path


class _Grid:
    """Ticks of seconds. Whole beats of the score are whole beats of the file.

    Attributes:
        origin: the beat of tick 0, a whole number.
        lead: seconds per beat up to the first whole beat, where that begins after second 0; else None.
    """

    def __init__(self, tempo: TempoMap) -> None:
        self.tempo = tempo
        first = float(tempo.to_beats(0.0))
        nearest = round(first)
        self.lead: float | None = None
        self.origin = nearest
        if abs(first - nearest) > 1e-6:
            self.origin = math.ceil(first) - 1  # the time from 0 to the first whole beat becomes a beat of its own
            self.lead = float(tempo.to_seconds(self.origin + 1))

    def to_ticks(self, seconds: np.ndarray) -> np.ndarray:
        """Ticks, int `[n]`, ascending with the seconds."""
        beats = self.tempo.to_beats(seconds) - self.origin
        if self.lead is not None:
            beats = np.where(seconds < self.lead, np.asarray(seconds) / self.lead, beats)
        return np.maximum(np.rint(beats * TICKS), 0).astype(np.int64)


class _Part(NamedTuple):
    """What one instrument plays, and its channel."""

    notes: Notes
    pedals: Pedals
    program: int
    channel: int


def _list_tempi(grid: _Grid) -> list[_Event]:
    """The tempo at tick 0 and all later changes."""
    import mido

    tempo, start = grid.tempo, grid.lead or 0.0
    current = max(int(np.searchsorted(tempo.seconds, start, side="right")) - 1, 0)
    ticks = grid.to_ticks(tempo.seconds)
    changes = [(0 if grid.lead is None else TICKS, float(tempo.seconds_per_beat[current]))]
    changes += [(int(ticks[i]), float(tempo.seconds_per_beat[i])) for i in range(current + 1, len(ticks))]
    if grid.lead is not None:
        changes.insert(0, (0, grid.lead))
    return [
        (tick, 0, mido.MetaMessage("set_tempo", tempo=min(max(round(seconds * 1e6), 1), SLOWEST)))
        for tick, seconds in changes
    ]


def _list_metres(metres: Metres, grid: _Grid) -> list[_Event]:
    """The metre in force at tick 0, and all later ones. Bars begin where they did."""
    import mido

    events: list[_Event] = []
    begins, lengths = metres.beats - grid.origin, metres.bar_lengths
    for i, begin in enumerate(begins):
        if i + 1 < len(begins) and begins[i + 1] <= 0:
            continue  # over before the file begins
        numerator, denominator = int(min(metres.numerators[i], 255)), int(metres.denominators[i])
        message = mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
        start = begin if begin >= 0 else begin + lengths[i] * math.ceil(-begin / lengths[i])  # its first bar line
        if begin < 0 < start:
            events.append((0, 0, message))
        events.append((round(start * TICKS), 0, message))
    return events


def _list_part(part: _Part, grid: _Grid, shared: bool) -> list[_Event]:
    """Notes and pedal of one instrument.

    Args:
        shared: whether other instruments have the same channel; then the program is said again before each event.
    """
    import mido

    events = _list_notes(part.notes, grid, part.channel)
    for tick, value in zip(grid.to_ticks(part.pedals.times), part.pedals.values, strict=True):
        message = mido.Message("control_change", channel=part.channel, control=64, value=round(value * 127))
        events.append((int(tick), PEDAL, message))
    change = mido.Message("program_change", channel=part.channel, program=part.program)
    ticks = sorted({tick for tick, order, _ in events if order in (PEDAL, ONSET)}) if shared else [0]
    return [(tick, PROGRAM, change) for tick in ticks] + events


def _list_drums(notes: Notes, grid: _Grid) -> list[_Event]:
    """Drums, and a program change wherever the kit changes."""
    import mido

    events, before = _list_notes(notes, grid, PERCUSSION), 0
    for tick, kit in zip(grid.to_ticks(notes.onsets), notes.programs, strict=True):
        if kit != before:
            message = mido.Message("program_change", channel=PERCUSSION, program=int(kit))
            events.append((int(tick), PROGRAM, message))
            before = kit
    return events


def _list_notes(notes: Notes, grid: _Grid, channel: int) -> list[_Event]:
    """Note messages of one channel. A key that is struck again is released first."""
    import mido

    events: list[_Event] = []
    begins, ends = grid.to_ticks(notes.onsets), grid.to_ticks(notes.releases)
    next_begin: dict[int, int] = {}
    for i in range(len(notes) - 1, -1, -1):
        begin, key = int(begins[i]), int(notes.pitches[i])
        end = min(int(ends[i]), next_begin.get(key, int(ends[i])))
        next_begin[key] = begin
        message = {"channel": channel, "note": key}
        events.append((begin, ONSET, mido.Message("note_on", velocity=int(notes.velocities[i]), **message)))
        order = RELEASE if end > begin else RELEASE_AT_ONCE
        events.append((end, order, mido.Message("note_off", velocity=64, **message)))
    return events


def _make_track(events: list[_Event]) -> Any:
    """A track of messages in order."""
    import mido

    track, before = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track
