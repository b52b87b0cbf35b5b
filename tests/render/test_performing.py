"""Playing notes: any start, length and order gives the same samples; what the seed and the settings change."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import checkpoint, render
from musika.codec.load import load_codec
from musika.config import PerformerConfig
from musika.errors import CheckpointError, MusikaError, ScoreError, UsageError
from musika.gan.performer_load import describe_performer
from musika.render.performer import TAIL, PerformerModel, compile_performer, vary_touch
from musika.score import Notes, Pedals, Score
from tests.helpers import tiny

pytestmark = pytest.mark.backend

CONFIG, STYLES = tiny.PERFORMER, tiny.STYLES


@cache
def make_model(config: PerformerConfig = CONFIG) -> PerformerModel:
    network = tiny.make_performer(config)
    return PerformerModel(
        config=config,
        perform=compile_performer(network),
        styles=checkpoint.get_weights(network)["styles"],
        style_names=STYLES,
        codec=tiny.FakeCodec(),
        name="tiny",
    )


def make_score(*notes: tuple[float, float, int, int], drums: bool = False, program: int = 0) -> Score:
    """A score of (onset, length, pitch, velocity)."""
    onsets, lengths, pitches, velocities = np.array(sorted(notes), float).reshape(-1, 4).T
    flags = np.full(len(onsets), drums)
    programs = np.full(len(onsets), program)
    return Score(Notes(onsets, onsets + lengths, pitches.astype(int), velocities.astype(int), programs, flags))


note = st.tuples(st.floats(0, 6), st.floats(0.01, 3), st.integers(0, 127), st.integers(1, 127))
span = st.tuples(st.integers(0, 9000), st.integers(0, 9000))


@settings(max_examples=20)
@given(notes=st.lists(note, min_size=1, max_size=30), pedal=st.lists(st.floats(0, 6), max_size=4), spans=st.lists(span))
def test_any_start_length_and_order_gives_the_same_samples(notes, pedal, spans) -> None:
    score = make_score((0.5, 1.0, 60, 80), *notes)
    values = np.arange(len(pedal)) % 2 == 0
    score = Score(score.notes, Pedals(np.sort(pedal), values.astype(float), np.zeros(len(pedal), int)))
    piece = make_model().play(score, seed=3)
    whole = piece.render_samples(0, 9000)
    for ends in spans:
        first, stop = sorted(ends)
        assert np.array_equal(piece.render_samples(first, stop - first), whole[first:stop])
    streamed = [block for block in make_model().play(score, seed=3).stream(1.234, 5.0)]
    assert np.array_equal(np.concatenate(streamed), whole[1234:6234])


def render_without_levels(piece: render.Piece, count: int) -> np.ndarray:
    return np.concatenate(list(piece.stream_without_levels(0, count)))


def test_it_is_what_the_network_plays_of_the_whole_score() -> None:
    """Against the network on all latents at once, without windows."""
    from musika.tracks import make_tracks

    score, model, count = make_score((0.1, 0.4, 60, 90), (2.0, 2.0, 64, 30)), make_model(), 300
    tracks = make_tracks(CONFIG.tracks, score, 0.016)
    context = CONFIG.context
    values = np.concatenate([track.compute(-context, count + 2 * context) for track in tracks], axis=1)
    latents = np.asarray(tiny.make_performer()(values[None], model.styles[1:2]))[0, context:-context]
    expected = model.codec.decode(np.clip(latents, -1, 1))
    samples = (count - model.codec.context) * model.codec.hop_total
    played = render_without_levels(model.play(score, style=2, touch=0.0), samples)
    np.testing.assert_allclose(played, expected[:samples], atol=1e-4)


def test_what_is_played_later_changes_nothing_before() -> None:
    """Beyond the performer's and the decoder's contexts."""
    reach = (CONFIG.context + tiny.FakeCodec.context + 1) * 16
    scores = make_score((0.5, 1.0, 60, 80)), make_score((0.5, 1.0, 60, 80), (4.0, 1.0, 50, 80))
    first, second = (render_without_levels(make_model().play(score, touch=0.0), 6000) for score in scores)
    assert np.array_equal(first[: 4000 - reach], second[: 4000 - reach]) and not np.array_equal(first, second)


def test_a_piece_lasts_as_long_as_its_score_and_a_tail(tmp_path: Path) -> None:
    piece = make_model().play(make_score((0.5, 2.0, 60, 80)))
    assert piece.duration == 2.5 + TAIL
    assert sum(map(len, piece.stream())) == round(1000 * (2.5 + TAIL))
    assert sum(map(len, piece.stream(5.0))) == 500
    written = piece.save(tmp_path / "song.wav", start=1.0)
    assert written.samples == 4500
    assert piece.render_samples(100_000, 10).shape == (10, 2), "silence after the end"


def test_the_score_is_handed_out_as_it_was_given() -> None:
    piece = make_model().play(make_score((0.5, 1.0, 60, 80), (4.0, 1.0, 50, 70)), seed=9)
    part = piece.score(3.0, 10.0)
    assert part.notes.onsets.tolist() == [1.0] and part.notes.velocities.tolist() == [70]


def test_the_seed_chooses_style_and_touch() -> None:
    score = make_score(*((n / 4, 0.2, 60 + n, 80) for n in range(8)))
    model = make_model()
    assert {model.choose_style(seed, 0) for seed in range(40)} == {0, 1, 2}
    assert [model.choose_style(5, style) for style in (1, 2, 3)] == [0, 1, 2]
    same, again = (model.play(score, seed=2).render(0, 2) for _ in range(2))
    assert np.array_equal(same, again)
    assert not np.array_equal(same, model.play(score, seed=3).render(0, 2))
    plain = [model.play(score, seed=seed, style=1, touch=0.0).render(0, 2) for seed in (2, 3)]
    assert np.array_equal(*plain), "nothing is left to choose"


def test_touch_changes_velocities_a_little() -> None:
    score = make_score(*((n / 100, 0.2, 60, 64) for n in range(500)), (9.0, 0.1, 60, 127), (9.5, 0.1, 60, 1))
    change = vary_touch(score, 1, 2.0).notes.velocities - score.notes.velocities
    assert 4 < change[:500].std() < 6 and abs(change[:500].mean()) < 1
    assert np.array_equal(vary_touch(score, 1, 0.0).notes.velocities, score.notes.velocities)
    velocities = vary_touch(score, 1, 10.0).notes.velocities
    assert velocities.min() >= 1 and velocities.max() <= 127


# ------------------------------------------------------------------------------------------------ what is refused


def test_scores_without_notes_to_play_are_refused(tmp_path: Path) -> None:
    model = make_model()
    for score in (make_score(), make_score((0, 1, 40, 80), drums=True), make_score((0, 1, 5, 80), (0, 1, 120, 80))):
        with pytest.raises(UsageError, match="no notes that tiny can play: it plays the keys of a piano"):
            model.play(score)
    (tmp_path / "song.mid").write_bytes(b"no MIDI at all")
    with pytest.raises(ScoreError, match="MIDI"):
        model.play(tmp_path / "song.mid")
    with pytest.raises(ScoreError):
        model.play(str(tmp_path / "nowhere.mid"))


def test_settings_that_cannot_be_are_refused() -> None:
    score = make_score((0, 1, 60, 80))
    for values, text in (({"style": 4}, "tiny has 3"), ({"touch": -1.0}, "touch"), ({"truncation": 1.0}, "truncation")):
        with pytest.raises(UsageError, match=text):
            make_model().play(score, **values)
    with pytest.raises(UsageError, match="plays MIDI files"):
        make_model().piece(3)


def test_what_is_not_played_is_said() -> None:
    model = make_model()
    assert model.list_remarks(make_score((0, 1, 60, 80))) == []
    score = make_score((0, 1, 60, 80), (1, 1, 5, 80)).merge(make_score((0, 1, 40, 80), drums=True))
    assert model.list_remarks(score) == ["2 of 3 notes are not played: it plays the keys of a piano, and no drums"]


def test_a_performer_of_some_families_plays_these_alone() -> None:
    config = PerformerConfig(
        channels=4, tracks=("notes/strings", "notes/drums"), track_widths=(976, 976), width=8, dilations=(1,), styles=3
    )
    model = make_model(config)
    strings, piano = make_score((0, 1, 60, 80), program=48), make_score((0, 1, 60, 80), program=0)
    both = strings.merge(piano).merge(make_score((0, 1, 40, 80), drums=True))
    assert model.find_playable(both).sum() == 2
    with pytest.raises(UsageError, match="it plays strings, drums"):
        model.play(piano)
    assert np.array_equal(model.play(both, touch=0.0).render(0, 1), model.play(both, touch=0.0).render(0, 1))


# ---------------------------------------------------------------------------------------------------- checkpoints


@pytest.fixture(scope="module")
def folder(shipped: Path) -> Path:
    """A performer beside the tiny codec."""
    return tiny.write_performer(shipped / "piano", load_codec(shipped / "ae").identity)


def test_a_checkpoint_is_loaded_by_its_kind(folder: Path) -> None:
    import musika

    model = musika.load(folder)
    assert isinstance(model, PerformerModel) and model.style_names == STYLES and model.name == "piano"
    assert model.play(make_score((0, 1, 60, 80))).render(0, 0.1).shape == (4410, 2)
    with pytest.raises(UsageError, match="small belongs to generators"):
        render.load_model(folder, sizes={"small": True})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"codec_identity": "0" * 16}, "trained on latents of codec"),
        ({"config": {**CONFIG.to_dict(), "tracks": ["notes", "smell"]}}, "no track 'smell'"),
        ({"config": {**CONFIG.to_dict(), "track_widths": [975, 2]}}, "here they have"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(folder: Path, tmp_path: Path, changes, text) -> None:
    described = describe_performer(CONFIG, load_codec(folder.parent / "ae").identity, STYLES) | changes
    checkpoint.write(tmp_path / "piano", described, {"weights": checkpoint.get_weights(tiny.make_performer())})
    with pytest.raises((CheckpointError, MusikaError), match=text):
        render.load_model(tmp_path / "piano", folder.parent / "ae")
