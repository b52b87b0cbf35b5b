"""Tracks: what they say, that they are functions of position, and what is said where nothing is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.errors import ConfigError, ScoreError
from musika.score import NO_NOTES, Notes, Pedals, Score, join_notes
from musika.tracks import (
    FAMILIES,
    TRACK_KINDS,
    NotesTrack,
    choose_dropped_tracks,
    drop_tracks,
    make_tracks,
    read_levels,
)
from musika.tracks.notes import KEYS, PARTS, WIDTH

SECONDS = 4096 / 44_100  # in a latent
LEVEL, AGE, RELEASE = (PARTS * KEYS + number * KEYS for number in range(3))


def make_notes(*rows: tuple[float, float, int, int], program: int = 0, is_drum: bool = False) -> Notes:
    """Notes from onset and release in latents, pitch, velocity."""
    onsets, releases, pitches, velocities = np.array(rows, float).reshape(-1, 4).T
    same = np.ones(len(onsets))
    return Notes(onsets * SECONDS, releases * SECONDS, pitches, velocities, same * program, same * is_drum)


def draw_score(seed: int, count: int = 300, length: float = 400.0) -> Score:
    """Random notes of some instruments, and pedals, within `length` latents."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, length, count)) * SECONDS
    notes = Notes(
        onsets, onsets + rng.exponential(0.4, count), rng.integers(0, 128, count), rng.integers(1, 128, count),
        rng.choice([0, 1, 33, 48, 60], count), rng.uniform(0, 1, count) < 0.1,
    )  # fmt: skip
    times = np.sort(rng.uniform(0, length, 40)) * SECONDS
    return Score(notes, Pedals(times, rng.uniform(0, 1, 40), rng.choice([0, 48], 40)))


def test_a_note_is_said_part_by_part() -> None:
    """Key 60, from 2.3 latents to 5 latents: part 2 of latent 2; it sounds at the centres of latents 2, 3, 4."""
    values = NotesTrack(Score(make_notes((2.3, 5.0, 60, 100))), SECONDS).compute(0, 8)
    assert values.shape == (8, WIDTH) and values.dtype == np.float32
    onsets = values[:, : PARTS * KEYS].reshape(8, PARTS, KEYS)
    assert list(zip(*np.nonzero(onsets), strict=True)) == [(2, 2, 39)]
    assert onsets[2, 2, 39] == np.float32(100 / 127)
    np.testing.assert_allclose(values[:, LEVEL + 39], np.array([0, 0, 1, 1, 1, 0, 0, 0]) * 100 / 127, rtol=1e-6)
    ages = np.array([0.2, 1.2, 2.2]) * SECONDS
    np.testing.assert_allclose(values[2:5, AGE + 39], np.log1p(4 * ages) / 4, rtol=1e-5)
    since = np.array([0.5, 1.5, 2.5]) * SECONDS
    np.testing.assert_allclose(values[5:, RELEASE + 39], 100 / 127 * np.exp(-since / 0.2), rtol=1e-5)
    assert not values[:5, RELEASE:].any() and not values[5:, AGE : AGE + KEYS].any()


def test_a_pedal_holds_notes_until_the_key_is_struck_again() -> None:
    pedals = Pedals(np.array([1.0, 7.0]) * SECONDS, np.array([0.8, 0.0]), np.zeros(2))
    score = Score(make_notes((0, 2, 60, 80), (0, 1, 64, 90), (4, 5, 60, 40)), pedals)
    values = NotesTrack(score, SECONDS).compute(0, 10)
    np.testing.assert_allclose(values[:, LEVEL + 39] * 127, [80] * 4 + [40] * 3 + [0] * 3, rtol=1e-5)
    np.testing.assert_allclose(
        values[:, LEVEL + 43] * 127, [90] * 7 + [0] * 3, rtol=1e-5
    )  # lifted after the pedal fell
    np.testing.assert_allclose(values[:, -PARTS:].mean(axis=1), [0] + [0.8] * 6 + [0] * 3, rtol=1e-5)


