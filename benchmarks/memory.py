"""Peak memory of musika_generate.py for a short and a long piece: it should not grow with the length.

The figure is the largest resident set of the whole process, as the system reports it when the process has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import yardstick
from benchmarks.common import generating
from musika.errors import MusikaError
from tools.common import command

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in the unit of ru_maxrss


def measure_peak(words: list[str], messages: Path) -> int:
    """Bytes of the largest resident set of a process, whose output goes to a file.

    Raises:
        MusikaError: the process failed.
    """
    with messages.open("wb") as file:
        child = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise MusikaError(f"{' '.join(words)} ended with {child.returncode}: {messages.read_text()}")
    return usage.ru_maxrss * UNIT


def main() -> int:
    parser = yardstick.make_parser("benchmarks.memory", __doc__)
    generating.add_checkpoint_flags(parser)
    parser.add_argument(
        "--minutes",
        type=command.parse_number(float, 0.01),
        metavar="X",
        nargs="+",
        default=[1.0, 60.0],
        help="lengths of the pieces",
    )
    options = parser.parse_args()
    rows = []
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            words = generating.build_command(options, minutes * 60, Path(folder))
            start = time.perf_counter()
            peak = measure_peak(words, Path(folder) / "messages")
            seconds = time.perf_counter() - start
        rows.append({"minutes": minutes, "peak MiB": peak / 2**20, "s": seconds})
    yardstick.report("peak memory of generating", rows, yardstick.measure(), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
