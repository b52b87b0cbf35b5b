"""MIDI files in: a score from the messages of a file of type 0 or 1."""

from __future__ import annotations

import dataclasses
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import ScoreError
from musika.files import describe_error, format_path, list_files
from musika.score.notes import PERCUSSION, Notes, Pedals, check_density
from musika.score.score import Score
from musika.score.timing import NO_METRES, Metres, TempoMap

EXTENSIONS = frozenset({".mid", ".midi", ".kar"})
MAX_BYTES = 4 << 20  # of a file; 10 hours of piano music take 2 to 3 MiB
# A time has 4 bytes at most, but mido reads longer ones, in quadratic time. A run of so many bytes that continue a
# number is refused; a shorter one may be text.
ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{4096}")
LONGEST = 10 * 3600  # seconds that a file may last
LONGEST_WAIT = (1 << 28) - 1  # ticks between two messages: 4 bytes of 7 bits
DEFAULT_SECONDS_PER_BEAT = 0.5
FASTEST = 0.006  # seconds per beat: 10,000 beats in a minute; beats of a score can be counted
SMALLEST_NOTE = 64  # denominator of a metre
VOLUME, EXPRESSION, SUSTAIN, SOSTENUTO, SOUND_OFF, RESET, NOTES_OFF = 7, 11, 64, 66, 120, 121, 123  # controllers


def find_midi(folder: Path) -> list[Path]:
    """The MIDI files in a folder and its sub-folders, by extension, sorted by path. The path of a file gives that file.

    Raises:
        ScoreError: no such folder, or no MIDI file in it.
    """
    if not os.path.lexists(folder):
        raise ScoreError(f"there is no folder {format_path(folder)}", about="midi")
    if not folder.is_dir():
        return [folder]
    found = [path for path in list_files(folder) if path.suffix.lower() in EXTENSIONS]
    if not found:
        raise ScoreError(f"there are no MIDI files (.mid) in {format_path(folder)}", about="midi")
    return found


def read_score(path: Path | str) -> Score:
    """The score of a MIDI file of type 0 or 1.

    A note ends at its note-off, where its key is struck again in its channel, or at the end of the file. Volume and
    expression of channels scale velocities, relative to the loudest in the file. Sustain pedals become events of the
    instrument that the channel plays; of the sostenuto pedal, a remark says that it is left out.

    Raises:
        ScoreError: it cannot be read, is no MIDI file, is damaged, has no notes, lasts longer than 10 hours, or has
            too many notes at once.
    """
    name = format_path(Path(path))
    try:
        with open(path, "rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScoreError(f"{name} cannot be read: {describe_error(error)}") from error
    return parse_midi(data, name)


def parse_midi(data: bytes, name: str) -> Score:
    """As `read_score`, of the bytes of a file, which may come from anybody.

    Args:
        data: the whole file.
        name: that errors call it.

    Raises:
        ScoreError: as `read_score` says.
    """
    file = _open_midi(data, name)
    if file.type == 2:
        raise ScoreError(f"{name} is a MIDI file of type 2, whose tracks are separate pieces")
    if file.ticks_per_beat <= 0:
        raise ScoreError(f"{name} counts time in frames, not in beats; only beats can be read", about="score")
    messages = _list_messages(file, name)
    tempo = _read_tempo(messages, file.ticks_per_beat)
    last = float(tempo.to_seconds(messages[-1][0] / file.ticks_per_beat)) if messages else 0.0
    if last > LONGEST:
        raise ScoreError(f"{name} is longer than {LONGEST // 3600} hours")
    player = _Player()
    for tick, message in messages:
        player.take(tick, message)
    player.finish(messages[-1][0] if messages else 0)
    if not player.notes:
        raise ScoreError(f"{name} has no notes")
    notes = player.make_notes(tempo, file.ticks_per_beat)
    try:
        check_density(notes)
    except ScoreError as error:
        raise ScoreError(f"{name}: {error}") from None
    pedals = player.make_pedals(tempo, file.ticks_per_beat)
    return Score(notes, pedals, tempo, _read_metres(messages, file.ticks_per_beat), tuple(player.remarks))


def _open_midi(data: bytes, name: str) -> Any:
    """The file as mido has it.

    Raises:
        ScoreError: it is no MIDI file.
    """
    import mido

    damaged = ScoreError(f"{name} cannot be read: it is no MIDI file, or damaged")
    if not data.startswith(b"MThd"):
        raise damaged
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{name} is larger than {MAX_BYTES >> 20} MiB: it is no score")
    if ENDLESS_NUMBER.search(data):
        raise damaged
    try:
        return mido.MidiFile(file=io.BytesIO(data), clip=True)  # data bytes beyond 127 are limited, as players do
    except Exception as error:  # it raises a dozen kinds, and some of its own
        raise damaged from error


def _list_messages(file: Any, name: str) -> list[tuple[int, Any]]:
    """All messages of all tracks with their ticks, in order; those of the same tick in the order of the tracks.

    Raises:
        ScoreError: a time is longer than MIDI files can say.
    """
    messages: list[tuple[int, Any]] = []
    for track in file.tracks:
        tick = 0
        for message in track:
            if message.time > LONGEST_WAIT:
                raise ScoreError(f"{name} cannot be read: it is damaged")
            tick += message.time
            messages.append((tick, message))
    messages.sort(key=lambda item: item[0])
    return messages


def _read_tempo(messages: list[tuple[int, Any]], ticks_per_beat: int) -> TempoMap:
    """The tempo map. A tempo of 0 is left out, and one that is impossibly fast counts as FASTEST."""
    changes = [(0.0, DEFAULT_SECONDS_PER_BEAT)]
    for tick, message in messages:
        if message.type == "set_tempo" and message.tempo > 0:
            changes.append((tick / ticks_per_beat, max(message.tempo * 1e-6, FASTEST)))
    beats, tempi = (np.array(column) for column in zip(*changes, strict=True))
    last = np.append(np.diff(beats) > 0, True)  # of several at one beat, the last counts
    beats, tempi = beats[last], tempi[last]
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(beats) * tempi[:-1])])
    return TempoMap(seconds, beats, tempi)


