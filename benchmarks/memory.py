"""Peak memory of musika_generate.py for a short and a long piece: it should not grow with the length.

    python -m benchmarks.memory [--minutes 1 60] [--load_path FOLDER] [--dec_path FOLDER]

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

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in ru_maxrss's unit


def main() -> None:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("--load_path", default="checkpoints/open", help="generator")
    parser.add_argument("--dec_path", default=None, help="codec (default: the one that fits)")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 60.0], help="lengths (default: 1 60)")
    options = parser.parse_args()
    words = [
        sys.executable,
        str(yardstick.ROOT / "musika_generate.py"),
        "--seed",
        "0",
        "--load_path",
        options.load_path,
    ]
    words += ["--dec_path", options.dec_path] if options.dec_path else []
    rows = []
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            more = ["--seconds", str(minutes * 60), "--save_path", folder]
            begun = time.perf_counter()
            peak = _peak([*words, *more], Path(folder) / "messages")
            spent = time.perf_counter() - begun
        rows.append({"minutes": minutes, "peak MiB": peak / 2**20, "s": spent})
    yardstick.report("peak memory of generating", rows, yardstick.measure(), options.json)


def _peak(words: list[str], messages: Path) -> int:
    """Bytes of the largest resident set of one process of ours."""
    with messages.open("wb") as file:
        child = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {child.returncode}:\n{messages.read_text()}")
    return usage.ru_maxrss * UNIT


if __name__ == "__main__":
    main()
