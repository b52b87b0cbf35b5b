"""Chord progressions: they open on the tonic, close as they are told to, and stay in their key."""

from __future__ import annotations

import numpy as np
import pytest

from musika import draws
from musika.composer import harmony
from musika.composer.progressions import draw_progression


def draw(bars: int, tonic: int, mode: int, closes: bool, number: int = 0) -> np.ndarray:
    return draw_progression(bars, tonic, mode, closes, draws.uniform(1, "test", number, (3 * bars,)))


@pytest.mark.parametrize("bars", [4, 8, 16])
@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("closes", [True, False])
def test_they_open_on_the_tonic_and_close_as_they_are_told_to(bars, mode, closes):
    for number in range(20):
        chords = draw(bars, 9, mode, closes, number)
        assert chords.shape == (2 * bars,)
        assert chords[-1] == harmony.get_degree_chord(0 if closes else 4, 9, mode)
        if bars > 4:
            assert chords[0] == harmony.get_degree_chord(0, 9, mode)


def test_their_notes_belong_to_the_key():
    for mode, scale in enumerate(harmony.SCALES.values()):
        key = {(2 + step) % 12 for step in scale} | ({(2 + 11) % 12} if mode else set())  # the leading note
        for number in range(20):
            notes = harmony.CHORD_TEMPLATES[draw(8, 2, mode, True, number)].any(axis=0)
            assert set(np.flatnonzero(notes).tolist()) <= key


def test_they_differ_and_move_with_the_key():
    several = {draw(8, 0, 0, True, number).tobytes() for number in range(20)}
    assert len(several) > 15
    assert np.array_equal(harmony.transpose_chord(draw(8, 0, 0, True), 3), draw(8, 3, 0, True))
