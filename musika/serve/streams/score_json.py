"""Whole scores as JSON, for pages that draw and edit notes: what `describe_score` says, and what it leaves out.

```text
{"onsets": [...], "releases": [...], "pitches": [...], "velocities": [...], "programs": [...], "drums": [...],
 "pedals": {"times": [...], "values": [...], "programs": [...]},    values are 0 (up) to 1 (down)
 "tempo": 120.0,                                                    quarter notes a minute at the beginning
 "metre": [4, 4]}                                                   at the beginning
```

Times are seconds. A score that is read has a constant tempo.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musika.errors import ScoreError
from musika.score import Metres, Notes, Pedals, Score, make_constant_tempo
from musika.score.notes import check_density
from musika.serve.streams.description import describe_score

NOTE_COLUMNS = ("onsets", "releases", "pitches", "velocities", "programs", "drums")
PEDAL_COLUMNS = ("times", "values", "programs")
MAX_NOTES = 50_000  # of a score that is read; pedal events, too
LONGEST = 4 * 3600.0  # seconds
LARGEST = 1e6  # of a number
TEMPI = (10.0, 1000.0)  # quarter notes a minute


def describe_whole_score(score: Score) -> dict[str, Any]:
    """A score as plain JSON values, with its length in seconds. Times are rounded to a tenth of a millisecond."""
    pedals, metres = score.pedals, score.metres
    has_metre = len(metres.beats) > 0
    return {
        **describe_score(score, 0.0),
        "pedals": {
            "times": pedals.times.round(4).tolist(),
            "values": pedals.values.round(3).tolist(),
            "programs": pedals.programs.tolist(),
        },
        "tempo": round(60.0 / float(score.tempo.seconds_per_beat[0]), 3),
        "metre": [int(metres.numerators[0]), int(metres.denominators[0])] if has_metre else [4, 4],
        "seconds": score.duration,
    }


def parse_score(data: bytes) -> Score:
    """The score of a JSON text, which may come from anybody.

    Raises:
        ScoreError: it is no JSON of this form, has no notes, too many, or numbers out of range.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise ScoreError("the notes are no JSON text") from None
    if not isinstance(value, dict):
        raise ScoreError("the notes must be a JSON object")
    rows = _read_columns(value, "notes", NOTE_COLUMNS)
    if not len(rows):
        raise ScoreError("there are no notes: draw at least one")
    pitches, velocities, programs, drums = np.rint(rows[:, 2:]).astype(np.int64).T
    notes = Notes(rows[:, 0], np.maximum(rows[:, 1], rows[:, 0]), pitches, velocities, programs, drums > 0)
    given = value.get("pedals", {})
    if not isinstance(given, dict):
        raise ScoreError("pedals must be a JSON object")
    pedals = Pedals(*_read_columns(given, "pedals", PEDAL_COLUMNS).T)
    score = Score(notes, pedals, make_constant_tempo(_read_tempo(value)), _read_metre(value))
    if score.last_event > LONGEST:
        raise ScoreError(f"the notes last longer than {LONGEST / 3600:g} hours")
    check_density(notes)
    return score


def _read_columns(value: Mapping[str, Any], what: str, names: Sequence[str]) -> np.ndarray:
    """Lists of numbers as float64 `[n, columns]`, ascending by the first column; n is 0 where all are absent."""
    columns = [value.get(name, []) for name in names]
    for name, column in zip(names, columns, strict=True):
        if not isinstance(column, list):
            raise ScoreError(f"{name} of {what} must be a list")
        if len(column) > MAX_NOTES:
            raise ScoreError(f"there are {len(column):,} {what}; at most {MAX_NOTES:,} can be sent")
        if len(column) != len(columns[0]):
            raise ScoreError(f"{name} of {what} must have {len(columns[0])} numbers, as {names[0]} has")
        if not all(type(number) in (int, float, bool) and 0 <= number < LARGEST for number in column):
            raise ScoreError(f"{name} of {what} must be numbers from 0 on")
    table = np.array(columns, float).reshape(len(names), -1).T
    return table[np.argsort(table[:, 0], kind="stable")]


def _read_tempo(value: Mapping[str, Any]) -> float:
    tempo = value.get("tempo", 120.0)
    if type(tempo) not in (int, float) or not math.isfinite(tempo) or not TEMPI[0] <= tempo <= TEMPI[1]:
        raise ScoreError(f"tempo must be a number from {TEMPI[0]:g} to {TEMPI[1]:g}")
    return float(tempo)


def _read_metre(value: Mapping[str, Any]) -> Metres:
    """The metre; 4/4 where none is said."""
    metre = value.get("metre", [4, 4])
    is_pair = isinstance(metre, list) and len(metre) == 2 and all(type(number) is int for number in metre)
    if not is_pair or not 1 <= metre[0] <= 32 or metre[1] not in (1, 2, 4, 8, 16, 32):
        raise ScoreError("metre must be two whole numbers, such as [3, 4]")
    return Metres(np.zeros(1), np.array([metre[0]]), np.array([metre[1]]))
