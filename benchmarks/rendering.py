"""How fast a piece is rendered and where the time goes, how soon the first sound is there, and what a seek costs.

The model is loaded and compiled before anything is measured. Seconds are by the clock and, where other work on the
machine would falsify those, of the processor, of all threads together. Parts are those of a minute of music, each by
itself: latents (a generator, or composer and performer), networks and synthesis of the decoder, limiter. All of it is
faster than their sum by the clock, since parts run at the same time.
"""

from __future__ import annotations

import argparse
import functools
import math
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
SEEKS = 4  # places that a seek is measured at
PART = 1.0  # seconds that a seek renders
COLUMNS = ("part", "s", "processor s", "x real time", "x per GFLOP/s", "share")
Row = dict[str, Any]


def main() -> int:
    options = _parse_options()

    import musika

    before = yardstick.measure()
    model = _load(options.load_path, options.dec_path)
    piece = model.piece(0)
    assert isinstance(piece, musika.Piece)
    piece.render(0.0, 2 * MINUTE)  # compiles
    measurements = {"whole": _measure_whole, "parts": _measure_parts, "latency": _measure_latency}
    rows = [row for name in options.parts if name in measurements for row in measurements[name](piece, options)]
    if options.jobs > 1:
        rows += _measure_jobs(piece, options)
    speeds = yardstick.pick_faster(before, yardstick.measure())
    for row in rows:
        if "x real time" in row:
            row["x per GFLOP/s"] = row["x real time"] / speeds["float32"]
    rows = [{name: row.get(name, float("nan")) for name in COLUMNS} for row in rows]
    yardstick.report("rendering", rows, speeds, options.json)
    return 0


def _parse_options() -> argparse.Namespace:
    parser = yardstick.make_parser("benchmarks.rendering", __doc__)
    generating.add_checkpoint_flags(parser)
    whole = command.parse_number(int, 1)
    parser.add_argument("--repeats", type=whole, metavar="N", default=3, help="runs of each part; the best counts")
    parser.add_argument("--jobs", type=whole, metavar="N", default=1, help="also measure that many processes")
    parser.add_argument(
        "--minutes", type=command.parse_number(float, 0.1), metavar="X", default=5.0, help="of music, of the whole"
    )
    parser.add_argument(
        "--parts",
        type=command.parse_names(("whole", "parts", "latency")),
        metavar="NAME,...",
        default="whole,parts,latency",
        help="what to measure: whole, parts, latency",
    )
    return parser.parse_args()


def _load(load_path: Path, dec_path: Path | None) -> Any:
    import musika
    from musika import environment

    environment.prepare()  # also in the processes of --jobs
    return musika.load(load_path, dec_path)


