"""Write short excerpts of MIDI files, each played by one instrument, so that a listener learns how families sound.

TARGET_FOLDER/FAMILY gets --files files for each family of instruments. Each holds ten excerpts, one after another: 20
seconds of a random file below MIDI_FOLDER, in a random key, tempo and touch, on a random instrument of the family. In
half of the excerpts of instruments that mostly play one note at a time, only the highest voice is kept. Drums are taken
from files that have some, and from practice material. The same seed writes the same files. `tools.data.render_pairs`
makes sound of them, and `tools.train_families` teaches a network with that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import ScoreError
from musika.score import NO_PEDALS, Score, find_midi, read_score
from musika.tracks import DRUMS, FAMILIES, select_family
from tools.common import command, jobs
from tools.common.variation import Take, play_on_family, vary_score
from tools.data.exercises import write_file

SINGLE = ("bass", "strings", "choir", "brass", "winds", "synthesiser")  # often play one note at a time
KEYS, TEMPO, TOUCH, PEDAL = 5, 0.3, 25.0, 0.5  # largest changes, and how often a pedal is added
SECONDS, GAP = 20.0, 2.0  # of an excerpt, and from one to the next
EXCERPTS = 10  # in a file
FEWEST_NOTES = 8
TRIES = 20


def keep_highest(score: Score) -> Score:
    """The highest note of those that begin together; each ends where the next begins."""
    notes = score.notes
    order = np.lexsort((-notes.pitches, notes.onsets))
    is_first = np.append(True, np.diff(notes.onsets[order]) > 0.02)
    notes = notes.select(np.sort(order[is_first]))
    releases = np.minimum(notes.releases, np.append(notes.onsets[1:], np.inf))
    return replace(score, notes=notes.replace(releases=releases), pedals=NO_PEDALS)


def cut_excerpt(score: Score, seconds: float, rng: np.random.Generator) -> Score:
    """A random part of a score, moved to second 0."""
    start = rng.uniform(0.0, max(score.duration - seconds, 0.0))
    part = score.slice(start, start + seconds)
    return part.shift(-start).with_constant_tempo()


def make_excerpt(files: Sequence[Path], family: str, seconds: float, rng: np.random.Generator) -> Score:
    """An excerpt of a random file on a random instrument of a family.

    Raises:
        ScoreError: no file has enough notes for it.
    """
    for _ in range(TRIES):
        score = read_score(files[int(rng.integers(len(files)))])
        if family == DRUMS:
            score = select_family(score, DRUMS)
        part = cut_excerpt(score, seconds, rng) if len(score.notes) else score
        key, speed = int(rng.integers(-KEYS, KEYS + 1)), float(np.exp(rng.uniform(-TEMPO, TEMPO)))
        take = Take(key, speed, TOUCH, bool(rng.uniform() < PEDAL), int(rng.integers(2**31)))
        part = vary_score(part, take)
        if family != DRUMS:
            part = play_on_family(part, family, take.seed)
        if family in SINGLE and rng.uniform() < 0.5:
            part = keep_highest(part)
        if len(part.notes) >= FEWEST_NOTES:
            return part
    raise ScoreError(f"the files have too few notes for {family}")


def join_excerpts(files: Sequence[Path], family: str, rng: np.random.Generator) -> Score:
    """Excerpts of random files, one after another.

    Raises:
        ScoreError: as `make_excerpt` says.
    """
    joined = make_excerpt(files, family, SECONDS, rng)
    for number in range(1, EXCERPTS):
        joined = joined.merge(make_excerpt(files, family, SECONDS, rng).shift(number * (SECONDS + GAP)))
    return joined


def write_all(files: Sequence[Path], options: Any) -> Iterator[tuple[Path, str, str]]:
    """Writes all files; gives the file, what was done, and why not."""
    with_drums = [path for path in files if read_score(path).notes.is_drum.any()]
    for number, family in enumerate(FAMILIES):
        for place in range(options.files):
            rng = np.random.default_rng([options.seed, number, place])
            path = options.target / family / f"{family}-{place:04d}.mid"
            if family == DRUMS and (place % 2 or not with_drums):
                write_file(path, DRUMS, options.seed, place, EXCERPTS * (SECONDS + GAP))
            else:
                try:
                    joined = join_excerpts(with_drums if family == DRUMS else files, family, rng)
                except ScoreError as error:
                    yield path, "", str(error)
                    continue
                joined.save(path)
            yield path, path.name, ""


def main() -> int:
    parser = command.make_parser("tools.data.write_excerpts", __doc__)
    parser.add_argument("folder", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER", help="folder that the excerpts are written to")
    parser.add_argument("--files", type=command.parse_number(int, 1), metavar="N", default=8, help="of each family")
    parser.add_argument("--seed", type=command.parse_number(int, 0), metavar="N", default=0, help="decides everything")
    options = parser.parse_args()
    jobs.check_target(options.folder, options.target)
    return jobs.report_results(write_all(find_midi(options.folder), options))


if __name__ == "__main__":
    command.run(main)
