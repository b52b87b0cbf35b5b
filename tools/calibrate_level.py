#!/usr/bin/env python3
"""Bring a codec's output to the level of its input, as measured on a folder of audio that it was not trained on.

    python -m tools.calibrate_level CODEC_FOLDER AUDIO_FOLDER

Losses on logarithms of power pull towards the median, which is quieter than the mean. The mean difference of level (RMS
in dB, decoded over original, up to a minute of each file) is added to the decoder's log magnitudes, and the checkpoint
is written anew. The encoder, and with it the codec's identity, stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

SECONDS = 60


def level_error(folder: Path, files: list[Path]) -> float:
    """Mean of the decoded level over the original one, in dB."""
    from musika import audio
    from musika.codec.load import load_codec

    codec = load_codec(folder)
    errors = []
    for path in files:
        original = audio.read(path)[: SECONDS * codec.sample_rate]
        decoded = codec.reconstruct(original)
        errors.append(10 * np.log10((np.mean(decoded**2) + 1e-12) / (np.mean(original**2) + 1e-12)))
        print(f"{errors[-1]:+.2f} dB  {path.name}")
    return float(np.mean(errors))


def main(folder: Path, audio_folder: Path) -> int:
    from musika import audio, checkpoint
    from musika.codec import stereo
    from musika.codec.load import codec_files, read_weights

    if checkpoint.has(folder, "state"):
        sys.exit(
            f"{folder} is of a run that goes on: copy its config.json and weights.safetensors to a folder of their own"
        )
    files = audio.find(audio_folder)
    decibels = level_error(folder, files)
    config, weights = read_weights(folder)
    raised = -decibels / 20 * np.log(10) / (stereo.LOG_DEVIATION / 2)  # the head's unit for a log magnitude
    bias = weights["decoder"]["head/bias"].copy()
    bias[: 2 * config.bins] += raised  # its first two planes: left and right
    weights["decoder"]["head/bias"] = bias
    described, arrays = codec_files(config, weights)
    if checkpoint.has(folder, "critic"):
        arrays["critic"] = checkpoint.read(folder, "critic")
    before = checkpoint.read_config(folder)
    card = {p.name: p.read_bytes() for p in folder.glob("README.md")}
    checkpoint.write(folder, {**before, **described}, arrays, half=True)
    for name, content in card.items():
        (folder / name).write_bytes(content)
    print(f"raised by {-decibels:.2f} dB; now {level_error(folder, files):+.2f} dB")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
