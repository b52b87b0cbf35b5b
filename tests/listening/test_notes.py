"""Notes of recordings in which several sound at once: times, beats, strengths."""

from __future__ import annotations

import numpy as np
import pytest

from musika.errors import AudioError
from musika.listening import notes as listening
from musika.listening.notes import fit_first_beat, hear_notes, measure_velocities, merge_onsets, refine_tempo
from musika.listening.recording import RATE
from tests.listening.sounds import make_recording, mix_notes

TEMPO, FIRST = 96.0, 0.41
BEAT = 60.0 / TEMPO


def list_notes(beats: int = 16) -> np.ndarray:
    """Onset, key and length of a bass and a chord in turn, as a transcriber hears them: a little early or late."""
    draw = np.random.default_rng(3)
    rows = []
    for n in range(2 * beats):
        onset = FIRST + 0.5 * n * BEAT + draw.normal(0, 0.006)
        keys = (48,) if n % 2 == 0 else (64, 67, 72)
        rows += [(onset + draw.normal(0, 0.003), key, 0.4 * BEAT) for key in keys]
    return np.array(sorted(rows))


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch):
    rows = list_notes()
    monkeypatch.setattr(listening, "transcribe_notes", lambda network, waveform, rate: rows)
    return make_recording(mix_notes([(onset, length, key) for onset, key, length in rows], 17 * BEAT + FIRST))


def test_the_beats_are_those_that_were_played(recording) -> None:
    score = hear_notes(recording, lambda window: (window, window))
    assert 60.0 / score.tempo.seconds_per_beat[0] == pytest.approx(TEMPO, rel=0.004)
    beats = score.beats[score.notes.pitches == 48]
    np.testing.assert_allclose(beats - np.rint(beats), 0.0, atol=0.05)
    assert len(score.notes) == len(list_notes()) and not score.notes.is_drum.any()


def test_a_recording_without_notes_is_one_line(monkeypatch: pytest.MonkeyPatch, recording) -> None:
    monkeypatch.setattr(listening, "transcribe_notes", lambda network, waveform, rate: np.zeros((0, 3)))
    with pytest.raises(AudioError, match="no notes are heard in test"):
        hear_notes(recording, lambda window: (window, window))


def test_beats_and_tempo_of_onsets() -> None:
    onsets = 0.3 + 0.5 * np.arange(20)
    assert fit_first_beat(onsets, np.ones(20), 0.5) == pytest.approx(0.3)
    assert refine_tempo(onsets, 121.0) == pytest.approx(120.0)
    assert refine_tempo(onsets[:4], 121.0) == 121.0
    merged = merge_onsets(np.array([0.0, 0.01, 0.5, 0.52, 1.0]), np.array([60, 48, 50, 51, 70]))
    np.testing.assert_array_equal(merged, [[0.0, 0.5, 1.0], [48, 50, 70]])


def test_louder_attacks_have_larger_velocities() -> None:
    samples = np.zeros(3 * RATE, np.float32)
    samples[RATE : RATE + 2000], samples[2 * RATE : 2 * RATE + 2000] = 0.5, 0.05
    soft, loud = measure_velocities(samples, np.array([2.0, 1.0]))
    assert loud - soft == pytest.approx(1.5 * 20, abs=1)