def _time(action: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, of the fastest of some runs of each."""
    taken = []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        action()
        taken.append((time.perf_counter() - start, time.process_time() - used))
    return min(clock for clock, _ in taken), min(processor for _, processor in taken)


def _describe(part: str, music: float, taken: tuple[float, float], per: float = 1.0) -> Row:
    clock, processor = taken
    return {"part": part, "s": clock / per, "processor s": processor / per, "x real time": music / clock}


def _measure_whole(piece: Any, options: argparse.Namespace) -> list[Row]:
    """A long piece in blocks, as a file is written; the seconds are those of a minute."""
    seconds = options.minutes * MINUTE
    taken = _time(lambda: _read(piece.stream(0.0, seconds)), options.repeats)
    return [_describe("all", seconds, taken, options.minutes)]


def _read(blocks: Any) -> None:
    for _ in blocks:
        pass


def _measure_parts(piece: Any, options: argparse.Namespace) -> list[Row]:
    """Seconds of work for a minute of music; shares are of the processor's time."""
    from musika.codec.stereo import StereoCodec
    from musika.render import limiter
    from musika.render.decoding import count_block_samples, read_spans
    from musika.render.lanes import decode_spans

    model = piece.model
    codec, count = model.codec, model.count_samples(MINUTE)
    latents = piece.open_latents()
    blocks = [read_spans(codec, latents, index) for index in range(codec.count_latents(count) // codec.block)]
    waveform = np.concatenate(list(piece.stream_without_levels(0, count))) * np.float32(model.output_gain)
    size = count_block_samples(codec)
    per = len(blocks) * codec.block * codec.hop_total / codec.sample_rate / MINUTE  # whole blocks only
    work: dict[str, tuple[float, Callable[[], Any]]] = {
        "latents": (options.minutes, lambda: _compute_latents(piece, options.minutes * MINUTE))
    }
    if isinstance(codec, StereoCodec):
        networks, synthesis = codec.run_networks, codec.run_synthesis
        planes = networks(blocks[0])
        work["decoder: networks"] = (per, lambda: [networks(block) for block in blocks])
        work["decoder: synthesis"] = (per, lambda: [np.asarray(synthesis(*planes)) for _ in blocks])
    else:
        work["decoder"] = (per, lambda: [decode_spans(codec, block, n) for n, block in enumerate(blocks)])
    parts = [waveform[start : start + size] for start in range(0, len(waveform), size)]
    work["limiter"] = (1.0, lambda: _read(limiter.limit_blocks(parts)))
    rows = [_describe(name, per * MINUTE, _time(do, options.repeats), per) for name, (per, do) in work.items()]
    total = sum(row["processor s"] for row in rows)
    return [{**row, "share": row["processor s"] / total} for row in rows]


def _compute_latents(piece: Any, seconds: float) -> None:
    """The latents of a piece that ends: of a piece without end, a composer writes minutes of music ahead."""
    from musika.render.latents import GroupedLatents

    codec, source = piece.model.codec, piece.open_latents()
    stop = codec.count_latents(piece.model.count_samples(seconds))
    if isinstance(source, GroupedLatents):
        source.announce_end(stop)
    source.get_span(0, stop)


def _measure_latency(piece: Any, options: argparse.Namespace) -> list[Row]:
    """Until the first block of a stream is there, and for a second of music near the beginning and 100 hours in."""

    def seek(first: int) -> None:
        for place in range(SEEKS):
            piece.render_samples(first + model.count_samples(11.0 * place), model.count_samples(PART))

    def hear() -> None:
        stream = piece.stream(0.0)
        next(stream)
        opened.append(stream)

    model, opened = piece.model, list[Any]()
    begin = model.count_samples(MINUTE)
    period = _count_grid_samples(piece)
    places = {"the first minute": begin, "hour 100": begin + round(HOUR_100 * model.sample_rate / period) * period}
    first = []
    for _ in range(2 * options.repeats):
        first.append(_time(hear, 1))
        opened.pop().close()
        time.sleep(1.0)  # what is made ahead ends
    rows: list[Row] = [
        {"part": "first sound", "s": min(clock for clock, _ in first), "processor s": min(used for _, used in first)}
    ]
    taken = {name: _time(functools.partial(seek, place), options.repeats) for name, place in places.items()}
    near = taken["the first minute"][1]
    for name, (clock, used) in taken.items():
        rows.append({"part": f"seek to {name}", "s": clock / SEEKS, "processor s": used / SEEKS, "share": used / near})
    return rows


def _count_grid_samples(piece: Any) -> int:
    """Samples after which blocks and groups of latents begin at the same places again.

    Seeks that differ by a multiple of them need as many blocks and groups as each other.
    """
    from musika.render.decoding import count_block_samples

    codec = piece.model.codec
    return math.lcm(count_block_samples(codec), getattr(piece.open_latents(), "size", 1) * codec.hop_total)


def _measure_jobs(piece: Any, options: argparse.Namespace) -> list[Row]:
    """One long piece by one process and by several, all of which are loaded and compiled before."""
    from musika import render

    seconds = options.minutes * MINUTE
    load = functools.partial(_load, options.load_path, options.dec_path)
    rows = []
    with render.Workers(load, options.jobs) as workers:
        workers.wait()
        for jobs, by in ((1, None), (options.jobs, workers)):
            clock, _ = _time(lambda by=by: _read(piece.stream(0.0, seconds, by)), options.repeats)  # type: ignore[misc]
            row = {"part": f"{jobs} process{'es' if jobs > 1 else ''}", "s": clock / options.minutes}
            rows.append({**row, "x real time": seconds / clock})
    return rows


if __name__ == "__main__":
    command.run(main)
