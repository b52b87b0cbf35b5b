"""Where the time of rendering goes, how soon the first sound is there, and whether hour 100 costs what second 0 costs.

The model is loaded and compiled before anything is measured. Parts are seconds of work for a minute of music: latents
(the networks of the generator), decoder (networks and synthesis), limiter. The whole is less than their sum where a
thread makes the next block while one is used.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common import generating
from tools.common import command

MINUTE = 60.0
HOUR_100 = 360_000.0
SEEKS = 8  # places that a seek is measured at
PART = 1.0  # seconds that a seek renders


def main() -> int:
    parser = yardstick.make_parser("benchmarks.rendering", __doc__)
    generating.add_checkpoint_flags(parser)
    whole = command.parse_number(int, 1)
    parser.add_argument("--repeats", type=whole, metavar="N", default=3, help="runs of each part; the best counts")
    parser.add_argument("--jobs", type=whole, metavar="N", default=1, help="also measure that many processes")
    parser.add_argument(
        "--minutes", type=command.parse_number(float, 0.1), metavar="X", default=5.0, help="of music, with --jobs"
    )
    options = parser.parse_args()

    import musika

    piece = _load(options.load_path, options.dec_path).piece(0)
    assert isinstance(piece, musika.Piece)
    piece.render(0.0, 10.0)  # compiles
    rows = [*_measure_parts(piece, options.repeats), *_measure_latency(piece, options.repeats)]
    if options.jobs > 1:
        rows += _measure_jobs(piece, options)
    columns = ("part", "s", "x real time", "share")
    rows = [{name: row.get(name, float("nan")) for name in columns} for row in rows]
    yardstick.report("rendering", rows, yardstick.measure(), options.json)
    return 0


def _load(load_path: Path, dec_path: Path | None) -> Any:
    import musika
    from musika import environment

    environment.prepare()  # also in the processes of --jobs
    return musika.load(load_path, dec_path)


def _measure_parts(piece: Any, repeats: int) -> list[dict[str, Any]]:
    """Seconds of work for a minute of music."""
    from musika.render import limiter

    model = piece.model
    codec, count = model.codec, model.count_samples(MINUTE)
    latents = piece.open_latents().get_span(0, codec.count_latents(count))
    waveform = np.concatenate(list(piece.stream_without_levels(0, count)))
    cells = len(waveform) // limiter.CELL * limiter.CELL
    work: dict[str, Callable[[], Any]] = {
        "latents": lambda: piece.open_latents().get_span(0, codec.count_latents(count)),
        "decoder": lambda: codec.decode(latents),
        "limiter": lambda: [limiter.limit(waveform[start : start + 270_336]) for start in range(0, cells, 262_144)],
        "all": lambda: piece.render(0.0, MINUTE),
    }
    best = {name: yardstick.time_best(call, repeats) for name, call in work.items()}
    return [{"part": name, "s": s, "x real time": MINUTE / s, "share": s / best["all"]} for name, s in best.items()]


def _measure_latency(piece: Any, repeats: int) -> list[dict[str, Any]]:
    """Until the first block of a stream is there, and for a second of music near the beginning and 100 hours in."""

    def seek(hour: float) -> None:
        for place in range(SEEKS):
            piece.render(hour + 11.0 * place, PART)

    first = min(_time_first_block(piece) for _ in range(repeats))
    near, far = (yardstick.time_best(functools.partial(seek, hour), repeats) / SEEKS for hour in (0.0, HOUR_100))
    return [
        {"part": "first sound", "s": first},
        {"part": "seek to the beginning", "s": near},
        {"part": "seek to hour 100", "s": far, "share": far / near},
    ]


def _time_first_block(piece: Any) -> float:
    start = time.perf_counter()
    stream = piece.stream(0.0)
    next(stream)
    taken = time.perf_counter() - start
    stream.close()
    return taken


def _measure_jobs(piece: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One long piece by one process and by several, all of which are loaded and compiled before."""
    from musika import render

    seconds = options.minutes * MINUTE
    load = functools.partial(_load, options.load_path, options.dec_path)
    rows = []
    with render.Workers(load, options.jobs) as workers:
        for jobs, by in ((1, None), (options.jobs, workers)):
            for _ in piece.stream(0.0, seconds, by):  # starts and compiles
                pass
            start = time.perf_counter()
            for _ in piece.stream(0.0, seconds, by):
                pass
            taken = time.perf_counter() - start
            rows.append({"part": f"{jobs} processes", "s": taken, "x real time": seconds / taken})
    return rows


if __name__ == "__main__":
    command.run(main)
