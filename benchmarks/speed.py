"""How fast a pair of checkpoints encodes, decodes, generates, plays notes and trains, beside the yardstick of the run.

Networks and synthesis only, without files. Each figure is seconds of audio per second, the best of a few runs after one
that compiles. For training it is the audio in the windows (or crops) of a batch over the time of a step.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common.apart import measure_apart
from benchmarks.common.training import NoisePool, RandomLatents, RandomPairs, make_stepper
from musika import draws, environment
from tools.common import command

PARTS = ("encode", "decode", "generate", "train_gan", "train_codec")
PARTS_OF_RENDERING = ("generate", "play")
PARTS_OF_PERFORMERS = ("play", "train_performer")  # with --load_path of a performer
NOTES_PER_SECOND = 10  # that are played
COLUMNS = ("part", "s of audio", "s", "x real time")
Work = tuple[float, Callable[[], Any]]  # seconds of audio in one call, the call


def main() -> int:
    options = _parse_options()
    before = yardstick.measure()
    rows = []
    for part in options.parts:
        if len(options.parts) > 1:
            rows += [{name: row[name] for name in COLUMNS} for row in measure_apart("benchmarks.speed", part)]
            continue
        if part not in PARTS_OF_RENDERING:
            os.environ.setdefault(environment.THREADS, str(os.cpu_count()))
        audio_seconds, call = WORK[part](options)
        call()  # compiles
        seconds = yardstick.time_best(call, options.repeats)
        rows.append({"part": part, "s of audio": audio_seconds, "s": seconds, "x real time": audio_seconds / seconds})
    speeds = yardstick.pick_faster(before, yardstick.measure())
    for row in rows:
        row["x per GFLOP/s"] = row["x real time"] / speeds["float32"]
        row[f"x at {yardstick.REFERENCE:.0f} GFLOP/s"] = yardstick.scale_speed(row["x real time"], speeds)
    title = f"speed, mixed_precision {options.mixed_precision}, xla {options.xla}, best of {options.repeats}"
    yardstick.report(title, rows, speeds, options.json)
    return 0


def _parse_options() -> argparse.Namespace:
    parser = yardstick.make_parser("benchmarks.speed", __doc__)
    whole, seconds = command.parse_number(int, 1), command.parse_number(float, 0.1)
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", default=Path("checkpoints/open"), help="generator")
    parser.add_argument("--dec_path", type=Path, metavar="FOLDER", help="codec; without it, the one that fits")
    parser.add_argument("--seconds", type=seconds, metavar="X", default=60.0, help="audio to encode, decode, generate")
    parser.add_argument("--bs", type=whole, metavar="N", default=32, help="batch of the generator's training")
    parser.add_argument("--repeats", type=whole, metavar="N", default=3, help="runs of each part")
    for flag in ("--mixed_precision", "--xla"):
        parser.add_argument(
            flag, default="auto", choices=("auto", "True", "False"), metavar="auto|True|False", help="as in `musika`"
        )
    parser.add_argument(
        "--parts",
        type=command.parse_names((*PARTS, *PARTS_OF_PERFORMERS)),
        metavar="NAME,...",
        default=",".join(PARTS),
        help=f"what to measure; with a performer: {','.join(PARTS_OF_PERFORMERS)}",
    )
    return parser.parse_args()


def _load_model(options: argparse.Namespace) -> Any:
    from musika.cli import flags, models

    chosen = {name: getattr(options, name) for name in ("load_path", "dec_path", "mixed_precision", "xla")}
    return models.load_model(flags.GenerateOptions(**chosen))


def _encode(options: argparse.Namespace) -> Work:
    codec = _load_model(options).codec
    waveform = 0.1 * draws.normal(0, "benchmark", 0, (round(options.seconds * codec.sample_rate), 2))
    return options.seconds, lambda: codec.encode(waveform)


def _decode(options: argparse.Namespace) -> Work:
    codec = _load_model(options).codec
    count = codec.count_latents(round(options.seconds * codec.sample_rate))
    latents = draws.uniform(0, "benchmark", 0, (count, codec.channels)) * 2 - 1
    return count * codec.hop_total / codec.sample_rate, lambda: codec.decode(latents)


def _generate(options: argparse.Namespace) -> Work:
    piece = _load_model(options).piece(0)
    return options.seconds, lambda: piece.render(0.0, options.seconds)


def _make_score(seconds: float) -> Any:
    """Random notes on the keys of a piano."""
    from musika.score import Notes, Score

    count = round(seconds * NOTES_PER_SECOND)
    numbers = draws.uniform(0, "benchmark", 2, (3, count)).astype(float)
    onsets = np.sort(numbers[0] * seconds)
    pitches, velocities = 21 + (numbers[1] * 88).astype(int), 30 + (numbers[2] * 90).astype(int)
    zeros = np.zeros(count, int)
    return Score(Notes(onsets, onsets + 0.5, pitches, velocities, zeros, zeros > 0))


def _play(options: argparse.Namespace) -> Work:
    piece = _load_model(options).play(_make_score(options.seconds))
    return options.seconds, lambda: piece.render(0.0, options.seconds)


def _train_performer(options: argparse.Namespace) -> Work:
    from musika import backend
    from musika.config import PerformerTrainConfig
    from musika.training.stages.performer import PerformerStage

    model, train = _load_model(options), PerformerTrainConfig()
    pairs = RandomPairs(model.config.channels, model.config.track_widths)
    precision, xla = backend.choose_precision(options.mixed_precision), backend.should_use_xla(options.xla)
    names = [str(number) for number in range(model.config.styles)]
    stage = PerformerStage(model.config, train, pairs, None, "", names, precision=precision, xla=xla)
    return train.bs * train.crop * model.codec.hop_total / model.sample_rate, make_stepper(stage)


def _train_gan(options: argparse.Namespace) -> Work:
    from musika import backend
    from musika.config import GanTrainConfig
    from musika.training.stages.gan import GanStage

    model = _load_model(options)
    config = model.config
    stage = GanStage(
        config,
        GanTrainConfig(bs=options.bs),
        RandomLatents(config.channels),
        "",
        precision=backend.choose_precision(options.mixed_precision),
        xla=backend.should_use_xla(options.xla),
    )
    seconds = options.bs * config.window * model.codec.hop_total / model.sample_rate
    return seconds, make_stepper(stage)


def _train_codec(options: argparse.Namespace) -> Work:
    from musika import backend
    from musika.config import CodecTrainConfig
    from musika.training.stages.codec import CodecStage

    config = _load_model(options).codec.config
    train = CodecTrainConfig(magnitude_samples=0)  # the whole loss, synthesis included
    precision, xla = (
        backend.choose_precision(options.mixed_precision),
        options.xla != "False",
    )  # as `musika train` has it
    precision = "float32" if precision == "mixed_float16" else precision  # codecs train without loss scaling
    stage = CodecStage(config, train, NoisePool(), precision=precision, xla=xla)  # type: ignore[arg-type]
    return train.bs * train.crop * config.hop_total / config.sample_rate, make_stepper(stage)


WORK: dict[str, Callable[[argparse.Namespace], Work]] = {
    "encode": _encode,
    "decode": _decode,
    "generate": _generate,
    "train_gan": _train_gan,
    "train_codec": _train_codec,
    "play": _play,
    "train_performer": _train_performer,
}

if __name__ == "__main__":
    command.run(main)
