"""Sounds of known tempo, key, chords and melody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.config.musical.keys import get_pitch_class
from musika.listening.recording import RATE, Recording


def make_tone(key: float, seconds: float, decay: float = 0.6) -> np.ndarray:
    """A plucked tone of six partials, `[N]`."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440.0 * 2.0 ** ((key - 69) / 12)
    partials = [np.sin(2 * np.pi * n * frequency * time) / n**1.5 for n in range(1, 7) if n * frequency < RATE / 2]
    fade = np.minimum(1.0, (seconds - time) / 0.01)
    return np.sum(partials, axis=0) * np.exp(-time / decay) * fade


def mix_notes(notes: Sequence[tuple[float, float, float]], seconds: float, decay: float = 0.6) -> np.ndarray:
    """Notes (onset, length, MIDI key) as sound, `[N]`."""
    mixed = np.zeros(round(seconds * RATE))
    for onset, length, key in notes:
        tone = make_tone(key, length, decay)
        first = round(onset * RATE)
        part = tone[: max(0, len(mixed) - first)]
        mixed[first : first + len(part)] += part
    return mixed


def make_recording(samples: np.ndarray, level: float = 0.5, name: str = "test") -> Recording:
    """A recording with a peak at `level`."""
    return Recording((samples * level / max(np.abs(samples).max(), 1e-9)).astype(np.float32), name)


def list_chord_notes(
    roots: Sequence[str], kinds: Sequence[tuple[int, ...]], tempo: float, beats_per_chord: int, repeats: int
) -> tuple[list[tuple[float, float, float]], float]:
    """Block chords struck on every beat over a bass; notes and the whole length in seconds."""
    beat = 60.0 / tempo
    notes: list[tuple[float, float, float]] = []
    onset = 0.0
    for _ in range(repeats):
        for root, steps in zip(roots, kinds, strict=True):
            base = 48 + get_pitch_class(root)
            for number in range(beats_per_chord):
                notes += [(onset, beat, base + 12 + (step if step < 7 else step - 12)) for step in steps]
                notes += [(onset, beat, base - 12)] if number == 0 else []
                onset += beat
    return notes, onset


def make_clicks(tempo: float, seconds: float) -> np.ndarray:
    """Short bursts of noise on every beat, `[N]`."""
    noise = np.random.default_rng(0).standard_normal(round(0.05 * RATE))
    burst = noise * np.exp(-np.arange(len(noise)) / (0.008 * RATE))
    clicks = np.zeros(round(seconds * RATE))
    for onset in np.arange(0, seconds - 0.06, 60.0 / tempo):
        clicks[round(onset * RATE) : round(onset * RATE) + len(burst)] += burst
    return clicks
