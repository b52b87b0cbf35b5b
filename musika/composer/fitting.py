"""What was asked for, made exact in the notes of a section: chords, register, dynamics, articulation.

The network is told all of these and follows them more or less. Here its notes are moved where they do not: a function
of the section's notes, of where it is, and of the settings. Notes of a given melody keep their keys and lengths.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from musika.composer import harmony
from musika.composer.sections import SectionNotes
from musika.composer.vocabulary import DURATIONS, HIGHEST, LOWEST, UNITS_PER_BEAT
from musika.config import MusicalSettings
from musika.config.musical import Band, Chord, Instrument, Key, Progression
from musika.config.musical.keys import MODES
from musika.config.musical.levels import get_notes_per_beat
from musika.score import Notes

LEAST_SUPPORT = 2  # notes of the chord that sound with a passing note
PASSING = UNITS_PER_BEAT // 2  # units: a note outside the chord that is longer, or begins on a beat, is moved
FARTHEST = 4  # semitones that a note is moved to a chord's note
BAND_MARGIN = 12  # velocities on either side of a dynamic mark that count as this mark
LONGEST_WEIGHT = 4 * UNITS_PER_BEAT  # units that a note weighs at most
DENSITY_MARGIN = 1.1  # how far the number of notes may be off
SHORTEST_STROKE = UNITS_PER_BEAT // 4  # units: notes are not struck again faster
TOGETHER = 0.03  # seconds within which notes begin together
MIDDLE_C = 60
REGISTER_MARGIN = 6.5  # semitones: a section whose mean is farther from what is asked for is moved by octaves


@dataclasses.dataclass(frozen=True)
class SectionPlace:
    """Where a section is.

    Attributes:
        first_unit: units of 1/12 quarter note from the beginning of the piece to the section.
        seconds: the same in seconds, for settings by time.
        bar_length: units.
        length: of the section, units.
    """

    first_unit: int
    seconds: float
    bar_length: int
    length: int


def fit_notes(
    notes: SectionNotes,
    settings: MusicalSettings,
    place: SectionPlace,
    melody: SectionNotes | None = None,
    key: Key | None = None,
) -> SectionNotes:
    """The notes of a section as the settings ask for them; notes of `melody` among them keep keys and lengths.

    Velocities are levels 0 to 7; `fit_velocities` is exact.

    Args:
        key: that is asked for here; None for none.
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
    """The notes in a key: they are transposed, then those outside it move to their neighbours.

    So music in C major becomes C minor where that is asked for. Very short notes off the beat stay.

    Args:
        is_melody: notes that stay as they are, bool `[n]`; with any of them, nothing is transposed.
    """
    pitches = notes.pitches.copy()
    if not is_melody.any():
        weights = np.minimum(notes.durations, LONGEST_WEIGHT)
        shift = choose_transposition(harmony.weigh_pitch_classes(pitches, weights), key)
        pitches = _move_into_range(pitches + shift)
    is_passing = (notes.durations <= PASSING // 2) & (notes.onsets % UNITS_PER_BEAT != 0)
    outside = ~np.isin(pitches % 12, list(key.usual_notes))
    for index in np.flatnonzero(outside & ~is_passing & ~is_melody):
        together = pitches[(notes.onsets == notes.onsets[index]) & (np.arange(len(notes)) != index)]
        pitches[index] = _find_nearest_key(int(pitches[index]), key.scale, set(together.tolist()))
    return _sort_notes(dataclasses.replace(notes, pitches=pitches))


def choose_transposition(profile: np.ndarray, key: Key) -> int:
    """Semitones, -5 to 6, after which a distribution of pitch classes `[12]` is most clearly in a key.

    Clearly: it fits the key better than all other keys, once notes outside the key have moved to their neighbours. Each
    note that has to move counts against a transposition.
    """
    nearest = np.array([_find_nearest_key(MIDDLE_C + pitch, key.scale, set()) % 12 for pitch in range(12)])
    moves = nearest != np.arange(12)
    own = key.pitch_class + 12 * MODES.index(key.mode)
    clarity = []
    for shift in range(-5, 7):
        turned = np.roll(profile, shift) / max(profile.sum(), 1e-9)
        moved = np.bincount(nearest, turned, 12)
        fits = harmony.KEY_TEMPLATES @ (moved - moved.mean()) / max(float(np.linalg.norm(moved - moved.mean())), 1e-9)
        clarity.append(fits[own] - np.delete(fits, own).max() - float(turned[moves].sum()))
    return int(np.argmax(clarity)) - 5


def fit_density(notes: SectionNotes, count: int, is_melody: np.ndarray) -> SectionNotes:
    """About `count` notes: the least important ones are left out, or the longest are struck again halfway.

    Notes are important that are given, highest or lowest at their onset, on a beat, or long.
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
        longest = longest[lengths[longest] >= 2 * SHORTEST_STROKE]
        if not len(longest):
            break
        notes, is_melody = _strike_again(notes, longest, is_melody)
    return notes


def _strike_again(notes: SectionNotes, chosen: np.ndarray, is_melody: np.ndarray) -> tuple[SectionNotes, np.ndarray]:
    """Each chosen note in two halves; and which of the new notes are those of the melody."""
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


def _move_into_range(pitches: np.ndarray) -> np.ndarray:
    """Keys beyond a piano's moved by octaves."""
    return pitches + 12 * -(-np.maximum(LOWEST - pitches, 0) // 12) - 12 * -(-np.maximum(pitches - HIGHEST, 0) // 12)


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


def list_chord_changes(chords: Progression, place: SectionPlace) -> tuple[list[float], list[bool]]:
    """Units of a section at which its chords begin, from 0 on, and whether each is a chord."""
    edges, spans = _list_spans(chords, place)
    first = int(np.searchsorted(edges, 0.0, side="right")) - 1
    last = int(np.searchsorted(edges, place.length, side="left"))
    return [max(edge, 0.0) for edge in edges[first:last].tolist()], [bool(chord.root) for chord in spans[first:last]]


def assign_programs(notes: Notes, instruments: Sequence[Instrument]) -> np.ndarray:
    """The program of each note, int `[n]`: the first instrument plays the highest notes, the last the lowest.

    Instruments between them share what is between. A note is the highest or the lowest among those that begin within
    TOGETHER of it.
    """
    programs = np.array([instrument.program for instrument in instruments])
    if len(programs) == 1 or not len(notes):
        return np.full(len(notes), programs[0])
    groups = np.cumsum(np.diff(notes.onsets, prepend=notes.onsets[0]) > TOGETHER)
    chosen = np.full(len(notes), programs[-1])
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        ranked = members[np.argsort(-notes.pitches[members], kind="stable")]
        between = programs[1:-1] if len(programs) > 2 else programs[-1:]
        chosen[ranked] = [between[n % len(between)] for n in range(len(ranked))]
        chosen[ranked[-1]] = programs[-1]
        chosen[ranked[0]] = programs[0] if len(ranked) > 1 or notes.pitches[ranked[0]] >= MIDDLE_C else programs[-1]
    return chosen


def fit_chords(
    notes: SectionNotes, chords: Progression, place: SectionPlace, key: Key | None, is_melody: np.ndarray | None = None
) -> SectionNotes:
    """Notes outside the chord move to its nearest note; notes that the next chord lacks end with their chord.

    Short notes off the beat stay where they are if they belong to the key, and notes of the chord sound with them.

    Args:
        key: None takes the notes of all the chords together for its notes.
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
            pitches[index] = _find_nearest_key(int(pitches[index]), allowed, set(together.tolist()))
    pitches = _set_basses(notes, pitches, edges, spans, free)
    for index in np.flatnonzero(free):
        onset, length, pitch = int(notes.onsets[index]), int(durations[index]), int(pitches[index])
        durations[index] = _cut_length(onset, length, pitch, edges, spans)
    return _sort_notes(dataclasses.replace(notes, pitches=pitches, durations=durations))


def _count_sounding(
    onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray, unit: int, allowed: frozenset[int]
) -> int:
    """Notes of some pitch classes that sound at a unit."""
    sounds = (onsets <= unit) & (onsets + durations > unit)
    return int(np.isin(pitches[sounds] % 12, list(allowed)).sum())


def _list_spans(chords: Progression, place: SectionPlace) -> tuple[np.ndarray, list[Chord]]:
    """Units of the section at which chords begin, ascending from 0 or before, beyond its end; and the chords."""
    bar = Fraction(place.bar_length, UNITS_PER_BEAT)
    period = chords.get_length(bar)
    first = Fraction(place.first_unit, UNITS_PER_BEAT)
    beat = first // period * period  # where the progression begins that holds at the section's beginning
    edges: list[float] = []
    spans: list[Chord] = []
    while beat * UNITS_PER_BEAT < place.first_unit + place.length + DURATIONS[-1]:  # where the last notes ring on
        for span in chords.spans:
            edges.append(float(beat * UNITS_PER_BEAT - place.first_unit))
            spans.append(span.chord)
            beat += span.get_beats(bar)
    return np.array(edges), spans


def _find_nearest_key(pitch: int, allowed: frozenset[int], taken: set[int]) -> int:
    """The nearest key whose pitch class is allowed, of equally near ones the lower; if possible none that is taken."""
    steps = sorted(range(-FARTHEST, FARTHEST + 1), key=lambda step: (abs(step), step))
    keys = [pitch + step for step in steps if (pitch + step) % 12 in allowed and LOWEST <= pitch + step <= HIGHEST]
    return next((key for key in keys if key not in taken), keys[0] if keys else pitch)


def _cut_length(onset: int, duration: int, pitch: int, edges: np.ndarray, spans: list[Chord]) -> int:
    """Units that a note lasts, at most up to the first chord without it."""
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
    """Where a chord names its bass, the lowest note that sounds when it begins takes it."""
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
    """The key of a pitch class that is nearest to a key, of two the lower; within a piano."""
    key = pitch - (pitch - pitch_class + 5) % 12 + 5
    return key + 12 if key < LOWEST else key


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
    return _sort_notes(dataclasses.replace(notes, pitches=_move_into_range(moved)))


def find_given(notes: SectionNotes, melody: SectionNotes | None) -> np.ndarray:
    """Which notes are those of a given melody, bool `[n]`."""
    if melody is None or not len(melody):
        return np.zeros(len(notes), bool)
    given = set(zip(melody.onsets.tolist(), melody.pitches.tolist(), strict=True))
    return np.array([pair in given for pair in zip(notes.onsets.tolist(), notes.pitches.tolist(), strict=True)])


def _sort_notes(notes: SectionNotes) -> SectionNotes:
    """By onset, then by pitch; of the same key at once, the longest."""
    notes = notes.select(np.lexsort((-notes.durations, notes.pitches, notes.onsets)))
    is_new = np.append(True, (np.diff(notes.onsets) != 0) | (np.diff(notes.pitches) != 0))
    return notes.select(is_new)
