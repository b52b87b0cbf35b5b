"""From the grid to a performance: seconds, velocities and the pedal of a section, with small random changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.composer import harmony
from musika.composer.clock import Clock
from musika.composer.plan import PieceFrame
from musika.composer.sections import SectionNotes, find_melody
from musika.composer.vocabulary import get_velocity
from musika.score import NO_NOTES, Notes, Pedals

JITTER = 0.008  # seconds
VELOCITY_RANGE = 7.0  # of random changes
SPREAD = 1.5  # by which the composer's differences of velocity are multiplied: it writes smaller ones than people play
MELODY_VELOCITY = 9  # how much louder the highest voice is
ACCOMPANIMENT = 0.5  # mean velocity of what accompanies a given melody over that of the melody, at most
PEDAL_DELAY = 0.05  # seconds after the change of harmony
PIANO = 0


def add_touch(
    notes: SectionNotes,
    clock: Clock,
    section: int,
    chances: np.ndarray,
    velocity: float,
    is_given: np.ndarray | None = None,
) -> Notes:
    """The notes of a section in seconds.

    Args:
        section: its number.
        chances: random numbers from -1/2 to 1/2 for what varies, `[n + 1, 4]`; 0 varies nothing.
        velocity: mean MIDI velocity of the section, where no melody is given.
        is_given: which notes are those of a given melody, bool `[n]`; the others are softer.
    """
    if not len(notes):
        return NO_NOTES
    chances = chances[: len(notes)]
    onsets = clock.to_seconds(section, notes.onsets) + JITTER * (chances[:, 0] + 0.5)
    # notes that begin together still begin from low to high
    order = np.argsort(onsets, kind="stable")
    releases = clock.to_seconds(section, notes.onsets + notes.durations) - 0.02
    melody = find_melody(notes)
    is_melody = np.isin(notes.onsets * 128 + notes.pitches, melody.onsets * 128 + melody.pitches)
    velocities = get_velocity(notes.velocities) + MELODY_VELOCITY * is_melody
    if is_given is None or not is_given.any():  # the network follows the loudness that it is asked for only roughly
        velocities = velocity + SPREAD * (velocities - velocities.mean())
    velocities = velocities + VELOCITY_RANGE * chances[:, 1]
    if is_given is not None and is_given.any() and not is_given.all():
        excess = velocities[~is_given].mean() / max(ACCOMPANIMENT * velocities[is_given].mean(), 1.0)
        velocities = np.where(is_given, velocities, velocities / max(excess, 1.0))
    velocities = np.clip(np.rint(velocities), 1, 127).astype(int)
    releases = np.maximum(releases, onsets + 0.03)
    programs, is_drum = np.full(len(notes), PIANO), np.zeros(len(notes), bool)
    return Notes(onsets[order], releases[order], notes.pitches[order], velocities[order], programs, is_drum)


def make_pedals(notes: SectionNotes, frame: PieceFrame, clock: Clock, section: int) -> Pedals:
    """The sustain pedal: pressed after each change of harmony, lifted at the next; up where there is no clear chord.

    It is lifted at the end of the section, so that the next begins clear.
    """
    half = frame.bar_length / 2
    chords = [_find_chord(notes, half * number, half * (number + 1)) for number in range(2 * frame.bars)]
    changes = [n for n, chord in enumerate(chords) if n % 2 == 0 or chord != chords[n - 1]]
    return press_pedals([half * n for n in changes], [chords[n] is not None for n in changes], clock, section)


def press_pedals(units: Sequence[float], is_down: Sequence[bool], clock: Clock, section: int) -> Pedals:
    """The sustain pedal: lifted at some units of a section, pressed again where it is to be down, and up at its end."""
    begins = clock.to_seconds(section, np.array(units, float))
    pressed = np.minimum(begins + PEDAL_DELAY, np.append(begins[1:], clock.get_start(section + 1)))
    times = np.append(np.stack([begins, pressed], 1).ravel(), clock.get_start(section + 1))
    values = np.append(np.stack([np.zeros(len(begins)), np.array(is_down, float)], 1).ravel(), 0.0)
    return Pedals(times, values, np.full(len(times), PIANO))


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
