"""The notes of a recording in which several sound at once, on the beats that fit them."""

from __future__ import annotations

import numpy as np

from musika.errors import AudioError
from musika.listening.beats import find_beats, get_tempo
from musika.listening.melody import TOGETHER, find_overtones, fit_tempo
from musika.listening.recording import RATE, Recording
from musika.metrics.notes.transcriber import Network, transcribe_notes
from musika.score import Notes, Score, TempoMap, make_constant_tempo

ATTACK = 0.08  # seconds after an onset in which its strength is measured
LOUD_VELOCITY = 92  # of the loudest notes
VELOCITIES_PER_DB = 1.5
SOFTEST, LOUDEST = 30, 112
STEPS = 4  # of a beat
LOW_KEY = 55  # below it, notes are likely to be on a beat
FEWEST_ONSETS = 8  # that a tempo is refined by
LARGEST_CHANGE = 0.02  # of a tempo that is refined, relative


def hear_notes(recording: Recording, network: Network) -> Score:
    """The notes of a recording, played by one piano: a constant tempo whose sixteenths fit them best.

    Args:
        network: of the transcriber (`musika.metrics.notes.transcriber`).

    Raises:
        AudioError: no notes are heard.
    """
    heard = transcribe_notes(network, np.stack([recording.samples] * 2, 1), RATE)
    heard = heard[~find_overtones(heard)] if len(heard) else heard
    if not len(heard):
        raise AudioError(f"no notes are heard in {recording.name}: there is nothing to go on from", "notes")
    onsets, keys, lengths = heard.T
    velocities = measure_velocities(recording.samples, onsets)
    notes = Notes(onsets, onsets + lengths, keys, velocities, 0 * keys, 0 * keys)
    struck, lowest = merge_onsets(onsets, keys)
    tempo = refine_tempo(struck, fit_tempo(struck, get_tempo(find_beats(recording))))
    first = fit_first_beat(struck, np.where(lowest < LOW_KEY, 2.0, 1.0), 60.0 / tempo)
    return Score(notes, tempo=place_beats(tempo, first))


def merge_onsets(onsets: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When notes are struck, those together once, and the lowest key of each: ascending, `[m]` and `[m]`.

    Args:
        onsets: seconds, ascending, `[n]`.
        keys: MIDI keys, `[n]`.
    """
    first = np.flatnonzero(np.append(True, np.diff(onsets) > TOGETHER))
    return onsets[first], np.minimum.reduceat(keys, first)


def refine_tempo(onsets: np.ndarray, tempo: float) -> float:
    """The tempo near another one whose sixteenths fit the onsets best, by least squares over all of them.

    Between two onsets, the nearest number of sixteenths is counted, so small errors do not add up.
    """
    steps = np.cumsum(np.append(0, np.maximum(np.rint(np.diff(onsets) * tempo * STEPS / 60.0), 1.0)))
    if len(onsets) < FEWEST_ONSETS:
        return tempo
    refined = 60.0 / (STEPS * float(np.polyfit(steps, onsets, 1)[0]))
    return refined if abs(refined / tempo - 1) < LARGEST_CHANGE else tempo


def fit_first_beat(onsets: np.ndarray, weights: np.ndarray, seconds_per_beat: float) -> float:
    """The second of a beat, 0 to `seconds_per_beat`, on whose grid the onsets lie best.

    The grid of sixteenths is the mean of the onsets on the circle. Of its four places in a beat, the beat is where the
    onsets weigh most.
    """
    step = seconds_per_beat / STEPS
    phase = float(np.angle(np.exp(2j * np.pi * onsets / step).mean())) / (2 * np.pi) * step
    steps = np.rint((onsets - phase) / step).astype(int)
    best = int(np.argmax(np.bincount(steps % STEPS, weights, STEPS)))
    return float((phase + best * step) % seconds_per_beat)


def place_beats(tempo: float, first: float) -> TempoMap:
    """A constant tempo with beat 0 at or before second 0, such that a beat is at second `first`."""
    beats = make_constant_tempo(tempo)
    length = float(beats.seconds_per_beat[0])
    return beats.shift(first - length if first > 0 else 0.0)


def measure_velocities(samples: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """MIDI velocities of notes by the level of their attacks; those that are struck together have the same.

    Args:
        samples: one channel at RATE, `[N]`.
        onsets: seconds, `[n]`.
    """
    count = round(ATTACK * RATE)
    powers = [
        np.square(samples[start : start + count], dtype=np.float64) for start in np.rint(onsets * RATE).astype(int)
    ]
    levels = 10 * np.log10(np.array([max(part.mean(), 1e-12) if len(part) else 1e-12 for part in powers]))
    relative = levels - np.percentile(levels, 90)
    return np.clip(np.rint(LOUD_VELOCITY + VELOCITIES_PER_DB * relative), SOFTEST, LOUDEST)
