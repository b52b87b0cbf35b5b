"""From the grid to a performance: seconds, velocities and the pedal of a section, with small random changes."""

from __future__ import annotations

import numpy as np

from musika.composer import harmony
from musika.composer.plan import PieceFrame
from musika.composer.sections import SectionNotes, find_melody
from musika.composer.vocabulary import get_velocity
from musika.score import NO_NOTES, Notes, Pedals

RUBATO = 0.012  # how far beats within a section are moved at most, as a share of its length
JITTER = 0.008  # seconds
VELOCITY_RANGE = 7.0  # of random changes
MELODY_VELOCITY = 9  # how much louder the highest voice is
PEDAL_DELAY = 0.05  # seconds after the change of harmony
PIANO = 0


def to_seconds(units: np.ndarray, frame: PieceFrame, start: float) -> np.ndarray:
    """Seconds of units of a section: a little slower at its beginning and end, so that sections keep their length."""
    length = frame.bars * frame.bar_length
    place = np.asarray(units) / length
    moved = place + RUBATO * np.sin(2 * np.pi * np.clip(place, 0.0, 1.0)) * -1.0
    return start + moved * frame.section_seconds


def add_touch(notes: SectionNotes, frame: PieceFrame, start: float, chances: np.ndarray) -> Notes:
    """The notes of a section in seconds.

    Args:
        start: of the section, seconds.
        chances: random numbers from -1/2 to 1/2 for what varies, `[n + 1, 4]`; 0 varies nothing.
    """
    if not len(notes):
        return NO_NOTES
    chances = chances[: len(notes)]
    onsets = to_seconds(notes.onsets, frame, start) + JITTER * (chances[:, 0] + 0.5)
    # notes that begin together still begin from low to high
    order = np.argsort(onsets, kind="stable")
    releases = to_seconds(notes.onsets + notes.durations, frame, start) - 0.02
    velocities = get_velocity(notes.velocities) + VELOCITY_RANGE * chances[:, 1]
    melody = find_melody(notes)
    is_melody = np.isin(notes.onsets * 128 + notes.pitches, melody.onsets * 128 + melody.pitches)
    velocities = np.clip(np.rint(velocities + MELODY_VELOCITY * is_melody), 1, 127).astype(int)
    releases = np.maximum(releases, onsets + 0.03)
    programs, is_drum = np.full(len(notes), PIANO), np.zeros(len(notes), bool)
    return Notes(onsets[order], releases[order], notes.pitches[order], velocities[order], programs, is_drum)


def make_pedals(notes: SectionNotes, frame: PieceFrame, start: float) -> Pedals:
    """The sustain pedal: pressed after each change of harmony, lifted at the next; up where there is no clear chord.

    It is lifted at the end of the section, so that the next begins clear.
    """
    half = frame.bar_length / 2
    chords = [_find_chord(notes, half * number, half * (number + 1)) for number in range(2 * frame.bars)]
    times: list[float] = []
    values: list[float] = []
    for number, chord in enumerate(chords):
        changes = number == 0 or number % 2 == 0 or chord != chords[number - 1]
        if not changes:
            continue
        begin = float(to_seconds(np.array(half * number), frame, start))
        times += [begin, begin + PEDAL_DELAY]
        values += [0.0, 1.0 if chord is not None else 0.0]
    times.append(start + frame.section_seconds)
    values.append(0.0)
    return Pedals(np.array(times), np.array(values), np.full(len(times), PIANO))


def _find_chord(notes: SectionNotes, begin: float, end: float) -> int | None:
    overlap = np.minimum(notes.onsets + notes.durations, end) - np.maximum(notes.onsets, begin)
    sounds = overlap > 0
    if not sounds.any():
        return None
    pitches = notes.pitches[sounds]
    profile = harmony.weigh_pitch_classes(pitches, overlap[sounds])
    chord = harmony.estimate_chord(profile, int(pitches.min()) % 12)
    if chord is None:
        return None
    outside = profile[harmony.CHORD_TEMPLATES[chord] == 0].sum()
    return chord if outside <= 0.25 * profile.sum() else None
