"""Velocity correlation: on tones whose strength is known."""

from __future__ import annotations

import numpy as np
import pytest

from musika import draws
from musika.metrics.notes import velocities
from musika.score import Notes

RATE, COUNT = 22_050, 40


def make_notes(drums: bool = False) -> Notes:
    onsets = np.arange(COUNT) * 0.25
    pitches = 40 + (draws.uniform(0, "pitches", 0, (COUNT,)) * 40).astype(int)
    loudness = 10 + (draws.uniform(0, "velocities", 0, (COUNT,)) * 110).astype(int)
    zeros = np.zeros(COUNT, int)
    return Notes(onsets, onsets + 0.2, pitches, loudness, zeros, np.full(COUNT, drums))


def play(notes: Notes, amplitudes: np.ndarray) -> np.ndarray:
    """Decaying tones that overlap, `[N, 2]`."""
    waveform = np.zeros((round((notes.onsets[-1] + 1.5) * RATE), 2), np.float32)
    time = np.arange(RATE) / RATE
    for onset, pitch, amplitude in zip(notes.onsets, notes.pitches, amplitudes, strict=True):
        tone = amplitude * np.exp(-3 * time) * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
        start = round(onset * RATE)
        waveform[start : start + RATE] += tone[:, None]
    return waveform


def test_louder_notes_are_heard_as_louder() -> None:
    notes = make_notes()
    assert velocities.evaluate(notes, play(notes, (notes.velocities / 127) ** 2), RATE) > 0.9


def test_a_piano_whose_high_notes_are_softer_is_no_fault() -> None:
    notes = make_notes()
    softer = (notes.velocities / 127) ** 2 * 10 ** (-(notes.pitches - 40) / 40)
    assert velocities.evaluate(notes, play(notes, softer), RATE) > 0.8


def test_no_relation_is_found_where_there_is_none() -> None:
    notes = make_notes()
    assert abs(velocities.evaluate(notes, play(notes, np.full(COUNT, 0.3)), RATE)) < 0.4
    backwards = ((128 - notes.velocities) / 127) ** 2
    assert velocities.evaluate(notes, play(notes, backwards), RATE) < -0.9


def test_what_says_nothing_is_undefined() -> None:
    notes = make_notes()
    waveform = play(notes, np.full(COUNT, 0.3))
    assert np.isnan(velocities.evaluate(make_notes(drums=True), waveform, RATE))
    assert np.isnan(velocities.evaluate(notes.replace(velocities=np.full(COUNT, 80)), waveform, RATE))
    assert np.isnan(velocities.evaluate(notes, waveform[: 2 * RATE // 2], RATE)), "four notes"


def test_a_partial_correlation_of_known_columns() -> None:
    given = np.arange(20.0)
    assert velocities.compute_partial_correlation(given, given, np.zeros(20)) == pytest.approx(1)
    assert np.isnan(velocities.compute_partial_correlation(given, given, given))
