"""The yardstick of every benchmark: TensorFlow's matrix product of size 2048, all cores, best of ten.

It is measured in a process of its own, which has as many threads as there are cores: in the process of a benchmark,
each operation may have only one.

Speeds of different machines, and of a machine that is busy, compare as ratios to it. A speed "at 420 GFLOP/s" was
measured at another yardstick and scaled.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.common import command

ROOT = Path(__file__).resolve().parents[1]
SIZE, REPEATS = 2048, 10
REFERENCE = 420.0  # GFLOP/s in float32 that speeds are scaled to


def measure() -> dict[str, float]:
    """GFLOP/s of the matrix product in float32 and in bfloat16.

    Raises:
        MusikaError: the process failed.
    """
    from musika.environment import THREADS
    from musika.errors import MusikaError

    surroundings = {name: value for name, value in os.environ.items() if name not in (THREADS, "OMP_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "speeds.json"
        words = [sys.executable, "-m", "benchmarks.yardstick", "--json", str(target)]
        done = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, text=True)
        if done.returncode:
            raise MusikaError(f"the yardstick could not be measured: {done.stderr}")
        return json.loads(target.read_text())["yardstick_gflops"]


def _measure_here() -> dict[str, float]:
    from musika import environment

    environment.prepare()
    import tensorflow as tf

    speeds = {}
    with tf.device("CPU"):
        for dtype in (tf.float32, tf.bfloat16):
            left, right = (tf.cast(tf.random.stateless_normal((SIZE, SIZE), (seed, 0)), dtype) for seed in (1, 2))
            product = tf.function(lambda left, right: tf.reduce_sum(tf.matmul(left, right)[:1]))
            product(left, right).numpy()  # compiles
            seconds = time_best(lambda: product(left, right).numpy(), REPEATS)  # noqa: B023 (called at once)
            speeds[dtype.name] = 2 * SIZE**3 / seconds / 1e9
    return speeds


def time_best(action: Callable[[], Any], repeats: int) -> float:
    """Seconds that the fastest of several runs takes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def pick_faster(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The faster of two yardsticks, measured before and after a benchmark."""
    return {name: max(first[name], second[name]) for name in first}


def scale_speed(speed: float, yardstick: Mapping[str, float]) -> float:
    """A speed as it would be at the reference yardstick."""
    return speed * REFERENCE / yardstick["float32"]


def make_parser(module: str, docstring: str | None) -> argparse.ArgumentParser:
    """The parser of a benchmark, with --json."""
    parser = command.make_parser(module, docstring)
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures to this file")
    return parser


def report(title: str, rows: Sequence[Mapping[str, Any]], yardstick: Mapping[str, float], target: Path | None) -> None:
    """Prints rows with the same columns as a table, with the yardstick below; saves both as JSON if asked for."""
    from musika import console

    columns = list(rows[0]) if rows else []
    cells = [columns, *([_format(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    console.say(title)
    for line in cells:
        padded = [
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        console.say("  " + "  ".join(padded))
    speeds = ", ".join(f"{name} {value:.0f}" for name, value in yardstick.items())
    console.say(f"  yardstick of this run, GFLOP/s: {speeds}; {os.cpu_count()} cores")
    if target is not None:
        machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
        content = {"title": title, "rows": list(rows), "yardstick_gflops": dict(yardstick), **machine}
        target.write_text(json.dumps(content, indent=2) + "\n")


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> int:
    options = make_parser("benchmarks.yardstick", __doc__).parse_args()
    speeds = _measure_here()
    rows = [{"matrix product": name, "GFLOP/s": value} for name, value in speeds.items()]
    report(f"TensorFlow, {SIZE} cubed, best of {REPEATS}", rows, speeds, options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
