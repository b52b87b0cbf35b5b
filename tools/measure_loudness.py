"""Measure how loud a checkpoint plays, and let it record a gain that brings it to a common loudness.

Pieces of several seeds are rendered without levels, and the integrated loudness of each is measured (ITU-R BS.1770-4).
`config.json` of the checkpoint gets their median in LUFS, and the output gain that brings it to the target: a factor
that every rendering applies before the limiter. All other files stay as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.common import command

TARGET = -16.0  # LUFS: leaves room above for what is louder than the average
PIECES = 16
SECONDS = 30.0  # of each piece


def measure_pieces(folder: Path, pieces: int, seconds: float) -> list[float]:
    """Loudness in LUFS of the beginnings of the pieces of seed 0, 1 ... without levels; NaN where one is silent."""
    import musika
    from musika.metrics.pair.loudness import measure_loudness

    model = musika.load(folder)
    count = model.count_samples(seconds)
    waveforms = (np.concatenate(list(model.piece(seed).stream_without_levels(0, count))) for seed in range(pieces))
    return [measure_loudness(waveform, model.sample_rate) for waveform in waveforms]


def main() -> int:
    parser = command.make_parser("tools.measure_loudness", __doc__)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="its folder, which is changed")
    parser.add_argument(
        "--target", type=command.parse_number(float, -60, 0), default=TARGET, metavar="X", help="LUFS to play at"
    )
    parser.add_argument(
        "--pieces", type=command.parse_number(int, 1), default=PIECES, metavar="N", help="how many are measured"
    )
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 1), default=SECONDS, metavar="X", help="of each piece"
    )
    options = parser.parse_args()

    from musika import checkpoint, console
    from musika.checkpoint import locate
    from musika.errors import UsageError
    from musika.render.levels import LOUDNESS, MAX_GAIN, OUTPUT_GAIN

    folder = locate.resolve_checkpoint(options.checkpoint)
    measured = measure_pieces(folder, options.pieces, options.seconds)
    loudness = float(np.nanmedian(measured)) if np.isfinite(measured).any() else float("nan")
    if not np.isfinite(loudness):
        raise UsageError(f"{options.checkpoint} plays nothing that can be heard")
    gain = min(10 ** ((options.target - loudness) / 20), MAX_GAIN)
    checkpoint.change_config(folder, {LOUDNESS: round(loudness, 2), OUTPUT_GAIN: round(gain, 4)})
    console.say(f"{options.checkpoint}: {loudness:.2f} LUFS, output gain {gain:.4f}")
    return 0


if __name__ == "__main__":
    command.run(main)
