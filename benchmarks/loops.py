"""Whether the seam of a loop can be told from any other place in it.

For pieces of several seeds, three figures are measured at the seam and at places all over the loop: the difference of
neighbouring samples, the spectral flux (the change of log spectra from one frame to the next), and the change of
loudness. The rank of the seam among all places, 0 to 1, is even where the seam is like the rest: about a tenth of all
seams lie below 0.05 or above 0.95, as a tenth of all places do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common import generating
from tools.common import command

FRAME = 1024  # samples of a spectrum
STEP = 256  # samples from one place to the next
BLOCK = 4096  # samples whose loudness is compared


def main() -> int:
    parser = yardstick.make_parser("benchmarks.loops", __doc__)
    generating.add_checkpoint_flags(parser)
    parser.add_argument("--seeds", type=command.parse_number(int, 1), metavar="N", default=50, help="how many loops")
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 1), metavar="X", default=18.0, help="length of the loops"
    )
    options = parser.parse_args()

    import musika

    model = musika.load(options.load_path, options.dec_path)
    ranks: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        loop = model.piece(seed).make_loop(options.seconds)
        for name, rank in rank_seam(loop.render(0.0, loop.loop_seconds)).items():
            ranks.setdefault(name, []).append(rank)
    rows = [_summarise(name, np.array(found)) for name, found in ranks.items()]
    yardstick.report(f"seams of {options.seeds} loops", rows, yardstick.measure(), options.json)
    return 0


def rank_seam(turn: np.ndarray) -> dict[str, float]:
    """The rank of the seam of one turn `[N, 2]` among all places, 0 to 1, for each figure."""
    mono = np.concatenate([turn[-BLOCK:], turn, turn[:BLOCK]]).mean(axis=1)  # the seam lies at sample BLOCK
    places = np.arange(BLOCK, BLOCK + len(turn), STEP)
    figures = {
        "sample difference": np.abs(mono[places] - mono[places - 1]),
        "spectral flux": measure_flux(mono, places),
        "loudness": measure_loudness_change(mono, places),
    }
    return {name: float(np.mean(values[1:] < values[0])) for name, values in figures.items()}


def measure_flux(mono: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mean absolute change of log spectra from the frame before each place to the one behind it."""
    window = np.hanning(FRAME)
    before, after = (
        np.log(np.abs(np.fft.rfft(mono[(places + offset)[:, None] + np.arange(FRAME)] * window)) + 1e-4)
        for offset in (-FRAME // 2 - STEP // 2, -FRAME // 2 + STEP // 2)
    )
    return np.abs(after - before).mean(axis=1)


def measure_loudness_change(mono: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Absolute change of the level in dB from the block before each place to the one behind it."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(mono, dtype=np.float64))])
    before, after = energy[places] - energy[places - BLOCK], energy[places + BLOCK] - energy[places]
    return np.abs(10 * np.log10((after + 1e-9) / (before + 1e-9)))


def _summarise(name: str, ranks: np.ndarray) -> dict[str, Any]:
    outside = float(np.mean((ranks < 0.05) | (ranks > 0.95)))
    return {
        "figure": name,
        "lowest": ranks.min(),
        "median": np.median(ranks),
        "highest": ranks.max(),
        "outside": outside,
    }


if __name__ == "__main__":
    command.run(main)
