"""Composed pieces as audio: any start, length and order gives the same samples; notes, settings, checkpoints."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from musika import render
from musika.__main__ import main
from musika.codec.load import load_codec
from musika.composer.piece import ComposedScore
from musika.errors import MusikaError, UsageError
from musika.render.composed import ComposedModel
from musika.score import read_score
from musika.tracks import make_tracks
from tests.helpers import tiny
from tests.helpers.composers import make_tiny_composer, write_composer
from tests.helpers.scores import make_score
from tests.render.test_performing import make_model as make_performer_model

LATENT = 16  # samples, of the codec of these tests


@cache
def make_model() -> ComposedModel:
    performer = make_performer_model()
    parts = {name: getattr(performer, name) for name in ("config", "perform", "styles", "style_names", "codec", "name")}
    return ComposedModel(**parts, composer=make_tiny_composer())


def test_any_start_length_and_order_gives_the_same_samples() -> None:
    piece = make_model().piece(4)
    whole = piece.render_samples(0, 9000)
    assert np.abs(whole).max() > 0
    for first, count in ((8000, 1000), (4123, 2000)):
        again = make_model().piece(4).render_samples(first, count)
        assert np.array_equal(again, whole[first : first + count])
    streamed = np.concatenate([*piece.stream_samples(700, 5000)])
    assert np.array_equal(streamed, whole[700:5700])


def test_hour_seven_is_a_function_of_its_position() -> None:
    start = 7 * 3600 * 1000
    whole = make_model().piece(4).render_samples(start, 3000)
    assert np.array_equal(make_model().piece(4).render_samples(start + 2000, 1000), whole[2000:3000])
    assert not np.array_equal(make_model().piece(5).render_samples(start, 3000), whole)


@pytest.mark.parametrize("first", [0, 2000, 1_000_000])
def test_tracks_of_a_group_are_those_of_a_longer_score(first: int) -> None:
    model = make_model()
    piece = model.piece(4)
    source = model.make_latents(piece)
    start = first * 0.016
    score = model.compose(piece).get_score(max(start - 60, 0), start + 80)
    tracks = make_tracks(model.config.tracks, score, 0.016)
    expected = np.concatenate([track.compute(first, 300) for track in tracks], axis=1)
    np.testing.assert_array_equal(source.compute_tracks(first, 300), expected)


def test_the_score_is_what_is_played(tmp_path: Path) -> None:
    piece = make_model().piece(4)
    score = piece.score(100.0, 20.0)
    whole = piece.score(0.0, 130.0).notes
    inside = (whole.onsets >= 100) & (whole.onsets < 120)
    assert len(score.notes) == inside.sum() > 10
    np.testing.assert_allclose(score.notes.onsets, whole.onsets[inside] - 100)
    back = read_score(score.save(tmp_path / "part.mid"))
    np.testing.assert_allclose(back.notes.onsets, score.notes.onsets, atol=1e-3)
    assert piece.duration is None


def test_settings_and_melody_change_the_piece() -> None:
    model = make_model()
    plain = model.piece(4, tempo=80)
    assert model.compose(plain).plan.frame.tempo == pytest.approx(80, rel=0.01)
    melody = make_score(bars=4, tonic=72)
    sung = model.piece(4, melody=melody, tempo=120, metre="4/4")
    first = model.compose(sung).get_score(0, 7)
    tops = {int(pitch) for pitch in melody.notes.pitches if pitch >= 72}
    assert tops <= set(first.notes.pitches.tolist())
    again = model.piece(4, melody=melody, tempo=120, metre="4/4")
    assert again.render(0, 1).tobytes() == sung.render(0, 1).tobytes()


def list_notes(piece: render.Piece, start: float = 0.0, seconds: float = 60.0) -> tuple[list[int], list[int]]:
    notes = piece.score(start, seconds).notes
    return notes.pitches.tolist(), notes.velocities.tolist()


def test_truncation_variation_and_style_seed() -> None:
    model = make_model()
    pitches, velocities = list_notes(model.piece(4))
    assert list_notes(model.piece(4, truncation=2.0, variation=1.0, style_seed=4)) == (pitches, velocities)
    other = list_notes(model.piece(4, style_seed=9))  # the same notes with another touch
    assert sorted(other[0]) == sorted(pitches) and other[1] != velocities
    assert list_notes(model.piece(4, truncation=0.5))[0] != pitches
    plans = [model.compose(model.piece(4, variation=amount)).plan for amount in (0.0, 1.0)]
    themes = [{plan.plan_section(number).theme.number for number in range(80)} for plan in plans]
    assert themes[0] <= {0, 1, 2, 3} and len(themes[1]) > 10
    assert all(all(plans[0].plan_section(number).kept) for number in range(80))


def test_what_cannot_be_met_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    model = make_model()
    for values, text in (
        ({"metre": "7/8"}, "7/8"),
        ({"speed": 3}, "no setting 'speed'"),
        ({"key": "H"}, "key"),
        ({"melody": tmp_path / "nothing.mid"}, "nothing.mid"),
    ):
        with pytest.raises(MusikaError, match=text):
            model.piece(1, **values)
    with pytest.raises(UsageError, match="setting of composed pieces"):
        model.play(make_score(), tempo=90)
    played = model.play(make_score(), 3, touch=0.0)
    again = model.play(make_score(), 3, **played.settings.to_dict())  # as `verify` plays it again
    assert again.settings == played.settings
    assert again.render(0, 0.1).tobytes() == played.render(0, 0.1).tobytes()


@pytest.fixture(scope="module")
def folder(shipped: Path) -> Path:
    """A performer with a composer, beside the tiny codec."""
    folder = tiny.write_performer(shipped / "composed", load_codec(shipped / "ae").identity)
    write_composer(folder / "composer")
    return folder


def test_generate_writes_audio_and_notes(folder: Path, tmp_path: Path) -> None:
    words = ["--load_path", str(folder), "--save_path", str(tmp_path), "--seconds", "3", "--seed", "2"]
    assert main("generate", [*words, "--score", "True"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["composed-seed-2.mid", "composed-seed-2.wav"]
    assert isinstance(render.load_model(folder), ComposedModel)
    score = read_score(tmp_path / "composed-seed-2.mid")
    expected = render.load_model(folder).piece(2).score(0, 3)
    assert score.notes.pitches.tolist() == expected.notes.pitches.tolist()


def test_generate_writes_loops_that_can_be_made_again(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["--load_path", str(folder), "--save_path", str(tmp_path), "--loop", "True", "--seed", "2"]
    assert main("generate", [*words, "--seconds", "9", "--score", "True", "--tempo", "120"]) == 0
    assert "in tempo), the nearest to 9 s that can loop" in capsys.readouterr().out
    score = make_score(bars=1).save(tmp_path / "song.mid")
    assert main("generate", [*words, "--midi", str(score), "--format", "flac"]) == 0
    assert "a loop of 2.043 s, up to the next bar line" in capsys.readouterr().out
    assert main("generate", [*words, "--midi", str(score), "--seconds", "9"]) == 2
    assert "leave out --seconds" in capsys.readouterr().err
    for name in ("composed-seed-2-loop.wav", "song-seed-2-loop.flac"):
        assert main("verify", [str(tmp_path / name), "--load_path", str(folder)]) == 0
        assert "every sample is the same" in capsys.readouterr().out


def test_generate_refuses_what_does_not_fit(folder: Path, shipped: Path, tmp_path: Path, capsys) -> None:
    words = ["--save_path", str(tmp_path), "--seconds", "1", "--seed", "2"]
    assert main("generate", [*words, "--load_path", str(folder), "--styles", "3"]) != 0
    assert "composed has no styles: --load_path checkpoints/open has, or leave out --styles" in capsys.readouterr().err
    assert main("generate", [*words, "--load_path", str(shipped / "open"), "--score", "True"]) != 0
    assert "without notes" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.mid"))


def test_a_stream_that_is_left_ends_what_is_composed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, closed = make_model(), []
    close = ComposedScore.close
    monkeypatch.setattr(ComposedScore, "close", lambda score: closed.append(score) or close(score))
    for piece in (model.piece(5), model.piece(5).make_loop(20.0)):
        stream = piece.stream(0.0)
        first = next(stream)
        assert not closed
        stream.close()
        assert len(closed) == 1 and closed.pop()._is_closed.is_set()
        np.testing.assert_array_equal(first, piece.render_samples(0, len(first)))
        closed.clear()
