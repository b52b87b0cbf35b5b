"""Write practice material as MIDI files: scales, chords, arpeggios, repeated notes, long notes and random notes.

Music leaves out many notes: the lowest keys, very soft and very loud ones, dense clusters, fast repetitions. Practice
material has them all, so that a performer learns how each one sounds. Each file PRACTICE-FAMILY-NUMBER.mid lasts three
minutes and holds exercises of 10 to 30 seconds, each with its own keys, tempo, loudness and pedal. A family of
instruments (--family) plays with all of its programs of General MIDI, one in each exercise.
The same seed writes the same files, and a larger --hours adds to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musika.tracks import FAMILIES
from tools.common import command, jobs
from tools.data.exercises import write_file

MINUTES = 3


def write_all(options: Any) -> Iterator[tuple[Path, str, str]]:
    """Writes all files; gives the file and what was done."""
    count = max(1, round(options.hours * 60 / MINUTES))
    for number in range(count):
        path = options.folder / f"practice-{options.family}-{number:04d}.mid"
        score = write_file(path, options.family, options.seed, number, MINUTES * 60.0)
        yield path, f"{path.name}: {len(score.notes)} notes", ""


def main() -> int:
    parser = command.make_parser("tools.data.write_practice", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder that the MIDI files are written to")
    parser.add_argument(
        "--family", choices=FAMILIES, metavar="NAME", default="piano", help=f"of instruments: {', '.join(FAMILIES)}"
    )
    parser.add_argument(
        "--hours", type=command.parse_number(float, 0, 1000), metavar="X", default=1.0, help="of practice material"
    )
    parser.add_argument("--seed", type=command.parse_number(int, 0), metavar="N", default=0, help="decides everything")
    return jobs.report_results(write_all(parser.parse_args()))


if __name__ == "__main__":
    command.run(main)
