"""Notes as steps, and what holds at each unit of a section."""

from __future__ import annotations

import numpy as np
import pytest

from musika.composer import vocabulary as v
from musika.composer.sections import (
    NO_NOTES,
    SectionNotes,
    encode_chord,
    encode_conditions,
    encode_steps,
    find_melody,
    get_pitch_feature,
    tabulate_places,
    transpose_conditions,
)


def make_notes(onsets: list[int], pitches: list[int], durations: list[int] | None = None) -> SectionNotes:
    count = len(onsets)
    lengths = [12] * count if durations is None else durations
    return SectionNotes(*(np.array(column) for column in (onsets, lengths, pitches, [4] * count)))


@pytest.mark.parametrize("levels", [v.DELTAS, v.DURATIONS])
def test_levels_are_their_own_nearest(levels):
    np.testing.assert_array_equal(levels[v.find_nearest(levels, levels)], levels)
    assert (np.diff(levels) > 0).all()


def test_pitches_and_velocities_survive():
    pitches = np.arange(v.LOWEST, v.HIGHEST + 1)
    pitch_class, octave = v.split_pitch(pitches)
    assert octave.min() == 0 and octave.max() == v.FIELDS["octave"] - 1
    np.testing.assert_array_equal(v.join_pitch(pitch_class, octave), pitches)
    levels = np.arange(v.VELOCITIES)
    np.testing.assert_array_equal(v.quantise_velocity(v.get_velocity(levels)), levels)


def test_steps_tell_the_next_note_and_the_time_to_what_comes_after():
    notes = make_notes([0, 12, 12], [60, 64, 67])
    steps, targets = encode_steps(notes, end=48)
    assert steps[0].tolist() == list(v.START)
    np.testing.assert_array_equal(targets[:-1], steps[1:])
    assert v.DELTAS[steps[1:, 0]].tolist() == [0, 12, 0]
    assert v.DELTAS[targets[-1, 0]] == 36
    assert get_pitch_feature(steps).tolist() == [0, 40, 44, 47]
    empty, target = encode_steps(NO_NOTES, end=24)
    assert empty.shape == (1, 5) and v.DELTAS[target[0, 0]] == 24


def test_places_know_bar_position_chord_and_what_is_left():
    chords = np.array([encode_chord(chord) for chord in (0, 5, 7, -1, None)])
    table = tabulate_places(2, 48, chords)
    assert table.shape == (97, 8)
    assert table[0].tolist()[:5] == [0, 0, 2, 1, 6]
    assert table[30].tolist()[:5] == [30, 0, 2, 6, 8]
    assert table[95].tolist()[:5] == [47, 1, 1, v.NO_CHORD, 0]
    assert table[96, 0] == v.LONGEST_BAR and table[96, 2] == 0
    assert not tabulate_places(2, 48)[:, 3:].any()
    for column, size in enumerate(v.PLACES.values()):
        assert table[:, column].max() < size


def test_places_tell_of_a_given_melody():
    table = tabulate_places(1, 48, melody=make_notes([0, 24], [72, 74], [12, 24]))
    assert table[0, 5:].tolist() == [72 - v.LOWEST + 1, 2, 1 + 24]
    assert table[6, 5:].tolist() == [72 - v.LOWEST + 1, 1, 1 + 18]
    assert table[12, 5] == v.NO_MELODY and table[24, 6] == 2
    assert table[30, 7] == v.PLACES["melody_ahead"] - 1
    rest = tabulate_places(1, 48, melody=NO_NOTES)
    assert (rest[:, 5] == v.NO_MELODY).all() and (rest[:, 6] == 1).all()


def test_the_melody_is_the_highest_voice():
    notes = make_notes([0, 0, 12, 24, 36], [48, 72, 64, 50, 76], [48, 24, 12, 12, 12])
    assert find_melody(notes).pitches.tolist() == [72, 76]  # 64 lies below the note that sounds, 50 is too low


def test_conditions_by_name_and_in_another_key():
    given = encode_conditions({"key": 12, "mode": 1})
    assert given.tolist() == [12, 1, *[0] * 8]
    assert transpose_conditions(given, 3)[0] == 3
    assert transpose_conditions(encode_conditions({}), 3)[0] == 0
