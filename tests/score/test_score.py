"""Scores: what is written is read again, and cutting, moving and joining do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.errors import ScoreError
from musika.score import (
    NO_PEDALS,
    Metres,
    Notes,
    Pedals,
    Score,
    TempoMap,
    find_ends,
    join_notes,
    make_constant_tempo,
    read_score,
)

TICK = 0.5 / 960  # seconds at 120 beats a minute


def make_notes(*rows: tuple[float, float, int], program: int = 0, velocity: int = 80, is_drum: bool = False) -> Notes:
    """Notes from onset, release and pitch."""
    onsets, releases, pitches = np.array(rows, float).reshape(-1, 3).T
    count = len(onsets)
    return Notes(onsets, releases, pitches, np.full(count, velocity), np.full(count, program), np.full(count, is_drum))


def make_pedals(*rows: tuple[float, float, int]) -> Pedals:
    return Pedals(*np.array(rows, float).reshape(-1, 3).T)


@st.composite
def draw_score(draw: st.DrawFn) -> Score:
    """Up to 20 notes in steps of a tick, no key struck while it is down, and pedal events."""
    programs = draw(st.lists(st.integers(0, 127), min_size=1, max_size=15, unique=True))
    rows = []
    free: dict[tuple[int, bool, int], int] = {}
    now = 0
    for _ in range(draw(st.integers(1, 20))):
        now += draw(st.sampled_from([0, 1, 480, 5000]))
        program, pitch, is_drum = draw(st.sampled_from(programs)), draw(st.integers(0, 127)), draw(st.booleans())
        key = (0 if is_drum else program, is_drum, pitch)
        if free.get(key, -1) < now:
            end = now + draw(st.sampled_from([0, 1, 300, 20_000]))
            free[key] = end
            rows.append((now * TICK, end * TICK, pitch, draw(st.integers(1, 127)), program, is_drum))
    columns = np.array(rows, float).T
    order = np.lexsort((columns[2], columns[0]))
    pedals, level = [], {program: 0 for program in programs}
    for i in range(draw(st.integers(0, 6))):
        program = draw(st.sampled_from(programs))
        level[program] = draw(st.integers(0, 127).filter(lambda value, old=level[program]: value != old))
        pedals.append((i * 700 * TICK, level[program] / 127, program))
    return Score(Notes(*(column[order] for column in columns)), make_pedals(*pedals))


@settings(max_examples=40, deadline=None)
@given(score=draw_score())
def test_what_is_written_is_read_again(score: Score, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.mid"
    again = read_score(score.save(path))
    for name in ("onsets", "releases", "pitches", "velocities", "is_drum"):
        first, second = (sort_notes(notes)[name] for notes in (score.notes, again.notes))
        np.testing.assert_allclose(second, first, atol=1e-6, err_msg=name)
    melodic = ~sort_notes(score.notes)["is_drum"].astype(bool)
    programs = [sort_notes(notes)["programs"][melodic] for notes in (score.notes, again.notes)]
    np.testing.assert_array_equal(*programs)
    for program in np.unique(score.pedals.programs):
        first, second = (s.pedals.select(s.pedals.programs == program) for s in (score, again))
        np.testing.assert_allclose(second.times, first.times, atol=1e-6)
        np.testing.assert_allclose(second.values, first.values)


def test_many_instruments_share_channels(tmp_path: Path) -> None:
    parts = [make_notes((0.5 * program, 0.5 * program + 2, 30 + program), program=program) for program in range(40)]
    score = Score(join_notes(parts), make_pedals(*((5.25 + program, 1, program) for program in range(30))))
    again = read_score(score.save(tmp_path / "a.mid"))
    np.testing.assert_array_equal(again.notes.programs, score.notes.programs)
    np.testing.assert_allclose(again.notes.releases, score.notes.releases, atol=1e-6)
    np.testing.assert_array_equal(again.pedals.programs, score.pedals.programs)


def sort_notes(notes: Notes) -> dict[str, np.ndarray]:
    """The columns in an order that does not depend on which part was written first."""
    order = np.lexsort((notes.programs, notes.is_drum, notes.pitches, np.rint(notes.onsets / TICK)))
    return {name: np.asarray(column)[order] for name, column in vars(notes).items()}


def test_tempo_and_metre_are_kept(tmp_path: Path) -> None:
    tempo = TempoMap(np.array([0.0, 1.2]), np.array([0.0, 3.0]), np.array([0.4, 0.75]))
    metres = Metres(np.array([0.0, 3.0]), np.array([3, 6]), np.array([4, 8]))
    score = Score(make_notes((0, 0.4, 60), (1.2, 2.7, 64)), tempo=tempo, metres=metres)
    again = read_score(score.save(tmp_path / "a.mid"))
    np.testing.assert_allclose(again.tempo.seconds, tempo.seconds)
    np.testing.assert_allclose(again.tempo.seconds_per_beat, tempo.seconds_per_beat)
    np.testing.assert_allclose(again.beats, [0, 3])
    assert again.metres.denominators.tolist() == [4, 8] and again.metres.find_bars(9).tolist() == [0, 3, 6, 9]


def test_a_part_is_written_with_its_beats(tmp_path: Path) -> None:
    """From the middle of a beat: seconds are kept, and notes on beats stay on beats and bars on bars."""
    score = Score(
        make_notes(*((k * 0.5, k * 0.5 + 0.4, 60 + k) for k in range(12))),
        metres=Metres(np.zeros(1), np.array([4]), np.array([4])),
    )
    part = score.slice(1.2, 5.0).shift(-1.2)
    again = read_score(part.save(tmp_path / "a.mid"))
    np.testing.assert_allclose(again.notes.onsets, part.notes.onsets, atol=1e-4)
    assert again.notes.pitches.tolist() == list(range(63, 70))
    np.testing.assert_allclose(again.beats % 1, 0, atol=1e-3)
    bars = again.tempo.to_seconds(again.metres.find_bars(20.0))
    assert np.abs(bars - 0.8).min() < 1e-4  # the bar line at second 2 of the whole


def test_a_slice_releases_notes_and_knows_the_pedal() -> None:
    score = Score(make_notes((0, 5, 60), (1, 3, 62), (2, 9, 64)), make_pedals((0.5, 1, 0), (2.5, 0, 0), (4, 1, 0)))
    part = score.slice(1.0, 3.5)
    assert part.notes.pitches.tolist() == [62, 64] and part.notes.releases.tolist() == [3.0, 3.5]
    assert part.pedals.times.tolist() == [1.0, 2.5] and part.pedals.values.tolist() == [1, 0]
    assert len(score.slice(20, 30).notes) == 0 and score.slice(20, 30).duration == 0


def test_shift_and_merge() -> None:
    score = Score(make_notes((1, 2, 60)), make_pedals((1, 1, 0)))
    later = score.shift(2.0)
    assert later.notes.onsets.tolist() == [3] and later.pedals.times.tolist() == [3]
    np.testing.assert_allclose(later.beats, score.beats)
    with pytest.raises(ScoreError, match="not negative"):
        score.shift(-1.5)
    both = later.merge(Score(make_notes((2, 4, 70), program=40), remarks=("one",)))
    assert both.notes.onsets.tolist() == [2, 3] and both.notes.programs.tolist() == [40, 0]
    assert both.remarks == ("one",)


def test_endless_music_has_scores_at_any_hour() -> None:
    score = Score(make_notes((0, 1, 60))).shift(1000 * 3600.0)
    assert score.duration == 1000 * 3600 + 1
    assert score.slice(1000 * 3600.0, 1001 * 3600.0).shift(-1000 * 3600.0).notes.onsets.tolist() == [0]


def test_a_pedal_holds_notes() -> None:
    notes = make_notes((0, 1, 60), (0.2, 0.4, 62), (3, 4, 64))
    np.testing.assert_allclose(find_ends(notes, make_pedals((0.5, 1, 0), (2, 0.4, 0), (3.5, 0.6, 0))), [2, 0.4, 4])
    np.testing.assert_allclose(find_ends(notes, make_pedals((0.5, 1, 0))), [4, 0.4, 4])
    np.testing.assert_allclose(find_ends(notes, make_pedals((0, 1, 0), (1, 0, 0))), [1, 1, 4])
    np.testing.assert_allclose(find_ends(notes, NO_PEDALS), notes.releases)


def test_a_pedal_holds_only_its_instrument() -> None:
    score = Score(make_notes((0, 1, 60)).select(np.array([0])), make_pedals((0, 1, 5), (9, 0, 5)))
    assert score.duration == 1
    assert Score(make_notes((0, 1, 60), program=5), score.pedals).duration == 9


def test_a_pedal_that_is_never_lifted_holds_to_the_end_of_the_score() -> None:
    score = Score(make_notes((0, 1, 60), program=5), make_pedals((0, 1, 5))).merge(Score(make_notes((6, 8, 60))))
    ends = [find_ends(notes, pedals, score.last_event).tolist() for notes, pedals in score.split_programs()]
    assert ends == [[8], [8]]
    assert Score(make_notes((0, 1, 60), program=5), make_pedals((0, 1, 5))).duration == 1


def test_a_constant_tempo_keeps_seconds(tmp_path: Path) -> None:
    tempo = TempoMap(np.array([0.0, 1.0]), np.array([0.0, 3.1]), np.array([1 / 3.1, 0.7]))
    score = Score(make_notes((0.5, 1.5, 60), (2, 3, 64)), tempo=tempo).with_constant_tempo()
    again = read_score(score.save(tmp_path / "a.mid"))
    assert len(again.tempo.seconds) == 1
    np.testing.assert_allclose(again.notes.onsets, [0.5, 2], atol=TICK)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([(-1.0, 2.0, 60)], "not negative"),
        ([(2.0, 1.0, 60)], "released before it begins"),
        ([(2.0, 3.0, 60), (1.0, 3.0, 60)], "ascending"),
        ([(1.0, 3.0, 128)], "pitches of notes must be from 0 to 127"),
        ([(float("nan"), 3.0, 60)], "finite"),
        ([(36_000_001.0, 36_000_002.0, 60)], "beyond 10,000 hours"),
    ],
)
def test_impossible_notes_are_refused(rows: list[tuple[float, float, int]], part: str) -> None:
    with pytest.raises(ScoreError, match=part):
        make_notes(*rows)


def test_impossible_tempi_metres_and_pedals_are_refused() -> None:
    with pytest.raises(ScoreError, match="positive"):
        TempoMap(np.zeros(1), np.zeros(1), np.zeros(1))
    with pytest.raises(ScoreError, match="power of 2"):
        Metres(np.zeros(1), np.array([3]), np.array([5]))
    with pytest.raises(ScoreError, match="from 0 to 1"):
        make_pedals((0, 2, 0))
    assert make_constant_tempo(100).to_seconds(10.0) == pytest.approx(6.0)
