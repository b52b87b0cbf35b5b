"""Works on a grid: bars, upbeats, chords, keys, similarity of sections."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from musika.composer import harmony
from musika.composer.similarity import compare_sections, measure_similarity
from musika.composer.vocabulary import METRE_NAMES
from musika.composer.works import list_chords, make_work
from musika.errors import ScoreError
from musika.score import Metres, Notes, Score, make_constant_tempo
from tests.helpers.scores import make_score, make_small_work


def make_chord_score(starts: list[float], lengths: list[float], pitches: list[int], metre: tuple[int, int]) -> Score:
    """Notes in beats at 60 beats a minute."""
    count = len(starts)
    begin, long = np.array(starts, float), np.array(lengths, float)
    notes = Notes(begin, begin + long, pitches, [64] * count, [0] * count, [False] * count)
    metres = Metres(np.zeros(1), [metre[0]], [metre[1]])
    return Score(notes, tempo=make_constant_tempo(60), metres=metres)


def test_a_work_has_bars_metres_and_tempi():
    work = make_small_work(bars=8)
    assert work.bar_count == 8 and (np.diff(work.bars) == 48).all()
    assert {METRE_NAMES[metre] for metre in work.metres} == {"4/4"}
    np.testing.assert_allclose(work.tempi, 120)
    found = work.find_notes(2, 1)
    assert found.stop - found.start == 9 and work.onsets[found.start] == 96


def test_triplets_and_sixteenths_lie_on_the_grid():
    work = make_work("grid", make_chord_score([0, 1 / 3, 2 / 3, 1, 1.25], [0.3] * 5, [60] * 5, (4, 4)))
    assert work.onsets.tolist() == [0, 4, 8, 12, 15]


def test_bars_are_moved_to_the_beats_that_weigh_most():
    # an upbeat of one quarter before long low notes: the file says 3/4 from its beginning
    starts = [0.0] + [1.0 + 3 * bar for bar in range(6)] + [3.0 + 3 * bar for bar in range(6)]
    lengths = [1.0] + [2.0] * 6 + [1.0] * 6
    pitches = [72] + [40] * 6 + [72] * 6
    order = np.argsort(starts)
    score = make_chord_score(*(list(np.array(c)[order]) for c in (starts, lengths, pitches)), metre=(3, 4))
    work = make_work("upbeat", score)
    assert work.bars[0] == -24 and (work.bars % 36 == 12).all()


def test_notes_beyond_a_piano_are_moved_by_octaves_and_drums_are_left_out():
    notes = Notes([0, 0, 1], [1, 1, 2], [12, 120, 36], [64] * 3, [0] * 3, [False, False, True])
    work = make_work("range", Score(notes))
    assert sorted(work.pitches) == [24, 108]
    drums = notes.select(notes.is_drum)
    with pytest.raises(ScoreError, match="no notes but drums"):
        make_work("drums", Score(drums))


def test_a_key_struck_twice_at_once_is_one_note():
    notes = Notes([0, 0, 0], [1, 2, 1], [60, 60, 64], [64] * 3, [0] * 3, [False] * 3)
    work = make_work("double", Score(notes))
    assert work.pitches.tolist() == [60, 64] and work.durations[0] == 48


@pytest.mark.parametrize(("tonic", "mode"), [(0, 0), (7, 0), (9, 1), (2, 1)])
def test_the_key_of_a_scale_with_its_chords(tonic, mode):
    scale = harmony.SCALES[harmony_mode(mode)]
    profile = np.zeros(12)
    for step in scale:
        profile[(tonic + step) % 12] += 1
    profile[[tonic, (tonic + 7) % 12]] += 3
    assert harmony.estimate_key(profile) == (tonic, mode)


def harmony_mode(mode: int) -> str:
    return "minor" if mode else "major"


def test_chords_of_half_bars():
    work = make_work("chords", make_score(bars=4))
    chords = list_chords(work)
    assert chords.tolist() == [0, 0, 5, 5, 7, 7, 0, 0]  # C, F, G, C major
    assert harmony.transpose_chord(12 + 11, 2) == 12 + 1  # B minor to C sharp minor


def test_the_chord_on_the_fifth_degree_is_major_in_minor_keys_too():
    assert harmony.get_degree_chord(0, 9, 1) == 12 + 9
    assert harmony.get_degree_chord(4, 9, 1) == 4
    assert harmony.KIND_NAMES[harmony.get_degree_chord(4, 0, 0, seventh=True) // 12] == "dominant seventh"


def test_the_similarity_of_a_transposed_copy_is_one():
    onsets, pitches = np.array([0, 12, 24, 24]), np.array([60, 62, 64, 67])
    assert measure_similarity(onsets, pitches, onsets, pitches + 5) == pytest.approx(1.0)
    assert measure_similarity(onsets, pitches, onsets + 6, pitches) == 0.0
    assert measure_similarity(onsets, pitches, onsets[:2], pitches[:2]) == pytest.approx(2 * 2 / 6)
    assert measure_similarity(onsets, pitches, np.zeros(0, int), np.zeros(0, int)) == 0.0


def test_sections_of_a_work_are_compared_as_pairs_are():
    work = make_small_work(bars=10, seed=1)
    all_pairs = compare_sections(work, 4)
    assert all_pairs.shape == (7, 7)
    np.testing.assert_allclose(np.diag(all_pairs), 1.0)
    parts = []
    for first in (1, 5):
        found = work.find_notes(first, 4)
        parts += [work.onsets[found] - work.bars[first], work.pitches[found]]
    assert all_pairs[1, 5] == pytest.approx(measure_similarity(*parts))
    assert compare_sections(dataclasses.replace(work), 11).shape == (0, 0)
