"""Peak memory of musika_generate.py for a short and a long piece: it should not grow with the length.

The figure is the largest resident set of the whole process, as the system reports it when the process has ended.

A day of music takes long to render. With `--hours 24`, one process visits each hour of a piece instead and streams a
part of it there. The figure is then the resident set of the process after each visit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
    parser.add_argument(
        "--hours", type=command.parse_number(int, 1), metavar="N", help="visit so many hours of one piece instead"
    )
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 1), metavar="X", default=30.0, help="of each visit"
    )
    options = parser.parse_args()
    if options.hours is not None:
        yardstick.report("resident memory of a stream", _visit_hours(options), yardstick.measure(), options.json)
        return 0
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


def _visit_hours(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The resident set after parts of a piece at its first hours; the first two parts warm up."""
    import musika

    piece = musika.load(options.load_path, options.dec_path).piece(0)
    assert isinstance(piece, musika.Piece)
    for _ in range(2):
        piece.render(0.0, options.seconds)
    rows = []
    for hour in range(options.hours + 1):
        for _ in piece.stream(3600.0 * hour, options.seconds):
            pass
        rows.append({"hour": hour, "resident MiB": _read_resident() / 2**20})
    first = rows[0]["resident MiB"]
    return [{**row, "over the first": row["resident MiB"] / first} for row in rows]


def _read_resident() -> int:
    """Bytes of memory that this process has, on Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    command.run(main)
