"""Pieces that go on from given notes: these are kept where they were, and the rest is written after them."""

from __future__ import annotations

import numpy as np
import pytest

from musika.composer.continuing import ContinuedScore, Opening, describe_continuation, make_opening
from musika.composer.vocabulary import CONDITIONS, METRES, quantise_density, quantise_register
from musika.config.musical import MusicalSettings, parse_key
from musika.errors import ScoreError
from musika.score import Notes, Score, make_constant_tempo
from tests.helpers.composers import make_tiny_composer

SECONDS_PER_LATENT = 4096 / 44100
TEMPO = 100.0
BAR = METRES["4/4"]  # units
UNIT = 60.0 / TEMPO / 12  # seconds


def make_heard(beats: int = 20) -> Score:
    """A note on each beat, an octave lower and longer on the first of each bar."""
    onsets = np.arange(beats) * 12 * UNIT
    pitches = np.where(np.arange(beats) % 4 == 0, 48, 60 + np.arange(beats) % 5)
    zero = np.zeros(beats)
    return Score(Notes(onsets, onsets + 10 * UNIT, pitches, zero + 80, zero, zero), tempo=make_constant_tempo(TEMPO))


def make_continued(opening: Opening, seed: int = 1) -> ContinuedScore:
    settings = MusicalSettings(**describe_continuation(make_heard(), parse_key("C")))
    return ContinuedScore(opening, make_tiny_composer(), seed, settings, SECONDS_PER_LATENT)


def test_the_opening_is_the_last_bars() -> None:
    opening = make_opening(make_heard(), 20 * 12 * UNIT)
    assert opening.length == 4 * BAR and opening.begin == pytest.approx(4 * 12 * UNIT)
    np.testing.assert_array_equal(opening.notes.onsets, np.arange(16) * 12)
    cut = make_opening(make_heard(), 18.5 * 12 * UNIT)  # within a bar
    assert cut.length == 3 * BAR + 30 and len(cut.notes) == 15
    assert make_opening(make_heard(), 20 * 12 * UNIT, most_bars=2).length == 2 * BAR


@pytest.mark.parametrize("end", [0.0, 1000.0])
def test_without_notes_near_the_end_there_is_nothing_to_go_on_from(end: float) -> None:
    with pytest.raises(ScoreError, match="no notes are heard"):
        make_opening(make_heard(), end)


def test_given_notes_stay_and_others_follow() -> None:
    opening = make_opening(make_heard(), 20 * 12 * UNIT)
    for seed in (1, 2):
        piece = make_continued(opening, seed)
        notes = piece.get_notes(0)
        given = notes.onsets < opening.length
        np.testing.assert_array_equal(notes.onsets[given], opening.notes.onsets)
        np.testing.assert_array_equal(notes.pitches[given], opening.notes.pitches)
        assert (~given).sum() > 4
    other, same = make_continued(opening, 1).get_notes(0), make_continued(opening, 1).get_notes(0)
    np.testing.assert_array_equal(other.pitches, same.pitches)


def test_what_follows_is_asked_to_be_like_the_opening() -> None:
    opening = make_opening(make_heard(), 20 * 12 * UNIT)
    task = make_continued(opening).make_theme_task(0)
    asked = dict(zip(CONDITIONS, task.conditions.tolist(), strict=True))
    mean = opening.notes.pitches.mean()
    assert asked["register"] == quantise_register(mean) and asked["density"] == quantise_density(1.0)
    assert asked["dynamics"] == 1 + 80 * 8 // 128
    assert not task.chords[: 2 * 4].any() and task.chords[2 * 4 : -1].any()
    plain = make_continued(opening).make_theme_task(1)
    assert len(plain.kept) == 0 and plain.is_free is None


def test_any_span_gives_the_same_notes() -> None:
    opening = make_opening(make_heard(), 20 * 12 * UNIT)
    whole = make_continued(opening).get_score(0.0, 90.0).slice(60.0, 80.0).notes
    part = make_continued(opening).get_score(60.0, 80.0).slice(60.0, 80.0).notes
    np.testing.assert_array_equal(part.onsets, whole.onsets)
    np.testing.assert_array_equal(part.pitches, whole.pitches)
    assert len(part) > 5
