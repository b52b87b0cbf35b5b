"""The shipped performer plays what it is told: pitches, velocities, silence. Skipped where it is not shipped."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import musika
from musika import checkpoint
from musika.render import PerformerModel
from musika.score import Notes, Score

PIANO = Path(__file__).resolve().parents[2] / "checkpoints" / "piano"
pytestmark = pytest.mark.skipif(not PIANO.is_dir(), reason="no performer is shipped")


@pytest.fixture(scope="module")
def model() -> PerformerModel:
    loaded = musika.load(PIANO)
    assert isinstance(loaded, PerformerModel)
    return loaded


def make_score(pitches: list[int], velocities: list[int], distance: float = 1.0) -> Score:
    """Notes of half a second."""
    onsets, zeros = np.arange(len(pitches)) * distance, np.zeros(len(pitches), int)
    return Score(Notes(onsets, onsets + 0.5, np.array(pitches), np.array(velocities), zeros, zeros > 0))


def play(model: PerformerModel, score: Score, style: int = 1) -> np.ndarray:
    """The mean of both channels, in seconds `[S, 44100]`, and the tail."""
    waveform = model.play(score, style=style, touch=0.0).render(0.0, len(score.notes) + 3.0)
    return waveform.mean(axis=1).reshape(-1, model.sample_rate)


def test_it_is_half_precision_and_has_a_card_and_a_licence() -> None:
    checkpoint.verify(PIANO)
    assert checkpoint.read_config(PIANO)["licence"]
    assert (PIANO / "README.md").is_file()
    assert (PIANO / "weights.safetensors").stat().st_size < 25e6


def test_a_louder_velocity_is_louder(model: PerformerModel) -> None:
    velocities = [20, 40, 60, 80, 100, 120]
    for pitch in (48, 60, 72):
        seconds = play(model, make_score([pitch] * len(velocities), velocities))
        loudness = np.sqrt(np.square(seconds[: len(velocities), :22_050]).mean(axis=1))
        assert (np.diff(loudness) > 0).all(), (pitch, loudness)
        assert loudness[-1] > 4 * loudness[0], "more than 12 dB from pp to ff"


def test_each_key_sounds_at_its_pitch(model: PerformerModel) -> None:
    pitches = [57, 60, 64, 69, 72, 76]
    seconds = play(model, make_score(pitches, [90] * len(pitches)))
    for second, pitch in zip(seconds, pitches, strict=False):
        spectrum = np.abs(np.fft.rfft(second[4_410:26_460] * np.hanning(22_050), 4 * 44_100))
        peak = np.argmax(spectrum) / 4
        wanted = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, 7)
        cents = np.abs(1200 * np.log2(peak / wanted)).min()
        assert cents < 40, f"key {pitch}: the strongest tone is at {peak:.1f} Hz, no partial of {wanted[0]:.1f} Hz"


def test_after_the_tail_there_is_silence(model: PerformerModel) -> None:
    piece = model.play(make_score([60, 64, 67], [90] * 3, 0.0), style=1)
    assert np.abs(piece.render(0.0, 1.0)).max() > 0.03
    assert np.abs(piece.render(12.0, 3.0)).max() < 0.01


def test_styles_differ(model: PerformerModel) -> None:
    score = make_score([60, 64], [90, 70])
    sounds = [play(model, score, style + 1) for style in range(len(model.style_names))]
    assert all(np.abs(first - second).max() > 0.01 for first, second in itertools.pairwise(sounds))