def test_the_loudest_of_several_notes_at_once_counts() -> None:
    values = NotesTrack(Score(make_notes((1, 3, 60, 50), (1, 3, 60, 90), (1.01, 3, 60, 20))), SECONDS).compute(1, 1)
    assert values[0, 39] == np.float32(90 / 127)  # in the same part
    assert values[0, LEVEL + 39] == np.float32(20 / 127)  # the last one that was struck


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 3), cuts=st.lists(st.integers(-30, 480), min_size=1, max_size=12))
def test_values_are_the_same_however_the_range_is_cut(seed: int, cuts: list[int]) -> None:
    score = draw_score(seed)
    for track in make_tracks(["notes", "notes/strings", "notes/drums", "loudness"], score, SECONDS, level=-12.0):
        whole = track.compute(-30, 510)
        places = sorted({-30, 480, *cuts})
        parts = [track.compute(a, b - a) for a, b in itertools.pairwise(places)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert track.compute(5, 0).shape == (0, track.width)


def test_hour_seven_says_what_second_zero_says() -> None:
    """A shift by whole latents, 2^18 of them (6.8 hours), moves the values; rounding of seconds changes them little."""
    score = draw_score(5)
    later = score.shift(2**18 * SECONDS)
    first, second = NotesTrack(score, SECONDS).compute(0, 420), NotesTrack(later, SECONDS).compute(2**18, 420)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_silence_and_keys_beyond_the_piano() -> None:
    assert not NotesTrack(Score(NO_NOTES), SECONDS).compute(-3, 9).any()
    outside = Score(make_notes((0, 1, 20, 80), (0, 1, 109, 80)))
    assert not NotesTrack(outside, SECONDS).compute(0, 3).any()
    assert NotesTrack(Score(make_notes((0, 1, 21, 80), (0, 1, 108, 80))), SECONDS).compute(0, 1)[0].any()


def test_drums_are_silence_for_other_instruments() -> None:
    score = Score(make_notes((0, 1, 36, 80), is_drum=True))
    silent, drums = make_tracks(["notes", "notes/drums"], score, SECONDS)
    assert not silent.compute(0, 3).any() and drums.compute(0, 3)[0].any()


def test_families_share_the_notes() -> None:
    """Every note but drums is in one family's track; a pedal holds its family alone."""
    score = draw_score(1)
    tracks = [NotesTrack(score, SECONDS, family) for family in FAMILIES]
    onsets = [track.compute(0, 400)[:, : PARTS * KEYS] for track in tracks]
    everything = NotesTrack(score, SECONDS).compute(0, 400)[:, : PARTS * KEYS]
    np.testing.assert_array_equal(np.max(onsets[:-1], axis=0), everything)
    assert onsets[FAMILIES.index("drums")].any() and onsets[FAMILIES.index("brass")].any()
    assert not onsets[FAMILIES.index("organ")].any()
    pedal = Pedals(np.array([0.0, 9.0]) * SECONDS, np.array([1.0, 0.0]), np.full(2, 48))
    both = join_notes([make_notes((0, 1, 60, 80)), make_notes((0, 1, 60, 80), program=48)])
    held = [NotesTrack(Score(both, pedal), SECONDS, family).compute(5, 1) for family in ("piano", "strings")]
    assert held[0][0, LEVEL + 39] == 0 and held[1][0, LEVEL + 39] > 0


def test_absent_is_not_silence() -> None:
    for name, kind in TRACK_KINDS.items():
        (track,) = make_tracks([name], Score(NO_NOTES), SECONDS)
        assert track.name == name and track.width == kind.width == len(track.absent)
        np.testing.assert_array_equal(track.absent, kind.absent)
        if name.startswith("notes"):
            assert (track.compute(0, 1)[0] != track.absent).any()


def test_loudness_is_a_level() -> None:
    (quiet,), (unknown,) = (make_tracks(["loudness"], Score(NO_NOTES), SECONDS, level) for level in (-28.0, None))
    assert quiet.compute(7, 2).tolist() == [[-1.0], [-1.0]]
    np.testing.assert_array_equal(unknown.compute(0, 1)[0], unknown.absent)


def test_dropout_is_a_function_of_the_example() -> None:
    chosen = np.array([choose_dropped_tracks(3, sample, 2, 0.3) for sample in range(1000)])
    assert abs(chosen.mean() - 0.3) < 0.03
    np.testing.assert_array_equal(chosen[17], choose_dropped_tracks(3, 17, 2, 0.3))
    assert not choose_dropped_tracks(3, 0, 4, 0.0).any() and choose_dropped_tracks(3, 0, 4, 1.0).all()
    values, absent = [np.ones((5, 2)), np.ones((5, 1))], [np.array([0.0, -1.0]), np.zeros(1)]
    kept, left_out = drop_tracks(values, absent, np.array([False, True]))
    assert kept is values[0] and left_out.shape == (5, 1) and not left_out.any()


def test_names_that_are_no_tracks_are_refused() -> None:
    with pytest.raises(ConfigError, match="there is no track 'note'; there are notes"):
        make_tracks(["note"], Score(NO_NOTES), SECONDS)
    with pytest.raises(ConfigError, match="once"):
        make_tracks(["notes", "notes"], Score(NO_NOTES), SECONDS)


def test_levels_come_from_a_manifest(tmp_path: Path) -> None:
    assert read_levels(tmp_path) == {}
    (tmp_path / "manifest.json").write_text('{"pairs": {"a/b": {"level": -14.5, "scale": 2}}}')
    assert read_levels(tmp_path) == {"a/b": -14.5}
    for content in ("", "[]", '{"pairs": []}', '{"pairs": {"a": {}}}', '{"pairs": {"a": {"level": "loud"}}}'):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(ScoreError, match=r"manifest\.json cannot be read"):
            read_levels(tmp_path)
