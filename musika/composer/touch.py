"""Performs the notes of a section: seconds, MIDI velocities and the sustain pedal, with small random changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika.composer import harmony
from musika.composer.clock import Clock
from musika.composer.plan import PieceFrame
from musika.composer.sections import SectionNotes, find_melody
from musika.composer.vocabulary import get_velocity
from musika.score import NO_NOTES, Notes, Pedals

JITTER = 0.008  # seconds in which the random delays of onsets lie
EARLY_RELEASE = 0.02  # seconds by which a note is released before its written end
SHORTEST_NOTE = 0.03  # seconds
VELOCITY_RANGE = 7.0  # in which the random changes of velocities lie
SPREAD = 1.5  # by which the composer's differences of velocity are multiplied: it writes smaller ones than people play
MELODY_VELOCITY = 9  # how much louder the highest voice is
ACCOMPANIMENT = 0.5  # mean velocity of what accompanies a given melody over that of the melody, at most
PEDAL_DELAY = 0.05  # seconds after the change of harmony
MOST_OUTSIDE = 0.25  # share of the sound that may be outside a chord under one pedal
PIANO = 0


def add_touch(
    notes: SectionNotes,
    clock: Clock,
    section: int,
    chances: np.ndarray,
    velocity: float,
    is_given: np.ndarray | None = None,
) -> Notes:
    """The notes of a section as they are played, on a piano.

    Args:
        notes: on the grid of beats, with levels of velocity.
        clock: says when beats are.
        section: its number.
        chances: random numbers from -1/2 to 1/2 for onsets and velocities, `[n + 1, 4]`; zeros change nothing.
        velocity: mean MIDI velocity of the section, where no melody is given.
        is_given: which notes are those of a given melody, bool `[n]`; the others are softer.
    """
    if not len(notes):
        return NO_NOTES
    chances = chances[: len(notes)]
    onsets = clock.to_seconds(section, notes.onsets) + JITTER * (chances[:, 0] + 0.5)
    # notes that begin together still begin from low to high
    order = np.argsort(onsets, kind="stable")
    releases = clock.to_seconds(section, notes.onsets + notes.durations) - EARLY_RELEASE
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
    releases = np.maximum(releases, onsets + SHORTEST_NOTE)
    programs, is_drum = np.full(len(notes), PIANO), np.zeros(len(notes), bool)
    return Notes(onsets[order], releases[order], notes.pitches[order], velocities[order], programs, is_drum)


def make_pedals(notes: SectionNotes, frame: PieceFrame, clock: Clock, section: int) -> Pedals:
    """The sustain pedal: pressed after each change of harmony, lifted at the next; up where there is no clear chord.

    It is lifted at the end of the section, so that the next begins clear.
    """
    half = frame.bar_length / 2
    chords = [_find_clear_chord(notes, half * number, half * (number + 1)) for number in range(2 * frame.bars)]
    changes = [n for n, chord in enumerate(chords) if n % 2 == 0 or chord != chords[n - 1]]
    return press_pedals([half * n for n in changes], [chords[n] is not None for n in changes], clock, section)


def press_pedals(units: Sequence[float], is_down: Sequence[bool], clock: Clock, section: int) -> Pedals:
    """The sustain pedal: lifted at some units of a section, pressed again where it is to be down, and up at its end.

    Args:
        units: ascending, `[k]`.
        is_down: whether the pedal is pressed after each, `[k]`.
    """
    begins = clock.to_seconds(section, np.array(units, float))
    pressed = np.minimum(begins + PEDAL_DELAY, np.append(begins[1:], clock.get_start(section + 1)))
    times = np.append(np.stack([begins, pressed], 1).ravel(), clock.get_start(section + 1))
    values = np.append(np.stack([np.zeros(len(begins)), np.array(is_down, float)], 1).ravel(), 0.0)
    return Pedals(times, values, np.full(len(times), PIANO))


def _find_clear_chord(notes: SectionNotes, begin: float, end: float) -> int | None:
    """The chord that sounds between two units; None where there is none, or too much sounds beside it for a pedal."""
    sounding = harmony.weigh_sounding_notes(notes.onsets, notes.onsets + notes.durations, notes.pitches, begin, end)
    chord = None if sounding is None else harmony.estimate_chord(*sounding)
    if sounding is None or chord is None:
        return None
    profile = sounding[0]
    outside = profile[harmony.CHORD_TEMPLATES[chord] == 0].sum()
    return chord if outside <= MOST_OUTSIDE * profile.sum() else None
