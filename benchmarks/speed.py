"""How fast a loaded pair of checkpoints encodes, decodes, generates and trains, beside the yardstick of the same run.

    python -m benchmarks.speed [--load_path FOLDER] [--dec_path FOLDER] [--seconds 60] [--parts encode,decode,...]

Networks and synthesis, without files. Each figure is seconds of audio per second of time: the best of a few runs, after
one that compiles. For training it is the audio in a batch's windows (or crops) over the time of a step.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from musika import draws
from musika.cli import flags, models

PARTS = ("encode", "decode", "generate", "train_gan", "train_codec")
Work = tuple[float, Callable[[], Any]]  # seconds of audio in one call, the call


def main() -> None:
    options = _options()
    before = yardstick.measure()
    rows = []
    for part in options.parts.split(","):
        seconds, call = WORK[part](options)
        call()  # compiles
        spent = yardstick.best(call, options.repeats)
        rows.append({"part": part, "s of audio": seconds, "s": spent, "x real time": seconds / spent})
    ruler = yardstick.better(before, yardstick.measure())
    for row in rows:
        row["x per GFLOP/s"] = row["x real time"] / ruler["float32"]
        row[f"x at {yardstick.REFERENCE:.0f} GFLOP/s"] = yardstick.scaled(row["x real time"], ruler)
    title = f"speed, mixed_precision {options.mixed_precision}, xla {options.xla}, best of {options.repeats}"
    yardstick.report(title, rows, ruler, options.json)


def _options() -> argparse.Namespace:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("--load_path", type=Path, default=Path("checkpoints/open"), help="generator")
    parser.add_argument("--dec_path", type=Path, default=None, help="codec (default: the one that fits)")
    parser.add_argument("--seconds", type=float, default=60.0, help="audio to encode, decode, generate (default: 60)")
    parser.add_argument("--bs", type=int, default=32, help="batch of the generator's training (default: 32)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each part (default: 3)")
    parser.add_argument("--mixed_precision", default="auto", choices=("auto", "True", "False"))
    parser.add_argument("--xla", default="auto", choices=("auto", "True", "False"))
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which of {','.join(PARTS)} (default: all)")
    options = parser.parse_args()
    unknown = set(options.parts.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    return options


def _model(options: argparse.Namespace) -> Any:

    chosen = {name: getattr(options, name) for name in ("load_path", "dec_path", "mixed_precision", "xla")}
    return models.load_model(flags.GenerateOptions(**chosen))


def _encode(options: argparse.Namespace) -> Work:
    codec = _model(options).codec
    waveform = 0.1 * draws.normal(0, "benchmark", 0, (round(options.seconds * codec.sample_rate), 2))
    return options.seconds, lambda: codec.encode(waveform)


def _decode(options: argparse.Namespace) -> Work:
    codec = _model(options).codec
    count = codec.latents_of(round(options.seconds * codec.sample_rate))
    latents = draws.uniform(0, "benchmark", 0, (count, codec.channels)) * 2 - 1
    return count * codec.hop_total / codec.sample_rate, lambda: codec.decode(latents)


def _generate(options: argparse.Namespace) -> Work:
    from musika import render

    model = _model(options)
    return options.seconds, lambda: render.render(model, 0, 0.0, options.seconds)


def _train_gan(options: argparse.Namespace) -> Work:
    from musika import backend
    from musika.config import GanTrainConfig
    from musika.training.stages.gan import GanStage

    model = _model(options)
    config = model.config
    stage = GanStage(
        config,
        GanTrainConfig(bs=options.bs),
        _Random(config.channels),
        "",
        precision=backend.precision(options.mixed_precision),
        xla=backend.use_xla(options.xla),
    )
    seconds = options.bs * config.window * model.codec.hop_total / model.sample_rate
    return seconds, _stepping(stage)


def _train_codec(options: argparse.Namespace) -> Work:
    from musika import backend
    from musika.config import CodecTrainConfig
    from musika.training.stages.codec import CodecStage

    config = _model(options).codec.config
    train = CodecTrainConfig(magnitude_samples=0)  # the whole loss, synthesis included
    precision, xla = backend.precision(options.mixed_precision), options.xla != "False"  # as `musika train` does
    precision = "float32" if precision == "mixed_float16" else precision  # which it does not scale for codecs
    stage = CodecStage(config, train, _Noise(), precision=precision, xla=xla)  # type: ignore[arg-type]
    return train.bs * train.crop * config.hop_total / config.sample_rate, _stepping(stage)


def _stepping(stage: Any) -> Callable[[], None]:
    """One step after the other on the same batch; each call waits for its step."""
    from musika import backend

    held = [stage.init(0)]
    batch = stage.batch(0)

    def step() -> None:
        held[0], scalars = stage.step(held[0], batch)
        backend.to_numpy(scalars)

    return step


class _Random:
    """One long file of random latents."""

    lengths = (4096,)

    def __init__(self, channels: int) -> None:
        self.latents = draws.uniform(0, "benchmark", 1, (4096, channels)) * 2 - 1

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents `[length, C]`."""
        return self.latents[offset : offset + length]


class _Noise:
    """What a pool of decoded audio gives, without the audio."""

    def crop(self, u: np.ndarray, length: int) -> np.ndarray:
        """Waveform `[length, 2]`."""
        return 0.1 * draws.normal(0, "benchmark", int(u[0] * 1000), (length, 2))


WORK: dict[str, Callable[[argparse.Namespace], Work]] = {
    "encode": _encode,
    "decode": _decode,
    "generate": _generate,
    "train_gan": _train_gan,
    "train_codec": _train_codec,
}

if __name__ == "__main__":
    main()
