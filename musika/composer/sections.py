"""Sections as the network sees them: notes, the conditions of the section, and what holds at each unit of its time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from musika.composer import harmony
from musika.composer.vocabulary import (
    CHORDS,
    CONDITION_COLUMNS,
    CONDITIONS,
    DELTAS,
    DURATIONS,
    FIELD_COLUMNS,
    FIELDS,
    LONGEST_BAR,
    LOWEST,
    MOST_BARS,
    NO_CHORD,
    NO_MELODY,
    PLACE_COLUMNS,
    PLACES,
    START,
    find_nearest,
    quantise_velocity,
    split_pitch,
)

MELODY_FLOOR = 55  # lowest MIDI key that counts as the highest voice of a work


@dataclasses.dataclass(frozen=True, eq=False)
class SectionNotes:
    """Notes of a section, ascending by onset, then by pitch.

    Attributes:
        onsets: units since the section began, int `[n]`.
        durations: units, int `[n]`.
        pitches: MIDI keys 21 to 108, int `[n]`.
        velocities: levels 0 to 7, int `[n]`.
    """

    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray

    def __len__(self) -> int:
        return len(self.onsets)

    def select(self, chosen: np.ndarray | slice) -> SectionNotes:
        """The notes that a mask, indices or a slice picks."""
        return SectionNotes(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    def transpose(self, semitones: int) -> SectionNotes:
        """The same notes some semitones higher."""
        return dataclasses.replace(self, pitches=self.pitches + semitones)


NO_NOTES = SectionNotes(*(np.zeros(0, int) for _ in range(4)))


def join_sections(parts: list[SectionNotes]) -> SectionNotes:
    """All notes of several parts, ascending by onset, then by pitch."""
    columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(SectionNotes)]
    order = np.lexsort((columns[2], columns[0]))
    return SectionNotes(*(column[order] for column in columns))


def sort_notes(notes: SectionNotes) -> SectionNotes:
    """The notes by onset, then by pitch; of several notes of one pitch and onset, only the longest."""
    notes = notes.select(np.lexsort((-notes.durations, notes.pitches, notes.onsets)))
    is_new = np.append(True, (np.diff(notes.onsets) != 0) | (np.diff(notes.pitches) != 0))
    return notes.select(is_new)


def encode_conditions(values: Mapping[str, int]) -> np.ndarray:
    """Conditions of a section in the order of CONDITIONS, int32 `[10]`; those that are not named are not given."""
    unknown = set(values) - set(CONDITIONS)
    assert not unknown, unknown
    return np.array([values.get(name, 0) for name in CONDITIONS], np.int32)


def encode_chord(chord: int | None) -> int:
    """A chord (12 x kind + root, -1 for none, None for not given) as a value of the features of places."""
    return 0 if chord is None else NO_CHORD if chord < 0 else 1 + chord


def tabulate_places(
    bars: int, bar_length: int, chords: np.ndarray | None = None, melody: SectionNotes | None = None
) -> np.ndarray:
    """The features PLACES at each unit of a section, int32 `[bars * bar_length + 1, 8]`; the last row is its end.

    Args:
        bars: length of the section.
        bar_length: units.
        chords: value of `encode_chord` for each half bar and the one after the section, int `[2 bars + 1]`; None gives
            none.
        melody: a given highest voice; None gives none.
    """
    length, columns = bars * bar_length, PLACE_COLUMNS
    table = np.zeros((length + 1, len(PLACES)), np.int32)
    time = np.arange(length + 1)
    bar = np.minimum(time // bar_length, bars)
    table[:, columns["position"]] = time % bar_length
    table[:, columns["bar"]] = np.minimum(bar, MOST_BARS)
    table[:, columns["bars_left"]] = np.clip(bars - bar, 0, MOST_BARS)
    table[-1, columns["position"]] = LONGEST_BAR
    if chords is not None:
        assert len(chords) == 2 * bars + 1 and np.max(chords) < CHORDS
        half = 2 * bar + (time % bar_length >= bar_length // 2)
        table[:, columns["chord"]] = chords[np.minimum(half, 2 * bars)]
        table[:, columns["next_chord"]] = chords[np.minimum(half + 1, 2 * bars)]
    if melody is not None:
        _add_melody(table, melody)
    return table


def _add_melody(table: np.ndarray, melody: SectionNotes) -> None:
    """Writes the features of a given melody into a table of places `[units, 8]`."""
    time, columns = np.arange(len(table)), PLACE_COLUMNS
    last = np.searchsorted(melody.onsets, time, side="right") - 1
    ends = melody.onsets + melody.durations
    sounds = (last >= 0) & (ends[np.maximum(last, 0)] > time) if len(melody) else np.zeros(len(time), bool)
    pitch = melody.pitches[np.maximum(last, 0)] - LOWEST + 1 if len(melody) else np.zeros(len(time), int)
    table[:, columns["melody"]] = np.where(sounds, pitch, NO_MELODY)
    table[:, columns["melody_begins"]] = 1 + np.isin(time, melody.onsets)
    following = np.searchsorted(melody.onsets, time, side="right")
    ahead = melody.onsets[np.minimum(following, len(melody) - 1)] - time if len(melody) else time
    level = 1 + find_nearest(ahead, DELTAS)
    table[:, columns["melody_ahead"]] = np.where(following < len(melody), level, PLACES["melody_ahead"] - 1)


def find_melody(notes: SectionNotes) -> SectionNotes:
    """The highest voice: at each onset the highest note, unless a higher one still sounds or it is low."""
    chosen = []
    sounding, until = 0, -1
    for index in range(len(notes)):
        is_top = index + 1 == len(notes) or notes.onsets[index + 1] != notes.onsets[index]
        onset, pitch = notes.onsets[index], notes.pitches[index]
        if is_top and pitch >= MELODY_FLOOR and (until <= onset or pitch >= sounding):
            chosen.append(index)
            sounding, until = pitch, onset + notes.durations[index]
    return notes.select(np.array(chosen, int))


def find_highest_notes(notes: SectionNotes) -> SectionNotes:
    """The highest note at each onset, however low it is."""
    is_top = np.append(np.diff(notes.onsets) != 0, True) if len(notes) else np.zeros(0, bool)
    return notes.select(is_top)


def encode_steps(notes: SectionNotes, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Notes as steps: the fields of each step and of the one that follows.

    Args:
        notes: of a section.
        end: units from its beginning to the first note that is not among `notes`.

    Returns:
        Fields `[n + 1, 5]`, of which the first row is the step before the first note; and the fields to tell at each
        step, `[n + 1, 5]`, of whose last row only `delta` counts. int32.
    """
    steps = np.empty((len(notes) + 1, len(FIELDS)), np.int32)
    steps[0] = START
    steps[1:] = encode_notes(notes)
    targets = np.zeros_like(steps)
    targets[:-1] = steps[1:]
    previous = notes.onsets[-1] if len(notes) else 0
    targets[-1, 0] = find_nearest(np.array([max(end - previous, 1)]), DELTAS)[0]
    return steps, targets


