"""How fast networks of the published sizes generate, encode and train, with random weights, beside the yardstick.

Networks and synthesis only, without files; the best of a few runs, after one that compiles. Each figure is also scaled
to a yardstick of 420 GFLOP/s in float32 or 760 in bfloat16, by the yardstick of its own precision. `difference` is how
much decoded waveforms and latents in bfloat16 differ from those in float32.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common.apart import measure_apart
from benchmarks.common.training import RandomLatents, make_stepper
from musika import draws, environment
from tools.common import command

PARTS = ("generate", "encode", "train", "difference")
REFERENCE = {"float32": 420.0, "bfloat16": 760.0}  # GFLOP/s
WORK = {"generate": 4.5, "encode": 4.0}  # GFLOP for a second of audio, counted from the sizes
STEP_WORK = 370.0  # GFLOP of a training step with a batch of 32
TARGETS = {"generate": ">= 75 x", "encode": ">= 100 x", "train": "<= 1.2 s"}


def main() -> int:
    from musika import console

    options = _parse_options()
    kind = "bfloat16" if options.mixed_precision == "True" else "float32"
    if "difference" in options.parts:
        console.say(_describe_difference())
    parts = [part for part in options.parts if part != "difference"]
    if not parts:
        return 0
    before = yardstick.measure()
    times = {part: _time_part(part, options, len(parts) == 1) for part in parts}
    speeds = yardstick.pick_faster(before, yardstick.measure())
    rows = [{"part": part, **_describe(part, seconds, options, kind, speeds)} for part, seconds in times.items()]
    title = f"published sizes, random weights, {kind}, xla {options.xla}, best of {options.repeats}; x is real time"
    yardstick.report(title, rows, speeds, options.json)
    return 0


def _time_part(part: str, options: argparse.Namespace, is_alone: bool) -> float:
    """Seconds of the fastest run of a part."""
    if not is_alone:
        return float(measure_apart("benchmarks.published", part)[0]["s"])
    if part == "generate":
        environment.prepare_rendering()  # as commands that render
    return float(MEASUREMENTS[part](options))


def _describe(part: str, seconds: float, options: argparse.Namespace, kind: str, speeds: Any) -> dict[str, Any]:
    """The figures of a part."""
    factor = REFERENCE[kind] / speeds[kind]
    work = STEP_WORK if part == "train" else WORK[part] * options.seconds
    here, scaled = f"{seconds:.3g} s", f"{seconds / factor:.3g} s"
    if part != "train":
        speed = options.seconds / seconds
        here, scaled = f"{speed:.3g} x", f"{speed * factor:.3g} x"
    rates = {"GFLOP/s": work / seconds, "of the yardstick": work / seconds / speeds[kind]}
    rates["x per GFLOP/s"] = options.seconds / seconds / speeds["float32"] if part != "train" else float("nan")
    return {"s": seconds, "here": here, f"at {REFERENCE[kind]:.0f}": scaled, "target": TARGETS[part], **rates}


def _parse_options() -> argparse.Namespace:
    parser = yardstick.make_parser("benchmarks.published", __doc__)
    whole, seconds = command.parse_number(int, 1), command.parse_number(float, 0.1)
    parser.add_argument("--seconds", type=seconds, metavar="X", default=60.0, help="audio to generate and to encode")
    parser.add_argument("--bs", type=whole, metavar="N", default=32, help="batch of the training step")
    parser.add_argument("--repeats", type=whole, metavar="N", default=3, help="runs of each part")
    parser.add_argument("--mixed_precision", default="True", choices=("True", "False"), help="bfloat16")
    parser.add_argument("--xla", default="False", choices=("True", "False"), help="compile the networks with XLA, too")
    parser.add_argument(
        "--parts", type=command.parse_names(PARTS), metavar="NAME,...", default=",".join(PARTS), help="what to measure"
    )
    return parser.parse_args()


def _choose_policy(options: argparse.Namespace) -> str:
    return "mixed_bfloat16" if options.mixed_precision == "True" else "float32"


def make_codec(policy: str, xla: bool = False) -> Any:
    """A `musika` codec of the published sizes with random weights of a scale that keeps the level of signals."""
    from musika.codec.published.codec import PublishedCodec
    from musika.codec.published.weights import TRANSPOSED, list_weight_shapes
    from musika.config import PublishedCodecConfig

    config, weights = PublishedCodecConfig(), {}
    for name, shape in list_weight_shapes(config).items():
        weights[name] = np.zeros(shape, np.float32)
        if name.endswith("kernel"):
            fan_in = 2 * shape[-1] if name.rpartition("/")[0] in TRANSPOSED else np.prod(shape[:-1])
            deviation = np.sqrt(2.5 / fan_in) * (0.2 if name.startswith("dec/magnitude") else 1.0)
            weights[name] = (draws.normal(0, name, 0, shape) * deviation).astype(np.float32)
    return PublishedCodec(config, weights, "random", policy, xla)


def _time_generating(options: argparse.Namespace) -> float:
    from musika import render
    from musika.config import GeneratorConfig
    from musika.gan.generator import Generator

    config, xla = GeneratorConfig(critic_fields=()), options.xla == "True"
    generator = Generator(config, dtype=_choose_policy(options))
    codec = make_codec(_choose_policy(options), xla)
    generate = render.compile_generator(generator, xla)
    piece = render.GeneratorModel(config=config, generate=generate, codec=codec, name="random").piece(0)
    return _time_best(lambda: piece.render(0.0, options.seconds), options)


def _time_encoding(options: argparse.Namespace) -> float:
    codec = make_codec(_choose_policy(options), options.xla == "True")
    waveform = 0.1 * draws.normal(0, "benchmark", 0, (round(options.seconds * codec.sample_rate), 2))
    return _time_best(lambda: codec.encode(waveform), options)


def _time_training(options: argparse.Namespace) -> float:
    from musika.config import GanTrainConfig, GeneratorConfig
    from musika.training.stages.gan import GanStage

    config = GeneratorConfig(critic_fields=())
    train, latents, xla = (
        GanTrainConfig(bs=options.bs, whitening=0.0),
        RandomLatents(config.channels),
        options.xla == "True",
    )
    stage = GanStage(config, train, latents, "", precision=_choose_policy(options), xla=xla)
    return _time_best(make_stepper(stage), options)


def _time_best(call: Any, options: argparse.Namespace) -> float:
    """Seconds of the fastest run, after one that compiles."""
    call()
    return yardstick.time_best(call, options.repeats)


def _describe_difference() -> str:
    exact, half = make_codec("float32"), make_codec("mixed_bfloat16")
    latents = np.tanh(draws.normal(0, "benchmark", 2, (128, exact.channels)))
    one, two = exact.decode(latents), half.decode(latents)
    error = float(np.sqrt(np.mean((one - two) ** 2) / np.mean(one**2)))
    spectra = [20 * np.log10(np.abs(np.fft.rfft(x.reshape(-1, 4096, 2), axis=1)) + 1e-9) for x in (one, two)]
    loud = spectra[0] > spectra[0].max() - 60
    decibels = float(np.abs(spectra[0] - spectra[1])[loud].mean())
    waveform = 0.1 * draws.normal(0, "benchmark", 3, (128 * exact.hop_total, 2))
    of_latents = float(np.abs(exact.encode(waveform) - half.encode(waveform)).max())
    return (
        f"bfloat16 and float32 differ: decoded waveforms by {100 * error:.2g} % of their RMS, spectra by "
        f"{decibels:.2g} dB on average (down to 60 dB below the peak), latents by {of_latents:.2g} at most"
    )


MEASUREMENTS = {"generate": _time_generating, "encode": _time_encoding, "train": _time_training}

if __name__ == "__main__":
    command.run(main)
