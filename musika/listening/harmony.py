"""The chords and beats of a recording, as musical settings for other music to follow."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np

from musika.config import MusicalSettings
from musika.config.musical import Chord, ChordSpan, Progression
from musika.config.musical.chords import LONGEST, MOST_CHORDS
from musika.errors import AudioError
from musika.listening.beats import FEWEST_BEATS, describe_tempo, find_beats
from musika.listening.chroma import compute_chroma, find_chords, find_key
from musika.listening.recording import Recording, read_recording


def follow_harmony(source: Path | str | Recording) -> MusicalSettings:
    """Tempo and chords of a recording. The first beat of the music is the first that is heard in the recording.

    The chords repeat when the recording is over. Of long recordings, as many chords are taken as settings hold.

    Args:
        source: an audio file, or a recording.

    Raises:
        AudioError: it cannot be read, is silent, or has no beats or no pitches.
    """
    recording = source if isinstance(source, Recording) else read_recording(source)
    beats = find_beats(recording)
    if len(beats) < FEWEST_BEATS:
        raise AudioError(f"no beats are heard in {recording.name}: its chords cannot be followed", "recording")
    chroma = compute_chroma(recording)
    key = find_key(chroma)
    chords = find_chords(chroma, beats, key) if key else []
    if not any(chord.root for chord in chords):
        raise AudioError(f"no pitches are heard in {recording.name}: it has no chords to follow", "recording")
    return MusicalSettings(tempo=describe_tempo(beats), chords=str(join_chords(chords)))


def join_chords(chords: list[Chord]) -> Progression:
    """A progression of one chord for each beat; neighbours that are the same are one."""
    spans = []
    for chord, group in itertools.groupby(chords):
        spans.append(ChordSpan(chord, Fraction(min(len(list(group)), LONGEST)), in_bars=False))
    return Progression(_find_period(tuple(spans[:MOST_CHORDS])))


def _find_period(spans: tuple[ChordSpan, ...]) -> tuple[ChordSpan, ...]:
    """The shortest beginning that, repeated, is the whole; the last may be cut short."""
    beats = [(span.chord, int(span.length)) for span in spans]
    line = np.repeat(np.arange(len(beats)), [length for _, length in beats])
    names = np.array([str(beats[index][0]) for index in line])
    total = 0
    for count, (_, length) in enumerate(beats, 1):
        total += length
        if 2 * total <= len(names) and (names[total:] == names[:-total]).all():
            return spans[:count]
    return spans
