"""Facts about excerpts of scores that a composer and a performer learned from: what their captions say."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np

from musika.composer import harmony
from musika.composer.vocabulary import METRE_NAMES, UNITS_PER_BEAT
from musika.composer.works import Work, make_work
from musika.config.musical.keys import MODES, make_key
from musika.config.musical.levels import get_density
from musika.errors import ScoreError
from musika.score import Score, find_midi, read_score
from musika.tracks import find_families

SECONDS = 30.0  # of an excerpt
FEWEST_NOTES = 16
VERSION = re.compile(r"(.+)_\d+([+-]\d+)")  # the names that tools.vary_midi gives


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A score as it was written, with its beats.

    Attributes:
        work: its notes on the grid of its beats; drums are left out.
        score: the same.
        semitones: how much higher the rendered version is.
    """

    work: Work
    score: Score
    semitones: int


class Sources:
    """The scores that rendered versions were made of, by name."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in find_midi(folder)}

    def find(self, name: str) -> Source | None:
        """The source of a version such as `waltz_2-1`; None where there is none with notes."""
        match = VERSION.fullmatch(name)
        path = self._paths.get(match[1] if match else name)
        if path is None:
            return None
        try:
            score = read_score(path)
            return Source(make_work(path.stem, score), score, int(match[2]) if match else 0)
        except ScoreError:
            return None


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """A part of a rendered score.

    Attributes:
        start, stop: seconds in the rendered score.
        facts: values by name, as captions have them.
    """

    start: float
    stop: float
    facts: dict[str, Any]


def describe_excerpt(source: Source, played: Score, chance: float) -> Excerpt | None:
    """An excerpt of about SECONDS, of whole bars, and its facts; None where too little is played.

    Args:
        played: the rendered version: the source in another key and tempo, with a touch of its own.
        chance: 0 to 1: where in the piece.
    """
    work, notes = source.work, source.score.notes
    speed = float(notes.onsets.max() - notes.onsets.min()) / max(float(np.ptp(played.notes.onsets)), 1e-3)
    edges = source.score.tempo.to_seconds(work.bars / UNITS_PER_BEAT) / speed
    bars = min(max(1, int(np.searchsorted(edges - edges[0], SECONDS))), work.bar_count)
    first = int(chance * (work.bar_count - bars + 1))
    chosen = work.find_notes(first, bars)
    start, stop = float(max(edges[first], 0.0)), float(edges[first + bars])
    heard = played.slice(start, stop).notes
    if chosen.stop - chosen.start < FEWEST_NOTES or len(heard) < FEWEST_NOTES:
        return None
    beats = float(work.bars[first + bars] - work.bars[first]) / UNITS_PER_BEAT
    pitches, durations = work.pitches[chosen] + source.semitones, work.durations[chosen]
    tonic, mode = harmony.estimate_key(harmony.weigh_pitch_classes(pitches, durations))
    metre = int(work.metres[first])
    facts: dict[str, Any] = {
        "tempo": round(60.0 * beats / (stop - start)),
        "key": str(make_key(tonic, MODES[mode])),
        "density": round(get_density(len(pitches) / beats), 2),
        "dynamics": round(float(heard.velocities[~heard.is_drum].mean()) / 127, 2),
        "register": round(float(pitches.mean()), 1),
        "articulation": round(measure_articulation(work.onsets[chosen], durations), 2),
        "instruments": find_families(dataclasses.replace(played, notes=heard)),
    }
    return Excerpt(start, stop, facts | ({"metre": METRE_NAMES[metre]} if metre >= 0 else {}))


def measure_articulation(onsets: np.ndarray, durations: np.ndarray) -> float:
    """Median length of notes relative to the time until the next onset, at most 1.5.

    Args:
        onsets: ascending, `[n]`.
        durations: in the same unit, `[n]`.
    """
    times = np.unique(onsets)
    following = np.searchsorted(times, onsets, side="right")
    is_inside = following < len(times)
    gaps = times[following[is_inside]] - onsets[is_inside]
    return float(np.median(np.minimum(durations[is_inside] / gaps, 1.5))) if is_inside.any() else 1.0
