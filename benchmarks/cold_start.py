"""From pressing return to a finished file: wall time of musika_generate.py as a whole process, beside the yardstick.

python -m benchmarks.cold_start [--seconds 60] [--load_path FOLDER] [--dec_path FOLDER] [--repeats 3]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import yardstick


def main() -> None:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("--load_path", default="checkpoints/open", help="generator")
    parser.add_argument("--dec_path", default=None, help="codec (default: the one that fits)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the piece (default: 60)")
    parser.add_argument("--repeats", type=int, default=3, help="processes one after another (default: 3)")
    options = parser.parse_args()
    words = [
        sys.executable,
        str(yardstick.ROOT / "musika_generate.py"),
        "--seconds",
        str(options.seconds),
        "--seed",
        "0",
    ]
    words += ["--load_path", options.load_path]
    words += ["--dec_path", options.dec_path] if options.dec_path else []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.repeats):
            begun = time.perf_counter()
            subprocess.run([*words, "--save_path", str(Path(folder) / str(number))], check=True, capture_output=True)
            spent = time.perf_counter() - begun
            rows.append({"run": number + 1, "s": spent, "x real time": options.seconds / spent})
    ruler = yardstick.measure()
    yardstick.report(f"{options.seconds:g} s of audio on disk, start of Python included", rows, ruler, options.json)


if __name__ == "__main__":
    main()
