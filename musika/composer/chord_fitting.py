"""Changes the notes of a section so that they follow the chords asked for.

Notes outside a chord move to its nearest note, and notes that the next chord does not have end with their chord. Short
passing notes may stay. Where a chord names its bass, the lowest note takes it.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np

from musika.composer import harmony
from musika.composer.clock import SectionPlace
from musika.composer.sections import SectionNotes, sort_notes
from musika.composer.vocabulary import DURATIONS, LOWEST, UNITS_PER_BEAT
from musika.config.musical import Chord, Key, Progression

LEAST_SUPPORT = 2  # notes of the chord that must sound with a passing note
PASSING = UNITS_PER_BEAT // 2  # units: the longest passing note


def list_chord_changes(chords: Progression, place: SectionPlace) -> tuple[list[float], list[bool]]:
    """Units of a section at which its chords begin, ascending from 0; and for each, whether a chord sounds there."""
    edges, spans = _list_spans(chords, place)
    first = int(np.searchsorted(edges, 0.0, side="right")) - 1
    last = int(np.searchsorted(edges, place.length, side="left"))
    return [max(edge, 0.0) for edge in edges[first:last].tolist()], [bool(chord.root) for chord in spans[first:last]]


def fit_chords(
    notes: SectionNotes, chords: Progression, place: SectionPlace, key: Key | None, is_melody: np.ndarray | None = None
) -> SectionNotes:
    """The notes, moved and shortened so that they follow a progression.

    Passing notes stay: they are short, off the beat, in the key, and at least LEAST_SUPPORT notes of the chord sound
    with them.

    Args:
        place: where the section is; the progression counts from the beginning of the piece.
        key: the key of the piece; None takes the notes of all chords together as its notes.
        is_melody: notes that stay as they are, bool `[n]`.
    """
    edges, spans = _list_spans(chords, place)
    usual = key.usual_notes if key else frozenset().union(*(chord.pitch_classes for chord in chords.chords))
    free = np.ones(len(notes), bool) if is_melody is None else ~is_melody
    pitches, durations = notes.pitches.copy(), notes.durations.copy()
    for index in np.flatnonzero(free):
        onset = int(notes.onsets[index])
        span = int(np.searchsorted(edges, onset, side="right")) - 1
        allowed = spans[span].pitch_classes
        is_passing = durations[index] <= PASSING and onset % UNITS_PER_BEAT and int(pitches[index]) % 12 in usual
        if not is_passing or _count_sounding(notes.onsets, durations, pitches, onset, allowed) < LEAST_SUPPORT:
            together = pitches[(notes.onsets == onset) & (np.arange(len(notes)) != index)]
            pitches[index] = harmony.find_nearest_pitch(int(pitches[index]), allowed, set(together.tolist()))
    pitches = _set_basses(notes, pitches, edges, spans, free)
    for index in np.flatnonzero(free):
        onset, length, pitch = int(notes.onsets[index]), int(durations[index]), int(pitches[index])
        durations[index] = _cut_length(onset, length, pitch, edges, spans)
    return sort_notes(dataclasses.replace(notes, pitches=pitches, durations=durations))


def _count_sounding(
    onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray, unit: int, allowed: frozenset[int]
) -> int:
    """How many notes of the allowed pitch classes sound at a unit."""
    sounds = (onsets <= unit) & (onsets + durations > unit)
    return int(np.isin(pitches[sounds] % 12, list(allowed)).sum())


def _list_spans(chords: Progression, place: SectionPlace) -> tuple[np.ndarray, list[Chord]]:
    """Units of the section at which chords begin, float `[m]`, and the chords.

    The first begins at 0 or before; the last ones are beyond the section's end, where its last notes still ring.
    """
    bar = Fraction(place.bar_length, UNITS_PER_BEAT)
    period = chords.get_length(bar)
    first = Fraction(place.first_unit, UNITS_PER_BEAT)
    beat = first // period * period  # the latest beginning of the progression
    edges: list[float] = []
    spans: list[Chord] = []
    while beat * UNITS_PER_BEAT < place.first_unit + place.length + DURATIONS[-1]:  # where the last notes ring on
        for span in chords.spans:
            edges.append(float(beat * UNITS_PER_BEAT - place.first_unit))
            spans.append(span.chord)
            beat += span.get_beats(bar)
    return np.array(edges), spans


def _cut_length(onset: int, duration: int, pitch: int, edges: np.ndarray, spans: list[Chord]) -> int:
    """The length of a note in units, cut where the first chord that does not have it begins."""
    for index in range(int(np.searchsorted(edges, onset, side="right")), len(edges)):
        if edges[index] >= onset + duration:
            break
        if pitch % 12 not in spans[index].pitch_classes:
            return max(1, int(edges[index]) - onset)
    return duration


def _set_basses(
    notes: SectionNotes,
    pitches: np.ndarray,
    edges: np.ndarray,
    spans: list[Chord],
    free: np.ndarray,
) -> np.ndarray:
    """The pitches, where the lowest note of the first beat of each chord that names its bass takes that bass."""
    pitches = pitches.copy()
    for edge, chord in zip(edges.tolist(), spans, strict=True):
        if not chord.bass:
            continue
        begins = np.flatnonzero(free & (notes.onsets >= edge) & (notes.onsets < edge + UNITS_PER_BEAT))
        if len(begins):
            lowest = begins[np.argmin(pitches[begins])]
            pitches[lowest] = _find_bass(int(pitches[lowest]), int(chord.bass_class or 0))
    return pitches


def _find_bass(pitch: int, pitch_class: int) -> int:
    """The pitch of a pitch class that is nearest to a pitch, of two the lower; not below a piano's lowest."""
    bass = pitch - (pitch - pitch_class + 5) % 12 + 5
    return bass + 12 if bass < LOWEST else bass
