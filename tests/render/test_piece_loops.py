"""Loops of pieces with notes: whole sections of composed music, whole bars of a score, and decoders at the seam."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from musika import draws
from musika.composer.looping import LoopedScore, hold_end
from musika.composer.plan import Plan
from musika.composer.sections import SectionNotes
from musika.score import Metres, Notes, Pedals, Score, TempoMap, find_end_of_last_bar, make_constant_tempo, repeat_score
from tests.helpers import tiny
from tests.helpers.scores import make_score
from tests.render.test_composed import make_model
from tests.render.test_performing import make_model as make_performer_model

LATENT = 16  # samples of the codec of the models here, at 1000 Hz


def test_a_loop_of_a_composed_piece_is_whole_sections() -> None:
    piece = make_model().piece(4)
    plan = make_model().compose(piece).plan
    for seconds, sections in ((1.0, 1), (2.4 * plan.get_start(1), 2), (5.0 * plan.get_start(1), 5)):
        loop = piece.make_loop(seconds)
        composed = make_model().compose(loop)
        assert isinstance(composed, LoopedScore) and composed.plan.sections == sections
        assert loop.loop_seconds == pytest.approx(sections * plan.get_start(1), abs=loop.model.codec.loop_step * 0.008)
        assert loop.make_loop(loop.loop_seconds) == loop and loop.duration is None
    with_tempo = make_model().piece(4, tempo=100, metre="4/4").make_loop(30.0)
    beats = with_tempo.loop_seconds / 0.6
    assert beats == pytest.approx(round(beats / 32) * 32, abs=0.2)
    assert make_model().describe_loop(with_tempo).startswith("2 sections, ")


@pytest.mark.parametrize("kind", ["composed", "played"])
def test_a_loop_is_a_function_of_position(kind: str) -> None:
    model = make_model() if kind == "composed" else make_performer_model()
    piece = model.piece(4).make_loop(9.0) if kind == "composed" else model.play(make_score(bars=2), 4).make_loop()
    size = piece.loop * LATENT
    turn = piece.render_samples(0, size)
    assert np.abs(turn).max() > 0
    np.testing.assert_array_equal(piece.render_samples(size - 500, 1000), np.roll(turn, 500, axis=0)[:1000])
    np.testing.assert_array_equal(piece.render_samples(7 * size + 1234, 100), turn[1234:1334])


@pytest.mark.parametrize("kind", ["composed", "played"])
def test_tracks_and_latents_go_around(kind: str) -> None:
    """Before the beginning, a source has what the end of the loop has: the last notes ring over the first ones."""
    if kind == "composed":
        piece = make_model().piece(4, tempo=90).make_loop(9.0)
    else:
        piece = make_performer_model().play(make_score(bars=2), 4).make_loop()
    source = piece.model.make_latents(piece)
    before, end = source.compute_tracks(-40, 40), source.compute_tracks(piece.loop - 40, 40)
    after, begin = source.compute_tracks(piece.loop, 40), source.compute_tracks(0, 40)
    assert np.abs(before).max() > 0 and np.abs(begin).max() > 0
    # times are sums in another order: a note may begin in the next eighth of a latent
    assert np.mean(np.abs(before - end) > 1e-6) < 1e-3 and np.mean(np.abs(after - begin) > 1e-6) < 1e-3


def test_the_score_of_a_loop_goes_around() -> None:
    loop = make_model().piece(4, tempo="0:00=80, 0:06=120").make_loop(9.0)
    one, both = loop.score(0.0, loop.loop_seconds), loop.score(0.0, 2 * loop.loop_seconds)
    count = len(one.notes)
    assert count > 5 and len(both.notes) == 2 * count
    np.testing.assert_allclose(both.notes.onsets[count:], one.notes.onsets + loop.loop_seconds)
    beats = both.tempo.to_beats(loop.loop_seconds)
    np.testing.assert_allclose(both.beats[count:], both.beats[:count] + beats)
    later = loop.score(3 * loop.loop_seconds, loop.loop_seconds)
    np.testing.assert_allclose(later.notes.onsets, one.notes.onsets)


def test_the_last_section_of_a_loop_leads_to_the_first() -> None:
    for seed in range(6):
        loop = make_model().piece(seed).make_loop(30.0)
        plan = make_model().compose(loop).plan
        assert not plan.plan_section(plan.sections - 1).closes


@pytest.mark.parametrize("sections", [1, 2, 5, 8, 12])
def test_dynamics_of_a_loop_go_around(sections: int) -> None:
    plan = make_model().compose(make_model().piece(4)).plan
    loop = Plan(
        4, plan.settings, plan.clock.section_seconds / plan.frame.section_latents, 1.0, plan.get_start(sections)
    )
    assert loop.sections == sections
    chances = [loop.plan_section(number).dynamics for number in range(sections)]
    drawn = [0.8 * (draws.uniform(4, "composer/section plan", number, (8,))[4] - 0.5) for number in range(sections)]
    steps = np.diff(np.array(chances) - drawn, append=chances[0] - drawn[0])
    assert abs(steps[-1]) <= np.abs(steps[:-1]).max(initial=0.0) + 1e-6 and np.abs(steps).max() < 0.6


def test_a_loop_does_not_fall_silent_before_its_seam() -> None:
    onsets, durations = np.array([0, 0, 12, 24, 24]), np.array([40, 3, 3, 3, 6])
    notes = SectionNotes(onsets, durations, np.array([40, 50, 60, 62, 70]), np.full(5, 3))
    assert hold_end(notes, 48) is notes  # one still sounds in the last beat
    assert hold_end(notes.select(np.arange(1, 5)), 48).durations.tolist() == [3, 3, 24, 24]
    assert len(hold_end(notes.select(np.zeros(5, bool)), 48)) == 0


def test_a_score_loops_after_its_last_bar() -> None:
    score = make_score(bars=3)  # of two seconds
    assert find_end_of_last_bar(score) == pytest.approx(6.0)
    piece = make_performer_model().play(score, 4)
    assert piece.make_loop().loop_seconds == pytest.approx(6.0, abs=0.064)
    assert piece.make_loop(100.0) == piece.make_loop()
    upbeat = Score(score.notes.replace(onsets=score.notes.onsets + 0.5, releases=score.notes.releases + 0.5))
    assert find_end_of_last_bar(upbeat) == pytest.approx(6.5)  # no metre: the end of the last note
    held = score.notes.replace(releases=np.where(score.notes.onsets > 4, 6.9, score.notes.releases))
    assert find_end_of_last_bar(Score(held, tempo=score.tempo, metres=score.metres)) == pytest.approx(8.0)


def test_a_repeated_score_keeps_beats_and_lifts_pedals() -> None:
    notes = Notes(*np.array([[0.5, 2.5, 60, 80, 0, 0], [1.5, 1.9, 64, 80, 0, 0]]).T)
    pedals = Pedals(np.array([0.4]), np.ones(1), np.zeros(1))
    tempo = TempoMap(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([0.5, 1.0]))
    metres = Metres(np.zeros(1), np.array([3]), np.array([4]))
    twice = repeat_score(Score(notes, pedals, tempo, metres), 2.0, 2.2, 2)
    np.testing.assert_allclose(twice.notes.onsets, [0.55, 1.65, 2.75, 3.85])
    np.testing.assert_allclose(twice.beats, [1.0, 2.5, 4.0, 5.5])
    np.testing.assert_allclose(twice.pedals.times, [0.44, 2.2, 2.64, 4.4])
    assert twice.pedals.values.tolist() == [1, 0, 1, 0] and twice.metres.beats.tolist() == [0, 3]
    assert make_constant_tempo(60).to_beats(2.0) == 2  # seconds are beats where nothing else is said


def test_the_seam_of_a_composed_loop_is_like_any_other_place() -> None:
    """Steps from sample to sample, spectral flux and changes of level rank among those of all borders of latents."""
    model = dataclasses.replace(make_model(), codec=tiny.make_stereo_codec())
    hop, ranks = model.codec.hop_total, []
    for seed in range(5):
        loop = model.piece(seed, tempo=133).make_loop(7.0)
        assert loop.loop % model.codec.block  # the seam lies within a window of the decoder
        turn = loop.render_samples(0, loop.loop * hop).mean(axis=1)
        frames = np.roll(turn, hop // 2).reshape(-1, hop)  # each around a border of latents
        spectra = np.log(np.abs(np.fft.rfft(frames.reshape(len(frames), 2, -1) * np.hanning(hop // 2))) + 1e-4)
        levels = np.log(np.square(turn).reshape(-1, hop).mean(axis=1))
        steps = np.abs(turn[::hop] - turn[np.arange(-1, len(turn) - 1, hop)])
        flux = np.abs(np.diff(spectra, axis=1)).mean(axis=(1, 2))
        changes = np.abs(levels - np.roll(levels, 1))
        ranks.append([np.mean(values[1:] < values[0]) for values in (steps, flux, changes)])
    middle = np.median(ranks, axis=0)
    assert ((middle > 0.05) & (middle < 0.95)).all(), ranks