def _read_metres(messages: list[tuple[int, Any]], ticks_per_beat: int) -> Metres:
    """The time signatures; impossible ones are left out."""
    metres: dict[float, tuple[int, int]] = {}
    for tick, message in messages:
        if message.type == "time_signature" and message.numerator > 0 and message.denominator <= SMALLEST_NOTE:
            metres[tick / ticks_per_beat] = message.numerator, message.denominator
    if not metres:
        return NO_METRES
    numerators, denominators = zip(*metres.values(), strict=True)
    return Metres(np.array(list(metres)), np.array(numerators), np.array(denominators))


@dataclasses.dataclass
class _Note:
    """A note while a file is read.

    Attributes:
        begin: ticks.
        end: ticks.
        key: 0 to 127.
        velocity: 1 to 127.
        volume: volume times expression of its channel when it began, 0 to 127².
        program: of its channel.
        is_drum: whether the channel is that of percussion.
    """

    begin: int
    end: int
    key: int
    velocity: int
    volume: int
    program: int
    is_drum: bool


class _Player:
    """What the channels of a synthesiser do with the messages of a file."""

    def __init__(self) -> None:
        self.notes: list[_Note] = []
        self.pedals: list[tuple[int, float, int]] = []  # tick, value, program
        self.remarks: dict[str, None] = {}
        self._pressed: dict[tuple[int, int], _Note] = {}  # by channel and key
        self._programs = [0] * 16
        self._volumes = [100] * 16  # defaults of General MIDI
        self._expressions = [127] * 16

    def take(self, tick: int, message: Any) -> None:
        """Follows one message."""
        kind = message.type
        if kind == "note_on" and message.velocity:
            self._press(tick, message.channel, message.note, message.velocity)
        elif kind in ("note_on", "note_off"):
            self._release(tick, message.channel, message.note)
        elif kind == "program_change":
            self._programs[message.channel] = message.program
        elif kind == "control_change":
            self._control(tick, message.channel, message.control, message.value)

    def finish(self, tick: int) -> None:
        """Releases the keys that are still down at the end of the file."""
        for channel, key in list(self._pressed):
            self._release(tick, channel, key)

    def make_notes(self, tempo: TempoMap, ticks_per_beat: int) -> Notes:
        """The notes in order of onset, then key. Velocities follow volume and expression."""
        self.notes.sort(key=lambda note: (note.begin, note.key))
        loudest = max(note.volume for note in self.notes)
        columns = np.array([dataclasses.astuple(note) for note in self.notes], np.int64).T
        begins, ends, keys, velocities, volumes, programs, drums = columns
        velocities = np.clip(np.rint(velocities * volumes / max(loudest, 1)), 1, 127)
        onsets, releases = (tempo.to_seconds(ticks / ticks_per_beat) for ticks in (begins, ends))
        return Notes(onsets, np.maximum(onsets, releases), keys, velocities, programs, drums)

    def make_pedals(self, tempo: TempoMap, ticks_per_beat: int) -> Pedals:
        """The events of sustain pedals; those that change nothing are left out."""
        current: dict[int, float] = {}
        events = []
        for tick, value, program in self.pedals:
            if current.get(program, 0.0) != value:
                events.append((float(tempo.to_seconds(tick / ticks_per_beat)), value, program))
            current[program] = value
        return Pedals(*np.array(events, float).reshape(-1, 3).T)

    def _press(self, tick: int, channel: int, key: int, velocity: int) -> None:
        before = self._pressed.get((channel, key))
        if before is not None and before.begin == tick:  # struck twice at once: the louder counts
            before.velocity = max(before.velocity, velocity)
            return
        self._release(tick, channel, key)
        volume = self._volumes[channel] * self._expressions[channel]
        note = _Note(tick, tick, key, velocity, volume, self._programs[channel], channel == PERCUSSION)
        self._pressed[channel, key] = note
        self.notes.append(note)

    def _release(self, tick: int, channel: int, key: int) -> None:
        note = self._pressed.pop((channel, key), None)
        if note is not None:
            note.end = tick

    def _control(self, tick: int, channel: int, control: int, value: int) -> None:
        if control == SUSTAIN and channel != PERCUSSION:
            self.pedals.append((tick, value / 127, self._programs[channel]))
        elif control == SOSTENUTO and value >= 64:
            self.remarks["the sostenuto pedal is left out"] = None
        elif control == VOLUME:
            self._volumes[channel] = value
        elif control == EXPRESSION:
            self._expressions[channel] = value
        elif control in (SOUND_OFF, NOTES_OFF):
            for place in [place for place in self._pressed if place[0] == channel]:
                self._release(tick, *place)
        if control == RESET:
            self._expressions[channel] = 127
            if channel != PERCUSSION:
                self.pedals.append((tick, 0.0, self._programs[channel]))
