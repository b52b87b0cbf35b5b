"""Changes the notes of a section so that they have the density, key, register, dynamics and articulation asked for.

The network gets these as conditions and follows them only roughly. What it misses is corrected here, and chords in
`chord_fitting.py`. The result is a function of the section's notes, of its place and of the settings. Notes of a given
melody keep their pitches and lengths.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.composer import harmony
from musika.composer.chord_fitting import PASSING, fit_chords
from musika.composer.clock import SectionPlace
from musika.composer.sections import SectionNotes, sort_notes
from musika.composer.vocabulary import UNITS_PER_BEAT, move_into_range
from musika.config import MusicalSettings
from musika.config.musical import Band, Key
from musika.config.musical.keys import MODES
from musika.config.musical.levels import get_notes_per_beat

BAND_MARGIN = 12  # velocities on either side of a dynamic mark that count as this mark
LONGEST_WEIGHT = 4 * UNITS_PER_BEAT  # units that a note weighs at most
DENSITY_MARGIN = 1.1  # factor by which the number of notes may be off
SHORTEST_REPEAT = UNITS_PER_BEAT // 4  # units: a note is not repeated after less than that
MIDDLE_C = 60  # MIDI key
REGISTER_MARGIN = 6.5  # semitones: a section whose mean is farther from what is asked for is moved by octaves


def fit_notes(
    notes: SectionNotes,
    settings: MusicalSettings,
    place: SectionPlace,
    melody: SectionNotes | None = None,
    key: Key | None = None,
) -> SectionNotes:
    """The notes of a section with the density, key, register and chords that the settings ask for.

    Velocities stay levels 0 to 7: `fit_velocities` makes MIDI velocities exact.

    Args:
        place: where the section is, for settings that change over time.
        melody: a given melody, whose notes stay as they are where they are among `notes`.
        key: the key asked for in this section; None where none is.
    """
    if not len(notes):
        return notes
    if settings.density_value is not None:
        per_beat = get_notes_per_beat(settings.density_value.get_value(place.seconds))
        notes = fit_density(notes, round(per_beat * place.length / UNITS_PER_BEAT), find_given(notes, melody))
    if key is not None and settings.chords_value is None:
        notes = fit_key(notes, key, find_given(notes, melody))
    if settings.register_value is not None:
        notes = _fit_register(notes, settings.register_value, place.seconds, find_given(notes, melody))
    if settings.chords_value is not None:
        notes = fit_chords(notes, settings.chords_value, place, key, find_given(notes, melody))
    return notes


def fit_key(notes: SectionNotes, key: Key, is_melody: np.ndarray) -> SectionNotes:
    """The notes in a key: all are transposed, then each note outside the key moves to the nearest note of its scale.

    So music in C major becomes C minor where that is asked for. Short passing notes off the beat stay.

    Args:
        is_melody: notes that stay as they are, bool `[n]`; with any of them, nothing is transposed.
    """
    pitches = notes.pitches.copy()
    if not is_melody.any():
        weights = np.minimum(notes.durations, LONGEST_WEIGHT)
        shift = choose_transposition(harmony.weigh_pitch_classes(pitches, weights), key)
        pitches = move_into_range(pitches + shift)
    is_passing = (notes.durations <= PASSING // 2) & (notes.onsets % UNITS_PER_BEAT != 0)
    outside = ~np.isin(pitches % 12, list(key.usual_notes))
    for index in np.flatnonzero(outside & ~is_passing & ~is_melody):
        together = pitches[(notes.onsets == notes.onsets[index]) & (np.arange(len(notes)) != index)]
        pitches[index] = harmony.find_nearest_pitch(int(pitches[index]), key.scale, set(together.tolist()))
    return sort_notes(dataclasses.replace(notes, pitches=pitches))


def choose_transposition(profile: np.ndarray, key: Key) -> int:
    """The transposition, -5 to 6 semitones, after which a distribution of pitch classes `[12]` fits a key best.

    Each transposition is rated by its correlation with the key's template less the highest correlation with another
    key's, after notes outside the key have moved to the nearest note of its scale, less the share of notes that moved.
    """
    nearest = np.array([harmony.find_nearest_pitch(MIDDLE_C + pitch, key.scale, set()) % 12 for pitch in range(12)])
    moves = nearest != np.arange(12)
    own = key.pitch_class + 12 * MODES.index(key.mode)
    ratings = []
    for shift in range(-5, 7):
        turned = np.roll(profile, shift) / max(profile.sum(), 1e-9)
        moved = np.bincount(nearest, turned, 12)
        fits = harmony.KEY_TEMPLATES @ (moved - moved.mean()) / max(float(np.linalg.norm(moved - moved.mean())), 1e-9)
        ratings.append(fits[own] - np.delete(fits, own).max() - float(turned[moves].sum()))
    return int(np.argmax(ratings)) - 5


def fit_density(notes: SectionNotes, count: int, is_melody: np.ndarray) -> SectionNotes:
    """About `count` notes: the least important are left out, or the longest are repeated halfway through.

    Important are notes of a given melody, the highest and lowest at each onset, notes on a beat, and long notes.

    Args:
        is_melody: which notes are those of a given melody, bool `[n]`.
    """
    if len(notes) > DENSITY_MARGIN * count:
        begins = np.append(True, np.diff(notes.onsets) != 0)
        ends = np.append(begins[1:], True)
        worth = 8.0 * is_melody + 1.0 * ends + 1.0 * begins + 1.5 * (notes.onsets % UNITS_PER_BEAT == 0)
        worth = worth + np.minimum(notes.durations, LONGEST_WEIGHT) / LONGEST_WEIGHT
        order = np.argsort(-worth, kind="stable")
        return notes.select(np.sort(order[: max(count, int(is_melody.sum()), 1)]))
    while len(notes) < count / DENSITY_MARGIN:
        lengths = np.where(is_melody, 0, notes.durations)
        longest = np.argsort(-lengths, kind="stable")[: max(1, min(count - len(notes), len(notes) // 4))]
        longest = longest[lengths[longest] >= 2 * SHORTEST_REPEAT]
        if not len(longest):
            break
        notes, is_melody = _repeat_notes(notes, longest, is_melody)
    return notes


def _repeat_notes(notes: SectionNotes, chosen: np.ndarray, is_melody: np.ndarray) -> tuple[SectionNotes, np.ndarray]:
    """Splits each chosen note into two; returns the notes, and which of them are those of the melody."""
    first, durations = notes.durations[chosen] // 2, notes.durations.copy()
    durations[chosen] = first
    added = (notes.onsets[chosen] + first, notes.durations[chosen] - first, notes.pitches[chosen])
    columns = (*added, np.maximum(notes.velocities[chosen] - 1, 0))
    own = (notes.onsets, durations, notes.pitches, notes.velocities)
    joined = SectionNotes(*(np.concatenate(pair) for pair in zip(own, columns, strict=True)))
    flags = np.append(is_melody, np.zeros(len(chosen), bool))
    order = np.lexsort((-joined.durations, joined.pitches, joined.onsets))
    joined, flags = joined.select(order), flags[order]
    is_new = np.append(True, (np.diff(joined.onsets) != 0) | (np.diff(joined.pitches) != 0))
    return joined.select(is_new), flags[is_new]


def fit_velocities(velocities: np.ndarray, seconds: np.ndarray, dynamics: Band) -> np.ndarray:
    """MIDI velocities within what is asked for at their time, int `[n]`.

    Args:
        velocities: 1 to 127, `[n]`.
        seconds: when the notes begin, `[n]`.
        dynamics: softest and loudest over time, relative to 127.
    """
    low = 127 * np.array([dynamics.low.get_value(second) for second in seconds.tolist()]) - BAND_MARGIN
    high = 127 * np.array([dynamics.high.get_value(second) for second in seconds.tolist()]) + BAND_MARGIN
    return np.clip(np.rint(np.clip(velocities, low, high)), 1, 127).astype(int)


def fit_articulation(
    notes: SectionNotes, seconds: np.ndarray, settings: MusicalSettings, melody: SectionNotes | None = None
) -> SectionNotes:
    """The notes in the articulation that is asked for at their time; each ends before its key is struck again.

    Args:
        seconds: when the notes begin, `[n]`.
        melody: its notes keep their lengths.
    """
    curve = settings.articulation_value
    if curve is None:
        return notes
    factors = np.array([curve.get_value(second) for second in seconds.tolist()])
    lengths = np.maximum(np.rint(notes.durations * factors), 1).astype(int)
    for pitch in np.unique(notes.pitches):
        same = np.flatnonzero(notes.pitches == pitch)
        lengths[same[:-1]] = np.maximum(np.minimum(lengths[same[:-1]], np.diff(notes.onsets[same])), 1)
    return dataclasses.replace(notes, durations=np.where(find_given(notes, melody), notes.durations, lengths))


def _fit_register(notes: SectionNotes, register: Band, seconds: float, is_melody: np.ndarray) -> SectionNotes:
    """Moves the notes by whole octaves until their mean is near what is asked for."""
    free = ~is_melody
    if not free.any():
        return notes
    mean = float(notes.pitches[free].mean())
    low, high = register.low.get_value(seconds), register.high.get_value(seconds)
    aim = min(max(mean, low), high)
    if abs(aim - mean) <= REGISTER_MARGIN:
        return notes
    shift = 12 * round((aim - mean) / 12) or int(np.copysign(12, aim - mean))
    moved = notes.pitches + np.where(free, shift, 0)
    return sort_notes(dataclasses.replace(notes, pitches=move_into_range(moved)))


def find_given(notes: SectionNotes, melody: SectionNotes | None) -> np.ndarray:
    """Which notes are those of a given melody, bool `[n]`."""
    if melody is None or not len(melody):
        return np.zeros(len(notes), bool)
    given = set(zip(melody.onsets.tolist(), melody.pitches.tolist(), strict=True))
    return np.array([pair in given for pair in zip(notes.onsets.tolist(), notes.pitches.tolist(), strict=True)])
