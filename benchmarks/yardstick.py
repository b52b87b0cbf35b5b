"""The yardstick of every benchmark: TensorFlow's matrix product, 2048 cubed, all cores, best of ten.

    python -m benchmarks.yardstick [--json FILE]

Speeds of other machines and busy hours compare as ratios to it. What is said to hold "at 420 GFLOP/s" was measured at
another yardstick and scaled. Also here: what the benchmarks share, a table on the console and the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

SIZE, REPEATS = 2048, 10
REFERENCE = 420.0  # GFLOP/s in float32 that speeds are scaled to


def measure() -> dict[str, float]:
    """GFLOP/s of the matrix product in float32 and in bfloat16."""
    from musika import environment

    environment.prepare()
    import tensorflow as tf

    found = {}
    with tf.device("CPU"):
        for dtype in (tf.float32, tf.bfloat16):
            left, right = (tf.cast(tf.random.stateless_normal((SIZE, SIZE), (seed, 0)), dtype) for seed in (1, 2))
            product = tf.function(lambda left, right: tf.reduce_sum(tf.matmul(left, right)[:1]))
            product(left, right).numpy()
            seconds = best(lambda: product(left, right).numpy(), REPEATS)  # noqa: B023 (called at once)
            found[dtype.name] = 2 * SIZE**3 / seconds / 1e9
    return found


def best(action: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest run."""
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        spent.append(time.perf_counter() - begun)
    return min(spent)


def better(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The faster of two yardsticks of one run, measured before and after the rest."""
    return {name: max(first[name], second[name]) for name in first}


def scaled(speed: float, yardstick: Mapping[str, float]) -> float:
    """A speed as it would be at the reference yardstick."""
    return speed * REFERENCE / yardstick["float32"]


def parser(about: str) -> argparse.ArgumentParser:
    """A command line with --json and the first line of the script's docstring."""
    made = argparse.ArgumentParser(description=about.strip().splitlines()[0])
    made.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there (default: nowhere)")
    return made


def report(title: str, rows: Sequence[Mapping[str, Any]], yardstick: Mapping[str, float], target: Path | None) -> None:
    """Prints rows of one kind as a table, below them the yardstick; writes both as JSON where that is asked for."""
    columns = list(rows[0]) if rows else []
    cells = [columns, *([_shown(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    print(title)
    for line in cells:
        padded = [
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  " + "  ".join(padded))
    measured = ", ".join(f"{name} {value:.0f}" for name, value in yardstick.items())
    print(f"  yardstick of this run, GFLOP/s: {measured}; {os.cpu_count()} cores")
    if target is not None:
        machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
        content = {"title": title, "rows": list(rows), "yardstick_gflops": dict(yardstick), **machine}
        target.write_text(json.dumps(content, indent=2) + "\n")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    found = measure()
    rows = [{"matrix product": name, "GFLOP/s": value} for name, value in found.items()]
    report(f"TensorFlow, {SIZE} cubed, best of {REPEATS}", rows, found, options.json)


if __name__ == "__main__":
    main()
