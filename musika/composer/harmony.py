"""Keys and chords of notes, by comparing their pitch classes with templates.

The key is that of the template of C. L. Krumhansl and E. J. Kessler ("Tracing the dynamic changes in perceived tonal
organization in a spatial representation of musical keys", Psychological Review 89, 1982) with the highest correlation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from musika.composer.vocabulary import HIGHEST, LOWEST

MAJOR_PROFILE = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_PROFILE = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
# kinds of chords by name: semitones above the root
CHORD_KINDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "dominant seventh": (0, 4, 7, 10),
    "minor seventh": (0, 3, 7, 10),
}
KIND_NAMES = tuple(CHORD_KINDS)
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
LEAST_SHARE = 0.6  # of the weight that a chord must explain
SEVENTH_COST = 0.06  # keeps a passing note from making a seventh
FARTHEST = 4  # semitones that a note is moved


def _make_key_templates() -> np.ndarray:
    """`[24, 12]`: major keys, then minor ones, by tonic; each with mean 0 and length 1."""
    rows = [np.roll(profile, tonic) for profile in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)]
    templates = np.stack(rows) - np.mean(rows, axis=1, keepdims=True)
    return templates / np.linalg.norm(templates, axis=1, keepdims=True)


def _make_chord_templates() -> np.ndarray:
    """`[60, 12]`: 1 for the notes of each chord; kind by kind, each by root."""
    templates = np.zeros((12 * len(CHORD_KINDS), 12))
    for kind, steps in enumerate(CHORD_KINDS.values()):
        for root in range(12):
            templates[12 * kind + root, [(root + step) % 12 for step in steps]] = 1.0
    return templates


KEY_TEMPLATES, CHORD_TEMPLATES = _make_key_templates(), _make_chord_templates()


def weigh_pitch_classes(pitches: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of the weights of each pitch class, `[12]`."""
    return np.bincount(np.asarray(pitches, int) % 12, np.asarray(weights, float), 12)


def estimate_key(profile: np.ndarray) -> tuple[int, int]:
    """Tonic (0 to 11) and mode (0 major, 1 minor) of a distribution of pitch classes `[12]`."""
    centred = profile - profile.mean()
    best = int(np.argmax(KEY_TEMPLATES @ centred))
    return best % 12, best // 12


def estimate_chord(profile: np.ndarray, bass: int | None) -> int | None:
    """The chord of a distribution of pitch classes: 12 x kind + root, or None where no chord explains it.

    Args:
        profile: weight of each pitch class, `[12]`.
        bass: pitch class of the lowest note, which is the root more often than not.
    """
    total = profile.sum()
    if total <= 0:
        return None
    share = CHORD_TEMPLATES @ (profile / total)  # of the weight that is in the chord
    present = CHORD_TEMPLATES @ (profile > 0.04 * total) / CHORD_TEMPLATES.sum(axis=1)  # of the chord that is heard
    score = share + 0.5 * present - SEVENTH_COST * (CHORD_TEMPLATES.sum(axis=1) - 3)
    if bass is not None:
        score[bass::12] += 0.12
    best = int(np.argmax(score))
    return best if share[best] >= LEAST_SHARE else None


def weigh_sounding_notes(
    onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray, begin: float, end: float
) -> tuple[np.ndarray, int] | None:
    """How long each pitch class sounds in a stretch of time, `[12]`, and the pitch class of the lowest note.

    Args:
        onsets: of the notes, in the same unit of time as all others, `[n]`.
        ends: of the notes, `[n]`.
        pitches: MIDI keys, `[n]`.
        begin: of the stretch.
        end: of the stretch.

    Returns:
        None where no note sounds.
    """
    overlap = np.minimum(ends, end) - np.maximum(onsets, begin)
    sounds = overlap > 0
    if not sounds.any():
        return None
    sounding = pitches[sounds]
    return weigh_pitch_classes(sounding, overlap[sounds]), int(sounding.min()) % 12


def transpose_chord(chord: Any, semitones: int) -> Any:
    """The same kind of chord on a root some semitones higher; one chord or an array."""
    return chord - chord % 12 + (chord + semitones) % 12


def get_degree_chord(degree: int, tonic: int, mode: int, seventh: bool = False) -> int:
    """The chord on a degree (0 to 6) of a key; that on the fifth degree is major in both modes."""
    scale = SCALES["minor" if mode else "major"]
    root = scale[degree]
    third, fifth = ((scale[(degree + step) % 7] - root) % 12 for step in (2, 4))
    kind = {(4, 7): "major", (3, 7): "minor", (3, 6): "diminished"}.get((third, fifth), "major")
    if degree == 4:
        kind = "dominant seventh" if seventh else "major"
    return 12 * KIND_NAMES.index(kind) + (root + tonic) % 12


def find_nearest_pitch(pitch: int, allowed: frozenset[int], taken: set[int]) -> int:
    """The pitch nearest to another one whose pitch class is allowed; of two equally near ones the lower.

    Args:
        pitch: MIDI key.
        allowed: pitch classes.
        taken: pitches that are used only where there is no other within FARTHEST semitones.
    """
    steps = sorted(range(-FARTHEST, FARTHEST + 1), key=lambda step: (abs(step), step))
    pitches = [pitch + step for step in steps if (pitch + step) % 12 in allowed and LOWEST <= pitch + step <= HIGHEST]
    return next((other for other in pitches if other not in taken), pitches[0] if pitches else pitch)
