"""Small scores for tests: an arpeggio that goes round in a cycle of chords, in any key and of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika.composer.works import Work, make_work
from musika.score import Metres, Notes, Score, make_constant_tempo

CHORDS = ((0, 4, 7, 12), (5, 9, 12, 17), (7, 11, 14, 19), (0, 4, 7, 12))  # C, F, G, C, above the tonic
TEMPO = 120.0  # quarter notes a minute


def make_score(bars: int = 16, tonic: int = 60, beats: int = 4, seed: int = 0) -> Score:
    """Eighth notes over a bass note in each bar; velocities and some pitches differ with the seed."""
    random = np.random.default_rng(seed)
    rows = []
    for bar in range(bars):
        chord = CHORDS[(bar + (bar // 8) * seed) % 4]
        rows.append((bar * beats, beats, tonic - 12 + chord[0], 70))
        for eighth in range(2 * beats):
            pitch = tonic + chord[int(random.integers(4))]
            rows.append((bar * beats + eighth / 2, 0.5, pitch, 60 + int(random.integers(40))))
    starts, lengths, pitches, velocities = np.array(rows).T
    order = np.lexsort((pitches, starts))
    seconds = 60 / TEMPO
    zeros = np.zeros(len(rows), int)
    columns = (starts * seconds, (starts + lengths) * seconds, pitches, velocities, zeros, zeros.astype(bool))
    notes = Notes(*(column[order] for column in columns))
    metres = Metres(np.zeros(1), np.array([beats]), np.array([4]))
    return Score(notes, tempo=make_constant_tempo(TEMPO), metres=metres)


def make_small_work(name: str = "work", **values: int) -> Work:
    """The same as a work."""
    return make_work(name, make_score(**values))


def write_midi_folder(folder: Path, works: int = 3, bars: int = 16) -> Path:
    """MIDI files of different keys: `work-a.mid` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(works):
        make_score(bars=bars, tonic=55 + 2 * number, seed=number).save(folder / f"work-{'abcdefgh'[number]}.mid")
    return folder
