"""Write several versions of each MIDI file: other keys, other tempi, and a livelier touch.

Each MIDI file below MIDI_FOLDER is written as NAME_I+K.mid into the same sub-folders of TARGET_FOLDER, --takes times,
each in another of the keys up to --semitones away, the nearest first. The first version keeps key and tempo; the others
are up to --tempo faster or slower (0.12 is 12 %). With --touch T, the loudness of phrases swells and fades by up to T
steps of MIDI's velocity, single notes differ by a fifth of that, and notes come up to 15 ms early or late, as if a
person played. With --pedal P, a share P of the versions gets a sustain pedal where the file has none. Every instrument
becomes a grand piano, and percussion is left out. With --instruments keep, both stay; with --instruments strings or
another family, each version is played on one instrument of it. All files have one constant tempo,
since FluidSynth loses time where a file has many tempi. The same command writes the same files.
A model that has only a few hours of music learns them by heart; versions make them more. Files that cannot be read are
listed, and the exit code is 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from musika.errors import ScoreError
from musika.score import Score, find_midi, read_score
from musika.tracks import PITCHED
from tools.common import command, jobs
from tools.common.instruments import RANGES
from tools.common.variation import Take, make_piano, plan_takes, play_on_family, vary_score

PIANO, KEEP = "piano", "keep"


def choose_instruments(score: Score, instruments: str, take: Take) -> Score:
    """A version of a score on the piano, on an instrument of a family, or on its own instruments."""
    if instruments == KEEP:
        return vary_score(score, take)
    if instruments == PIANO:
        return vary_score(make_piano(score), take, *RANGES[PIANO])
    return play_on_family(vary_score(score, take), instruments, take.seed)


def vary_all(files: Sequence[Path], options: Any) -> Iterator[tuple[Path, str, str]]:
    """Writes all versions; gives the file, what was done, and why not."""
    base = options.folder if options.folder.is_dir() else options.folder.parent
    for source in files:
        place = options.target / source.relative_to(base).parent
        takes = plan_takes(source.stem, options.takes, options.semitones, options.tempo, options.touch, options.pedal)
        try:
            score = read_score(source)
            for i, take in enumerate(takes):
                version = choose_instruments(score, options.instruments, take)
                if not len(version.notes):
                    raise ScoreError("no note is left: it has only drums, or keys beyond those of the instrument")
                version.save(place / f"{source.stem}_{i}{take.key:+d}.mid")
        except ScoreError as error:
            yield source, "", str(error)
            continue
        yield source, f"{source.name}: {len(takes)} versions", ""


def main() -> int:
    parser = command.make_parser("tools.vary_midi", __doc__)
    parser.add_argument("folder", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER", help="folder that the versions are written to")
    parser.add_argument(
        "--semitones", type=command.parse_number(int, 0, 60), metavar="N", default=4, help="keys to either side"
    )
    parser.add_argument(
        "--takes", type=command.parse_number(int, 1), metavar="N", default=9, help="versions of each file"
    )
    parser.add_argument(
        "--tempo", type=command.parse_number(float, 0, 3), metavar="X", default=0.12, help="largest change of tempo"
    )
    parser.add_argument(
        "--touch",
        type=command.parse_number(float, 0, 127),
        metavar="X",
        default=0.0,
        help="largest change of loudness, in velocity",
    )
    parser.add_argument(
        "--pedal",
        type=command.parse_number(float, 0, 1),
        metavar="X",
        default=0.0,
        help="share of versions that get a pedal",
    )
    parser.add_argument(
        "--instruments",
        choices=(KEEP, *PITCHED),
        metavar="NAME",
        default=PIANO,
        help=f"those of the file ({KEEP}), or a family: {', '.join(PITCHED)}",
    )
    options = parser.parse_args()
    jobs.check_target(options.folder, options.target)
    return jobs.report_results(vary_all(find_midi(options.folder), options))


if __name__ == "__main__":
    command.run(main)
