"""From pressing return to a finished file: time of musika_generate.py as a whole process, Python's start included."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import yardstick
from benchmarks.common import generating
from tools.common import command


def main() -> int:
    parser = yardstick.make_parser("benchmarks.cold_start", __doc__)
    generating.add_checkpoint_flags(parser)
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 0.1), metavar="X", default=60.0, help="length of the piece"
    )
    parser.add_argument(
        "--repeats", type=command.parse_number(int, 1), metavar="N", default=3, help="processes, one after another"
    )
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.repeats):
            words = generating.build_command(options, options.seconds, Path(folder) / str(number))
            start = time.perf_counter()
            subprocess.run(words, check=True, capture_output=True)
            seconds = time.perf_counter() - start
            rows.append({"run": number + 1, "s": seconds, "x real time": options.seconds / seconds})
    title = f"{options.seconds:g} s of audio on disk, start of Python included"
    yardstick.report(title, rows, yardstick.measure(), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
