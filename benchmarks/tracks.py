"""Speed of the notes track and of MIDI files: dense random piano, at the beginning and in the last hour of a score.

Seconds are the best of five, of one thread. They do not depend on the matrix products that the yardstick measures, but
on the same processor.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import yardstick
from musika.score import Notes, Pedals, Score, read_score
from musika.tracks import NotesTrack
from tools.common import command

SECONDS_PER_LATENT = 4096 / 44_100
HOURS, NOTES_A_SECOND, SPAN = 9, 20, 90  # SPAN: seconds that are computed
REPEATS = 5


def draw_score(hours: float) -> Score:
    """Random piano music with a pedal that changes every two seconds."""
    rng = np.random.default_rng(0)
    seconds = hours * 3600
    count = round(seconds * NOTES_A_SECOND)
    onsets = np.sort(rng.uniform(0, seconds, count))
    zeros = np.zeros(count)
    notes = Notes(onsets, onsets + 0.4, rng.integers(21, 109, count), rng.integers(1, 128, count), zeros, zeros)
    times = np.arange(0.0, seconds, 1.0)
    return Score(notes, Pedals(times, np.arange(len(times)) % 2, np.zeros(len(times))))


def main() -> int:
    options = yardstick.make_parser("benchmarks.tracks", __doc__).parse_args()
    before = yardstick.measure()
    score = draw_score(HOURS)
    track = NotesTrack(score, SECONDS_PER_LATENT)
    count = round(SPAN / SECONDS_PER_LATENT)
    last = round((HOURS - 0.5) * 3600 / SECONDS_PER_LATENT)
    rows = []
    for name, first in (("first minutes", 0), ("last hour", last)):
        taken = yardstick.time_best(lambda: track.compute(first, count), REPEATS)  # noqa: B023 (called at once)
        rows.append({"what": f"notes track, {SPAN} s in the {name}", "seconds": taken, "x real time": SPAN / taken})
    piece = score.slice(0, 600)
    with tempfile.TemporaryDirectory() as folder:
        path = piece.save(Path(folder) / "piece.mid")
        taken = yardstick.time_best(lambda: read_score(path), REPEATS)
        rows.append({"what": "read a MIDI file of 600 s", "seconds": taken, "x real time": 600 / taken})
        taken = yardstick.time_best(lambda: piece.save(path), REPEATS)
        rows.append({"what": "write it", "seconds": taken, "x real time": 600 / taken})
    yardstick.report("scores and tracks", rows, yardstick.pick_faster(before, yardstick.measure()), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