def encode_notes(notes: SectionNotes) -> np.ndarray:
    """The fields of notes, int32 `[n, 5]`."""
    pitch_class, octave = split_pitch(notes.pitches)
    deltas = find_nearest(np.diff(notes.onsets, prepend=0), DELTAS)
    durations = find_nearest(notes.durations, DURATIONS)
    return np.stack([deltas, pitch_class, octave, durations, notes.velocities], 1).astype(np.int32)


def get_pitch_feature(fields: np.ndarray) -> np.ndarray:
    """The pitch of each step's note as one number from 1 on, 0 for the step before the first; `[..., 5]` to `[...]`."""
    pitch_class, octave = (fields[..., FIELD_COLUMNS[name]] for name in ("pitch_class", "octave"))
    pitch = pitch_class + 12 * octave - LOWEST % 12 + 1
    return np.where(pitch_class == FIELDS["pitch_class"], 0, pitch).astype(np.int32)


def transpose_conditions(conditions: np.ndarray, semitones: int) -> np.ndarray:
    """The conditions `[10]` of the same section some semitones higher; the condition `register` stays."""
    moved, key = conditions.copy(), CONDITION_COLUMNS["key"]
    if moved[key]:
        moved[key] = 1 + (moved[key] - 1 + semitones) % 12
    return moved


def transpose_chords(chords: np.ndarray, semitones: int) -> np.ndarray:
    """Chords `[m]` (12 x kind + root, or -1 for none) some semitones higher."""
    return np.where(chords < 0, chords, harmony.transpose_chord(np.maximum(chords, 0), semitones))


def quantise_notes(
    onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray, velocities: np.ndarray
) -> SectionNotes:
    """Notes of a section from arrays `[n]` with MIDI velocities 0 to 127, which become levels 0 to 7."""
    return SectionNotes(onsets, durations, pitches, quantise_velocity(velocities))
