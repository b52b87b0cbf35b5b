"""Whether the seam of a loop can be told from any other place in it.

For pieces of several seeds, three figures are measured at the seam and at places all over the loop: the difference of
neighbouring samples, the spectral flux (the change of log spectra from one frame to the next), and the change of
loudness. The rank of the seam among all places, 0 to 1, is even where the seam is like the rest: about a tenth of all
seams lie below 0.05 or above 0.95, as a tenth of all places do.

The seam of composed music is a bar line, where chords are struck: any bar line differs from other places. So there the
seam is ranked among the bar lines of the loop, too. A loop has few of them, so both ends of the ranks come often by
chance: `by chance` is how often any one bar line lies at an end, counted for the same loops.
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
    ranks: dict[tuple[str, str], list[float]] = {}
    chances: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        loop = model.piece(seed).make_loop(options.seconds)
        turn = loop.render(0.0, loop.loop_seconds)
        chosen = {"all places": np.arange(STEP, len(turn), STEP)}
        if isinstance(model, musika.render.ComposedModel):
            chosen["bar lines"] = find_bar_lines(loop)
        for among, places in chosen.items():
            chances.setdefault(among, []).append(find_chance(len(places)))
            for name, rank in rank_seam(turn, places).items():
                ranks.setdefault((name, among), []).append(rank)
    rows = [_summarise(*names, np.array(found), float(np.mean(chances[names[1]]))) for names, found in ranks.items()]
    yardstick.report(f"seams of {options.seeds} loops", rows, yardstick.measure(), options.json)
    return 0


def find_bar_lines(loop: Any) -> np.ndarray:
    """Samples at which bars of a composed loop begin, but for its first one."""
    composed = loop.model.compose(loop)
    plan = composed.plan
    units = plan.frame.bar_length * np.arange(plan.frame.bars)
    seconds = np.concatenate([plan.clock.to_seconds(section, units) for section in range(plan.sections)])
    return np.rint(composed.stretch * seconds[1:] * loop.model.sample_rate).astype(int)


def rank_seam(turn: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """The rank of the seam of one turn `[N, 2]` among other places (samples), 0 to 1, for each figure."""
    mono = np.concatenate([turn[-BLOCK:], turn, turn[:BLOCK]]).mean(axis=1)  # the seam lies at sample BLOCK
    places = BLOCK + np.append(0, others)
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


def find_chance(count: int) -> float:
    """The probability that one of `count + 1` equal places has a rank below 0.05 or above 0.95 among the others."""
    ranks = np.arange(count + 1) / count
    return float(np.mean(_is_outside(ranks)))


def _is_outside(ranks: np.ndarray) -> np.ndarray:
    return (ranks < 0.05) | (ranks > 0.95)


def _summarise(name: str, among: str, ranks: np.ndarray, chance: float) -> dict[str, Any]:
    return {
        "figure": name,
        "among": among,
        "lowest": ranks.min(),
        "median": np.median(ranks),
        "highest": ranks.max(),
        "outside": float(np.mean(_is_outside(ranks))),
        "by chance": chance,
    }


if __name__ == "__main__":
    command.run(main)
