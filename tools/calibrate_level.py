"""Bring the output of a codec to the level of its input.

Losses on logarithms of power pull towards the median power, which is lower than the mean, so a codec decodes a little
too quietly. The mean level error (RMS of the decoded over that of the original, in dB, up to a minute of each file) is
measured on a folder of audio that the codec was not trained on. It is taken out of the bias of the decoder's log
magnitudes, and the checkpoint is replaced. The encoder, and so the codec's identity, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.common import command

SECONDS = 60  # of each file


def measure_level_error(folder: Path, files: Sequence[Path]) -> float:
    """The mean level error of a codec in dB over all files that are not silent.

    Raises:
        UsageError: all files are silent.
    """
    from musika import audio, console
    from musika.codec.load import load_codec
    from musika.errors import UsageError
    from musika.files import format_path
    from musika.metrics.pair import level

    codec = load_codec(folder)
    errors = []
    for path in files:
        original = audio.read(path)[: SECONDS * codec.sample_rate]
        errors.append(level.evaluate(original, codec.reconstruct(original))["level"])
        console.say(f"{errors[-1]:+.2f} dB  {format_path(path.name)}")
    if np.isnan(errors).all():
        raise UsageError("all of the audio is silent")
    return float(np.nanmean(errors))


def shift_level(folder: Path, decibels: float) -> None:
    """Raises the output of a codec by that many dB and replaces its checkpoint.

    Raises:
        CheckpointError: the folder is not a codec's checkpoint.
    """
    from musika import checkpoint
    from musika.codec.checkpoint import make_checkpoint, read_weights
    from musika.codec.features import LOG_DEVIATION
    from musika.files import open_replacement

    config, weights = read_weights(folder)
    bias = weights["decoder"]["head/bias"].copy()
    # the first two planes are the log magnitudes of left and right, in units of half of LOG_DEVIATION
    bias[: 2 * config.bins] += decibels / 20 * np.log(10) / (LOG_DEVIATION / 2)
    weights["decoder"]["head/bias"] = bias
    described, arrays = make_checkpoint(config, weights)
    if checkpoint.has(folder, "critic"):
        arrays["critic"] = checkpoint.read(folder, "critic")
    before = checkpoint.read_config(folder)
    cards = {path.name: path.read_bytes() for path in folder.glob("README.md")}
    checkpoint.write(folder, {**before, **described}, arrays, half=True)
    for name, content in cards.items():
        with open_replacement(folder / name) as file:
            file.write(content)


def main() -> int:
    parser = command.make_parser("tools.calibrate_level", __doc__)
    parser.add_argument("codec", type=Path, metavar="CODEC", help="folder of the codec, which is changed")
    parser.add_argument("audio", type=Path, metavar="AUDIO_FOLDER", help="folder of audio to measure on")
    options = parser.parse_args()

    from musika import audio, checkpoint, console
    from musika.errors import UsageError

    if checkpoint.has(options.codec, "state"):
        raise UsageError(
            f"{options.codec} belongs to a run that can be resumed: copy its config.json and weights.safetensors to "
            "another folder first"
        )
    files = audio.find_files(options.audio)
    error = measure_level_error(options.codec, files)
    shift_level(options.codec, -error)
    console.say(f"raised by {-error:.2f} dB; the error is now {measure_level_error(options.codec, files):+.2f} dB")
    return 0


if __name__ == "__main__":
    command.run(main)
