"""Writing sections: what is given is written, what is asked for holds, and nothing depends on the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from musika.composer import vocabulary as v
from musika.composer.sampling import MOST_AT_ONCE, SectionTask, _draw, write_section, write_sections
from musika.composer.sections import SectionNotes, encode_conditions
from tests.helpers.composers import make_tiny_composer


@pytest.fixture(scope="module")
def composer():
    return make_tiny_composer()


def make_task(index: int = 0, **changes: object) -> SectionTask:
    return dataclasses.replace(SectionTask("section", index, 4, 48, encode_conditions({"key": 1})), **changes)


def list_notes(notes: SectionNotes) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in (notes.onsets, notes.pitches, notes.durations)), strict=True))


def make_notes(onsets: list[int], pitches: list[int], duration: int = 12) -> SectionNotes:
    count = len(onsets)
    return SectionNotes(np.array(onsets), np.full(count, duration), np.array(pitches), np.full(count, 5))


def test_a_section_is_in_order_within_its_length_and_without_empty_bars(composer):
    for notes in write_sections(composer, 1, [make_task(index) for index in range(4)]):
        assert len(notes) > 10
        assert (np.lexsort((notes.pitches, notes.onsets)) == np.arange(len(notes))).all()
        assert notes.onsets.min() >= 0 and notes.onsets.max() < 4 * 48
        assert set((notes.onsets // 48).tolist()) == {0, 1, 2, 3}
        assert notes.pitches.min() >= v.LOWEST and notes.pitches.max() <= v.HIGHEST
        assert np.bincount(notes.onsets).max() <= MOST_AT_ONCE
        assert np.diff(notes.onsets, append=4 * 48).max() <= 2 * 48
        for pitch in np.unique(notes.pitches):
            same = notes.pitches == pitch
            gaps = np.diff(notes.onsets[same])
            assert (notes.durations[same][:-1] <= np.maximum(gaps, 1)).all()


def test_a_section_does_not_depend_on_the_others_beside_it(composer):
    theme = make_notes([0, 12, 24], [60, 64, 67])
    with_theme = make_task(2, theme=theme, theme_conditions=encode_conditions({}))
    (alone,) = write_sections(composer, 1, [make_task(0)])
    beside = write_sections(composer, 1, [make_task(7), make_task(0), make_task(1)])
    assert list_notes(alone) == list_notes(beside[1])
    assert list_notes(alone) != list_notes(beside[0]) != list_notes(beside[2])
    assert list_notes(write_sections(composer, 2, [make_task(0)])[0]) != list_notes(alone)
    (seeing,) = write_sections(composer, 1, [with_theme])
    tasks = [dataclasses.replace(with_theme, index=n) for n in range(5)]
    assert list_notes(write_sections(composer, 1, tasks)[2]) == list_notes(seeing)
    guided = write_sections(composer, 1, tasks, guidance=2.0)
    assert [list_notes(notes) for notes in guided] == [
        list_notes(write_section(composer, 1, task, guidance=2.0)) for task in tasks
    ]


def test_guidance_moves_logits_away_from_what_soft_conditions_leave_open(composer):
    soft = make_task(conditions=encode_conditions({"key": 1, "density": 8, "register": 1}))
    plain, usual = make_task(), list_notes(write_section(composer, 1, soft))
    assert list_notes(write_section(composer, 1, soft, guidance=1.0)) == usual
    assert list_notes(write_section(composer, 1, soft, guidance=4.0)) != usual
    assert list_notes(write_section(composer, 1, plain, guidance=4.0)) == list_notes(write_section(composer, 1, plain))
    unasked = list_notes(write_section(composer, 1, soft, guidance=0.0))
    assert unasked == list_notes(write_section(composer, 1, plain)), "at 0, soft conditions do nothing"


def test_the_theme_is_seen(composer):
    themes = [make_notes([0, 12, 24], pitches) for pitches in ([60, 64, 67], [30, 31, 100])]
    written = [
        write_sections(composer, 1, [make_task(theme=theme, theme_conditions=encode_conditions({}))])[0]
        for theme in themes
    ]
    assert list_notes(written[0]) != list_notes(written[1])


def test_bars_that_are_kept_stay_as_they_are_and_the_others_are_written(composer):
    kept = make_notes([0, 24, 36, 96, 100], [60, 64, 67, 50, 52])
    is_free = np.repeat([False, True, False, True], 48)
    (notes,) = write_sections(composer, 1, [make_task(kept=kept, is_free=is_free)])
    bars = notes.onsets // 48
    for bar in (0, 2):
        inside = kept.select(kept.onsets // 48 == bar)
        assert notes.select(bars == bar).onsets.tolist() == inside.onsets.tolist()
        assert notes.select(bars == bar).pitches.tolist() == inside.pitches.tolist()
    assert {1, 3} <= set(bars.tolist())
    everything = np.zeros(4 * 48, bool)
    (whole,) = write_sections(composer, 1, [make_task(kept=kept, is_free=everything)])
    assert whole.onsets.tolist() == kept.onsets.tolist()


def test_a_given_melody_is_written_and_nothing_sounds_above_it(composer):
    melody = make_notes([0, 24, 48, 84, 144], [72, 74, 76, 60, 71], 24)
    (notes,) = write_sections(composer, 1, [make_task(melody=melody)])
    found = set(zip(notes.onsets.tolist(), notes.pitches.tolist(), strict=True))
    assert set(zip(melody.onsets.tolist(), melody.pitches.tolist(), strict=True)) <= found
    assert len(notes) > len(melody)
    for onset, pitch in found:
        sounding = (melody.onsets <= onset) & (onset < melody.onsets + melody.durations)
        assert not sounding.any() or pitch <= melody.pitches[sounding].max()


def test_values_are_drawn_by_their_probability_and_only_allowed_ones():
    logits = np.log(np.array([[0.5, 0.3, 0.2]], np.float32)).repeat(1000, 0)
    chances = (np.arange(1000) + 0.5) / 1000
    values = _draw(logits, None, chances, 1.0)
    np.testing.assert_allclose(np.bincount(values) / 1000, [0.5, 0.3, 0.2], atol=0.02)
    mask = np.array([[False, True, True]]).repeat(1000, 0)
    assert set(_draw(logits, mask, chances, 1.0).tolist()) == {1, 2}
    rare = np.log(np.array([[0.97, 0.02, 0.01]], np.float32)).repeat(1000, 0)
    assert set(_draw(rare, None, chances, 1.0).tolist()) == {0}
    nudged = logits + np.float32(1e-5)
    assert np.array_equal(_draw(nudged, None, chances, 1.0), values)
