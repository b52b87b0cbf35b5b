"""What sizes and losses contribute: codecs that are trained for a short time each, measured on held-out pieces.

Every variant begins with principal components of the same crops and sees the same crops in the same order, half of them
with losses of magnitudes only, half with those of the waveform, too. Figures are those of `musika evaluate`, averaged
over 15 seconds from the middle of each held-out piece. They compare with each other; no variant is fully trained.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from musika.config import ADDED_PHASES, CodecConfig, CodecTrainConfig
from tools.common import command

SECONDS = 15
SHOWN = ("log_mel", "band_bias", "level", "correlation_error", "onset_f1", "flatness_ratio", "tuning_error")
DEFAULT, TRAINING = CodecConfig(), CodecTrainConfig()


def _scale_widths(factor: float) -> CodecConfig:
    """The default sizes with networks `factor` times as wide."""
    encoder, decoder = (
        tuple(int(factor * width) for width in widths) for widths in (DEFAULT.encoder_widths, DEFAULT.decoder_widths)
    )
    return dataclasses.replace(DEFAULT, encoder_widths=encoder, decoder_widths=decoder)


def _change_window(window: int, rates: int) -> CodecConfig:
    """The default sizes with another STFT window and the same latents; the coarsest rates keep their widths."""
    sizes: dict[str, Any] = {"window": window, "hop": window // 4}
    for name in ("encoder_widths", "encoder_blocks", "decoder_widths", "decoder_blocks"):
        own = getattr(DEFAULT, name)
        sizes[name] = own[-rates:] if rates <= len(own) else (own[0],) * (rates - len(own)) + own
    for name in ("fine_bins", "tuned_bins"):
        sizes[name] = getattr(DEFAULT, name) * window // DEFAULT.window
    return dataclasses.replace(DEFAULT, **sizes)


VARIANTS: dict[str, tuple[CodecConfig, dict[str, Any]]] = {
    "default": (DEFAULT, {}),
    "half as wide": (_scale_widths(0.5), {}),
    "one and a half as wide": (_scale_widths(1.5), {}),
    "64 numbers a latent": (dataclasses.replace(DEFAULT, channels=64), {}),
    "256 numbers a latent": (dataclasses.replace(DEFAULT, channels=256), {}),
    "window 1024": (_change_window(1024, 5), {}),
    "window 4096": (_change_window(4096, 3), {}),
    "no consistency step": (dataclasses.replace(DEFAULT, consistency_steps=0), {}),
    "tones not tuned": (dataclasses.replace(DEFAULT, tuned_bins=0), {}),
    "phases add up": (dataclasses.replace(DEFAULT, **ADDED_PHASES), {}),
    "no band bias loss": (DEFAULT, {"band_bias_weight": 0.0}),
    "no flatness loss": (DEFAULT, {"flatness_weight": 0.0}),
    "no cycle consistency": (DEFAULT, {"cycle_weight": 0.0}),
    "no band energy loss": (DEFAULT, {"band_energy_weight": 0.0}),
    "no linear loss": (DEFAULT, {"linear_weight": 0.0}),
    "no mel loss": (DEFAULT, {"mel_weight": 0.0}),
}


def train(config: CodecConfig, weights: dict[str, Any], folder: Path, cache: Path, crops: int) -> Any:
    """A codec that was trained on that many crops."""
    from musika import audio, checkpoint
    from musika.codec.load import load_codec
    from musika.training.pool import Pool
    from musika.training.stages.codec import CodecStage

    settings = dataclasses.replace(
        TRAINING, magnitude_samples=crops // 2, adversarial_share=0.0, decay_samples=crops, **weights
    )
    pool = Pool(folder, audio.find_files(folder), cache, config.sample_rate, (settings.crop + 1) * config.hop_total)
    stage = CodecStage(config, settings, pool)
    state = stage.init_state(settings.seed)
    for position in range(0, crops, settings.bs):
        state, _ = stage.step(state, stage.make_batch(position))
    with tempfile.TemporaryDirectory() as target:
        checkpoint.write(Path(target) / "codec", *stage.export_weights(state))
        return load_codec(Path(target) / "codec")


def measure(codec: Any, pieces: list[np.ndarray]) -> dict[str, float]:
    """Figures of a codec, averaged over pieces `[N, 2]`."""
    from musika.metrics.pair import reconstruction

    rows = []
    for piece in pieces:
        decoded = np.clip(codec.reconstruct(piece), -1, 1)
        rows.append(reconstruction.evaluate(piece, decoded, codec.sample_rate))
    means = reconstruction.average_figures(rows)
    return {name: means[name] for name in SHOWN}


def read_excerpts(folder: Path) -> list[np.ndarray]:
    """SECONDS from the middle of each piece, `[N, 2]`."""
    from musika import audio

    excerpts = []
    for path in audio.find_files(folder):
        waveform = audio.read(path)
        start = max(0, (len(waveform) - SECONDS * DEFAULT.sample_rate) // 2)
        excerpts.append(waveform[start : start + SECONDS * DEFAULT.sample_rate])
    return excerpts


def main() -> int:
    parser = yardstick.make_parser("benchmarks.ablation", __doc__)
    parser.add_argument("folder", type=Path, metavar="AUDIO_FOLDER", help="folder of audio to train on")
    parser.add_argument("held_out", type=Path, metavar="HELD_OUT", help="folder of audio to measure on")
    parser.add_argument(
        "--crops", type=command.parse_number(int, 1), metavar="N", default=1600, help="crops of half a second a variant"
    )
    parser.add_argument(
        "--only", type=command.parse_names(VARIANTS), metavar="NAME,...", default=",".join(VARIANTS), help="variants"
    )
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep decoded audio in this folder")
    options = parser.parse_args()
    pieces, rows = read_excerpts(options.held_out), []
    with tempfile.TemporaryDirectory() as own:
        for name in options.only:
            start = time.monotonic()
            codec = train(*VARIANTS[name], options.folder, options.cache or Path(own), options.crops)
            minutes = (time.monotonic() - start) / 60
            rows.append({"variant": name, **measure(codec, pieces), "minutes": minutes})
            print(rows[-1], flush=True)
    yardstick.report(f"after {options.crops} crops", rows, yardstick.measure(), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
