"""Pitch classes of a recording over time, and the keys and chords that fit them.

Keys are compared with the profiles of D. Temperley, Music and Probability (2007), which suit audio: all notes of the
scale count, the tonic and its triad more.
"""

from __future__ import annotations

import itertools

import numpy as np

from musika.config.musical import Chord
from musika.config.musical.chords import KINDS
from musika.config.musical.keys import MODES, SPELLINGS, Key, make_key
from musika.listening.recording import RATE, Recording

HOP = 512  # samples between frames
_PROFILES = {
    "major": (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
    "minor": (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
}
CHORD_KINDS = ("", "m", "7", "m7", "maj7", "dim", "sus4")  # those that are told apart
KIND_COSTS = {"": 0.0, "m": 0.0, "7": 0.06, "m7": 0.06, "maj7": 0.06, "dim": 0.05, "sus4": 0.06}
CHANGE_COST = 0.15  # of a chord that differs from the one before, relative to a perfect fit
QUIET = 0.02  # of the loudest beat: no chord is heard in quieter ones


def compute_chroma(recording: Recording) -> np.ndarray:
    """Strength of each pitch class in frames of HOP samples, float `[frames, 12]`, in the tuning of the recording."""
    import librosa

    harmonic = librosa.effects.harmonic(recording.samples, margin=2.0)
    return np.asarray(librosa.feature.chroma_cqt(y=harmonic, sr=RATE, hop_length=HOP, norm=None)).T


def find_key(chroma: np.ndarray) -> Key | None:
    """The key of a recording; None where no pitch is heard.

    Args:
        chroma: `[frames, 12]`.
    """
    profile = chroma.mean(axis=0)
    if not profile.max() > 0 or profile.std() < 1e-3 * profile.mean():
        return None
    centred = profile - profile.mean()
    best, found = -np.inf, None
    for mode in MODES:
        template = np.array(_PROFILES[mode]) - np.mean(_PROFILES[mode])
        for tonic in range(12):
            turned = np.roll(template, tonic)
            score = float(centred @ turned / (np.linalg.norm(centred) * np.linalg.norm(turned)))
            if score > best:
                best, found = score, make_key(tonic, mode)
    return found


def find_chords(chroma: np.ndarray, beats: np.ndarray, key: Key | None) -> list[Chord]:
    """The chord of each stretch between two beats.

    Args:
        chroma: `[frames, 12]`.
        beats: edges of the stretches, seconds, float `[n + 1]`.
        key: says how roots are spelled.
    """
    chords = _list_chords(key)
    means = _average(chroma, beats)  # [n, 12]
    levels = np.linalg.norm(means, axis=1)
    heard = levels > QUIET * max(float(levels.max(initial=0.0)), 1e-12)
    fit = (means / np.maximum(levels[:, None], 1e-12)) @ _make_templates(chords).T  # [n, chords]
    fit -= np.array([KIND_COSTS[chord.kind] for chord in chords])
    path = _find_best_path(fit)
    return [chords[index] if is_heard else Chord("") for index, is_heard in zip(path, heard, strict=True)]


def _list_chords(key: Key | None) -> list[Chord]:
    names = SPELLINGS["major" if key is None else key.mode]
    if key is not None and key.tonic in ("F", "Bb", "Eb", "Ab", "Db", "D", "G", "C") and key.mode == "minor":
        names = SPELLINGS["major"]
    return [Chord(names[root], kind) for kind in CHORD_KINDS for root in range(12)]


def _make_templates(chords: list[Chord]) -> np.ndarray:
    """`[chords, 12]`, each of length 1; the root counts a little more, and notes have weak fifths above them."""
    rows = []
    for number, chord in enumerate(chords):
        root = number % 12
        row = np.zeros(12)
        for step in KINDS[chord.kind]:
            row[(root + step) % 12] += 1.0
            row[(root + step + 7) % 12] += 0.15  # the third partial of each note
        row[root] += 0.2
        rows.append(row / np.linalg.norm(row))
    return np.array(rows)


def _average(chroma: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Mean of the frames between beats, `[n, 12]`, without their beginning, where the last chord rings on."""
    frames = beats * RATE / HOP
    means = np.zeros((len(beats) - 1, 12))
    for number, (begin, end) in enumerate(itertools.pairwise(frames)):
        first = round(begin + 0.15 * (end - begin))
        means[number] = chroma[first : max(round(end), first + 1)].mean(axis=0) if first < len(chroma) else 0.0
    return means


def _find_best_path(fit: np.ndarray) -> np.ndarray:
    """The chord of each stretch, such that the sum of fits minus the cost of changes is highest; int `[n]`."""
    count = len(fit)
    score, origins = fit[0].copy(), np.zeros(fit.shape, int)
    for step in range(1, count):
        best = int(np.argmax(score))
        changes = score[best] - CHANGE_COST > score
        origins[step] = np.where(changes, best, np.arange(fit.shape[1]))
        score = np.where(changes, score[best] - CHANGE_COST, score) + fit[step]
    path = np.zeros(count, int)
    path[-1] = int(np.argmax(score))
    for step in range(count - 1, 0, -1):
        path[step - 1] = origins[step, path[step]]
    return path
