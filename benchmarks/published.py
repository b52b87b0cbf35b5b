"""How fast networks of the published sizes generate, encode and train, with random weights, beside the yardstick.

    python -m benchmarks.published [--mixed_precision True] [--seconds 60] [--parts generate,encode,train,difference]

Networks and synthesis, without files; the best of a few runs, after one that compiles. A figure is also given as it
would be on cores whose yardstick is 420 GFLOP/s in float32 and 760 in bfloat16, scaled by the yardstick of its own
precision. `difference` is how far bfloat16 is from float32: decoded waveforms and latents.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.speed import _Random, _stepping
from musika import draws

PARTS = ("generate", "encode", "train", "difference")
REFERENCE = {"float32": 420.0, "bfloat16": 760.0}  # GFLOP/s
WORK = {"generate": 4.5, "encode": 4.0}  # GFLOP a second of audio, as issue and design count them
STEP_WORK = 370.0  # GFLOP in a training step of 32
TARGETS = {"generate": ">= 75 x", "encode": ">= 100 x", "train": "<= 1.2 s"}


def main() -> None:
    options = _options()
    kind = "bfloat16" if options.mixed_precision == "True" else "float32"
    parts = options.parts.split(",")
    if "difference" in parts:
        print(_difference())
    if parts == ["difference"]:
        return
    before = yardstick.measure()
    spent = {part: MEASURED[part](options) for part in parts if part != "difference"}
    ruler = yardstick.better(before, yardstick.measure())
    factor = REFERENCE[kind] / ruler[kind]
    rows = []
    for part, seconds in spent.items():
        work = STEP_WORK if part == "train" else WORK[part] * options.seconds
        here, there = f"{seconds:.3g} s", f"{seconds / factor:.3g} s"
        if part != "train":
            speed = options.seconds / seconds
            here, there = f"{speed:.3g} x", f"{speed * factor:.3g} x"
        shares = {"GFLOP/s": work / seconds, "of the yardstick": work / seconds / ruler[kind]}
        rows.append({"part": part, "here": here, f"at {REFERENCE[kind]:.0f}": there, "target": TARGETS[part], **shares})
    title = f"published sizes, random weights, {kind}, xla {options.xla}, best of {options.repeats}; x is real time"
    yardstick.report(title, rows, ruler, options.json)


def _options() -> argparse.Namespace:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=60.0, help="audio to generate and to encode (default: 60)")
    parser.add_argument("--bs", type=int, default=32, help="batch of the training step (default: 32)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each part (default: 3)")
    parser.add_argument("--mixed_precision", default="True", choices=("True", "False"), help="bfloat16 (default: True)")
    parser.add_argument("--xla", default="False", choices=("True", "False"), help="networks, too (default: False)")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which of {','.join(PARTS)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        parser.error(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    return options


def _policy(options: argparse.Namespace) -> str:
    return "mixed_bfloat16" if options.mixed_precision == "True" else "float32"


def codec(policy: str, xla: bool = False) -> Any:
    """A `musika` codec of the published sizes under whose random weights signals keep their size."""
    from musika.codec import published
    from musika.codec.published_blocks import PublishedCodec
    from musika.config import PublishedCodecConfig

    config, weights = PublishedCodecConfig(), {}
    for name, shape in published.weight_shapes(config).items():
        weights[name] = np.zeros(shape, np.float32)
        if name.endswith("kernel"):
            fan_in = 2 * shape[-1] if name.rpartition("/")[0] in published.TRANSPOSED else np.prod(shape[:-1])
            deviation = np.sqrt(2.5 / fan_in) * (0.2 if name.startswith("dec/magnitude") else 1.0)
            weights[name] = (draws.normal(0, name, 0, shape) * deviation).astype(np.float32)
    return PublishedCodec(config, weights, "random", policy, xla)


def _generate(options: argparse.Namespace) -> float:
    from musika import render
    from musika.config import GeneratorConfig
    from musika.gan.generator import Generator

    config, xla = GeneratorConfig(), options.xla == "True"
    generator = Generator(config, dtype=_policy(options))
    model = render.Model(config, render.compile_generator(generator, xla), codec(_policy(options), xla), "random")
    return _best(lambda: render.render(model, 0, 0.0, options.seconds), options)


def _encode(options: argparse.Namespace) -> float:
    made = codec(_policy(options), options.xla == "True")
    waveform = 0.1 * draws.normal(0, "benchmark", 0, (round(options.seconds * made.sample_rate), 2))
    return _best(lambda: made.encode(waveform), options)


def _train(options: argparse.Namespace) -> float:
    from musika.config import GanTrainConfig, GeneratorConfig
    from musika.training.stages.gan import GanStage

    config = GeneratorConfig()
    train, windows, xla = GanTrainConfig(bs=options.bs), _Random(config.channels), options.xla == "True"
    stage = GanStage(config, train, windows, "", precision=_policy(options), xla=xla)
    return _best(_stepping(stage), options)


def _best(call: Any, options: argparse.Namespace) -> float:
    call()  # compiles
    return yardstick.best(call, options.repeats)


def _difference() -> str:
    from musika import environment

    environment.prepare()
    exact, half = codec("float32"), codec("mixed_bfloat16")
    latents = np.tanh(draws.normal(0, "benchmark", 2, (128, exact.channels)))
    one, two = exact.decode(latents), half.decode(latents)
    error = float(np.sqrt(np.mean((one - two) ** 2) / np.mean(one**2)))
    spectra = [20 * np.log10(np.abs(np.fft.rfft(x.reshape(-1, 4096, 2), axis=1)) + 1e-9) for x in (one, two)]
    loud = spectra[0] > spectra[0].max() - 60
    decibels = float(np.abs(spectra[0] - spectra[1])[loud].mean())
    waveform = 0.1 * draws.normal(0, "benchmark", 3, (128 * exact.hop_total, 2))
    coded = float(np.abs(exact.encode(waveform) - half.encode(waveform)).max())
    return (
        f"bfloat16 against float32: decoded waveforms {100 * error:.2g} % of their root mean square, "
        f"spectra {decibels:.2g} dB (down to 60 dB below the peak), latents {coded:.2g} at most"
    )


MEASURED = {"generate": _generate, "encode": _encode, "train": _train}

if __name__ == "__main__":
    main()
