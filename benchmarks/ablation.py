"""What widths, resolutions and losses buy: codecs trained for a short while each, measured on pieces held out.

    python -m benchmarks.ablation FOLDER_OF_AUDIO HELD_OUT [--crops 1600] [--only "default,half as wide"]
        [--cache FOLDER] [--json FILE]

Every variant begins with principal components of the same crops and sees the same crops in the same order: half of
them for magnitudes alone, half for the waveform, too. Figures are means over 15 seconds from the middle of each piece
held out, as `musika evaluate` has them. They compare with each other; none has learned for long.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from musika.config import TUNED_BINS, CodecConfig, CodecTrainConfig

SECONDS = 15
SHOWN = ("log_mel", "band_bias", "level", "correlation_error", "onset_f1", "flatness_ratio", "tuning_error")
DEFAULT, COURSE = CodecConfig(tuned_bins=TUNED_BINS), CodecTrainConfig()


def _widths(factor: float) -> CodecConfig:
    """The default sizes with networks that much wider."""
    encoder, decoder = (
        tuple(int(factor * width) for width in widths) for widths in (DEFAULT.encoder_widths, DEFAULT.decoder_widths)
    )
    return dataclasses.replace(DEFAULT, encoder_widths=encoder, decoder_widths=decoder)


def _resolution(window: int, rates: int) -> CodecConfig:
    """The same latents of spectra with another window; the coarsest rates keep their widths."""
    sizes: dict[str, Any] = {"window": window, "hop": window // 4}
    for name in ("encoder_widths", "encoder_blocks", "decoder_widths", "decoder_blocks"):
        own = getattr(DEFAULT, name)
        sizes[name] = own[-rates:] if rates <= len(own) else (own[0],) * (rates - len(own)) + own
    for name in ("fine_bins", "tuned_bins"):
        sizes[name] = getattr(DEFAULT, name) * window // DEFAULT.window
    return dataclasses.replace(DEFAULT, **sizes)


VARIANTS: dict[str, tuple[CodecConfig, dict[str, Any]]] = {
    "default": (DEFAULT, {}),
    "half as wide": (_widths(0.5), {}),
    "one and a half as wide": (_widths(1.5), {}),
    "64 numbers a latent": (dataclasses.replace(DEFAULT, channels=64), {}),
    "256 numbers a latent": (dataclasses.replace(DEFAULT, channels=256), {}),
    "window 1024": (_resolution(1024, 5), {}),
    "window 4096": (_resolution(4096, 3), {}),
    "no consistency step": (dataclasses.replace(DEFAULT, consistency_steps=0), {}),
    "tones not tuned": (dataclasses.replace(DEFAULT, tuned_bins=0), {}),
    "no loss of balance": (DEFAULT, {"balance_weight": 0.0}),
    "no loss of texture": (DEFAULT, {"texture_weight": 0.0}),
    "no loss of latents heard again": (DEFAULT, {"cycle_weight": 0.0}),
    "no loss of levels": (DEFAULT, {"level_weight": 0.0}),
    "no loss of single bins": (DEFAULT, {"linear_weight": 0.0}),
    "no loss of mel bands": (DEFAULT, {"mel_weight": 0.0}),
}


def trained(config: CodecConfig, weights: dict[str, Any], folder: Path, cache: Path, crops: int) -> Any:
    """A codec after that many crops."""
    from musika import audio, checkpoint
    from musika.codec.load import load_codec
    from musika.training.pool import Pool
    from musika.training.stages.codec import CodecStage

    course = dataclasses.replace(COURSE, magnitude_samples=crops // 2, critic_share=0.0, decay_samples=crops, **weights)
    pool = Pool(folder, audio.find(folder), cache, config.sample_rate, (course.crop + 1) * config.hop_total)
    stage = CodecStage(config, course, pool)
    state = stage.init(course.seed)
    for position in range(0, crops, course.bs):
        state, _ = stage.step(state, stage.batch(position))
    with tempfile.TemporaryDirectory() as target:
        checkpoint.write(Path(target) / "codec", *stage.weights(state))
        return load_codec(Path(target) / "codec")


def figures(codec: Any, pieces: list[np.ndarray]) -> dict[str, float]:
    """Means over the pieces."""
    from musika.metrics.pair import reconstruction

    rows = []
    for piece in pieces:
        decoded = np.clip(codec.reconstruct(piece), -1, 1)
        rows.append(reconstruction.evaluate(piece, decoded, codec.sample_rate))
    return {name: float(np.nanmean([row[name] for row in rows])) for name in SHOWN}


def excerpts(folder: Path) -> list[np.ndarray]:
    """SECONDS from the middle of each piece, `[N, 2]`."""
    from musika import audio

    found = []
    for path in audio.find(folder):
        waveform = audio.read(path)
        begin = max(0, (len(waveform) - SECONDS * DEFAULT.sample_rate) // 2)
        found.append(waveform[begin : begin + SECONDS * DEFAULT.sample_rate])
    return found


def main() -> None:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("folder", type=Path, help="folder of audio to train on")
    parser.add_argument("held_out", type=Path, help="folder of audio to measure on")
    parser.add_argument("--crops", type=int, default=1600, help="crops of half a second a variant (default: 1600)")
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, joined by commas (default: all)")
    parser.add_argument("--cache", type=Path, help="folder for decoded audio (default: one that is removed)")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in VARIANTS]:
        parser.error(f"there is no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    pieces, rows = excerpts(options.held_out), []
    with tempfile.TemporaryDirectory() as own:
        for name in names:
            begun = time.monotonic()
            codec = trained(*VARIANTS[name], options.folder, options.cache or Path(own), options.crops)
            minutes = (time.monotonic() - begun) / 60
            rows.append({"variant": name, **figures(codec, pieces), "minutes": minutes})
            print(rows[-1], flush=True)
    yardstick.report(f"after {options.crops} crops", rows, yardstick.measure(), options.json)


if __name__ == "__main__":
    main()
