"""How well composed music follows what is asked: keys, chords, tempi, density, register and dynamics of its scores.

Takes a composer's checkpoint, or a checkpoint with one in its folder `composer`. Nothing is played: all figures are of
notes. Keys are told by the pitch classes of all notes, weighed by their lengths. A beat holds its chord where more than
half of the notes that sound then belong to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from musika import console
from musika.composer.load import load_composer
from musika.composer.piece import ComposedScore
from musika.config import SAMPLE_RATE, MusicalSettings
from musika.config.musical.keys import make_key
from musika.config.musical.levels import get_notes_per_beat
from musika.listening.chroma import find_key
from musika.score import Score
from tools.common import command

SECONDS_PER_LATENT = 4096 / SAMPLE_RATE
CHORDS = ("Am F C G", "Dm7 G7 Cmaj7 A7", "F#m D A E", "C/E F Gsus4 G")
TEMPI = ("62", "124", "0:00=90, 1:00=120")
TEMPO = 90  # beats a minute, where densities are counted


def compose(composer: Any, seed: int, seconds: float, **asked: str) -> Score:
    """A score that was asked for."""
    return ComposedScore(composer, seed, MusicalSettings(**asked), SECONDS_PER_LATENT).get_score(0.0, seconds)


def measure_keys(composer: Any, count: int, seconds: float) -> str:
    """How many of `count` pieces are in the asked key, and in it or its relative."""
    exact = near = 0
    for seed in range(count):
        key = make_key(7 * seed % 12, ("major", "minor")[seed % 2])
        notes = compose(composer, seed, seconds, key=str(key)).notes
        found = find_key(np.bincount(notes.pitches % 12, np.minimum(notes.releases - notes.onsets, 2.0), 12)[None])
        relative = make_key(key.pitch_class + (9 if key.mode == "major" else 3), "major")
        is_exact = found is not None and (found.pitch_class, found.mode) == (key.pitch_class, key.mode)
        exact += is_exact
        near += is_exact or (found is not None and found.mode != key.mode and found.pitch_class == relative.pitch_class)
    return f"{exact} of {count} in the asked key, {near} in it or its relative"


def measure_chords(score: Score, asked: MusicalSettings, bar: int = 4) -> float:
    """Share of the beats with notes that hold their chord."""
    assert asked.chords_value is not None
    notes = score.notes
    begins, ends = score.tempo.to_beats(notes.onsets), score.tempo.to_beats(notes.releases)
    held = []
    for beat in range(int(ends.max(initial=0.0))):
        sounds = (begins <= beat + 0.5) & (ends > beat + 0.01)
        if sounds.any():
            allowed = asked.chords_value.get_chord(beat, Fraction(bar)).pitch_classes
            held.append(np.mean(np.isin(notes.pitches[sounds] % 12, list(allowed))) > 0.5)
    return float(np.mean(held)) if held else float("nan")


def measure(composer: Any, pieces: int, seconds: float) -> Iterator[str]:
    """A line for each setting."""
    yield f"key: {measure_keys(composer, pieces, seconds)}"
    for chords in CHORDS:
        share = measure_chords(
            compose(composer, 3, seconds, chords=chords, metre="4/4"), MusicalSettings(chords=chords)
        )
        yield f"chords {chords}: {share:.2f} of the beats hold them"
    for tempo in TEMPI:
        asked = MusicalSettings(tempo=tempo).tempo_value
        score = compose(composer, 3, seconds, tempo=tempo)
        assert asked is not None
        got = [60 * float(np.diff(score.tempo.to_beats(np.array([at - 0.5, at + 0.5])))[0]) for at in (5, seconds - 5)]
        wanted = [asked.get_value(5), asked.get_value(seconds - 5)]
        yield f"tempo {tempo}: asked {wanted[0]:.2f} and {wanted[1]:.2f}, is {got[0]:.2f} and {got[1]:.2f}"
    beats = seconds * TEMPO / 60
    for level in ("sparse", "medium", "dense"):
        wanted_density = MusicalSettings(density=level).density_value
        assert wanted_density is not None
        count = len(compose(composer, 5, seconds, density=level, tempo=str(TEMPO)).notes)
        per_beat = get_notes_per_beat(wanted_density.get_value(0))
        yield f"density {level}: asked {per_beat:.2f} notes a beat, is {count / beats:.2f}"
    for level in ("low", "mid", "high"):
        pitches = compose(composer, 5, seconds, register=level).notes.pitches
        yield f"register {level}: mean key {pitches.mean():.1f}"
    for level in ("pp", "mf", "ff"):
        velocities = compose(composer, 5, seconds, dynamics=level).notes.velocities
        yield f"dynamics {level}: velocities {velocities.min()} to {velocities.max()}"


def main() -> int:
    parser = command.make_parser("benchmarks.steering", __doc__)
    parser.add_argument(
        "--load_path", type=Path, default=Path("checkpoints/piano"), metavar="FOLDER", help="checkpoint"
    )
    parser.add_argument("--pieces", type=int, default=10, metavar="N", help="pieces whose key is told")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="X", help="length of each piece")
    options = parser.parse_args()
    inner = options.load_path / "composer"
    for line in measure(load_composer(inner if inner.is_dir() else options.load_path), options.pieces, options.seconds):
        console.say(line)
    return 0


if __name__ == "__main__":
    command.run(main)
