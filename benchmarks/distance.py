"""Fréchet distance of a generator's latents to those of real music, beside that of two halves of the real music.

Clips of 32 latents (3 s) are described by the mean, the standard deviation and the mean absolute step of each number,
and projected on 64 principal components (musika/metrics/sets/spaces.py). Generated pieces have the seeds 1000, 1001 ...
and 512 latents each. In contrast to `musika evaluate --generated`, nothing is decoded and encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musika.errors import UsageError
from tools.common import command, latents


def measure_distance(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    """Fréchet distance of the clips of pieces `[T, C]`."""
    from musika.metrics.sets import frechet
    from musika.metrics.sets.spaces import CLIPS

    return frechet.evaluate(CLIPS.describe_all(one), CLIPS.describe_all(other), CLIPS.components)["frechet"]


def main() -> int:
    parser = command.make_parser("benchmarks.distance", __doc__)
    parser.add_argument("latents", type=Path, metavar="LATENTS_FOLDER", help="folder of latents of real music")
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", default=Path("checkpoints/open"), help="generator")
    parser.add_argument(
        "--pieces", type=command.parse_number(int, 1), metavar="N", default=40, help="pieces to generate"
    )
    options = parser.parse_args()

    from musika import console

    real = latents.read_pieces(options.latents)
    if len(real) < 2:
        raise UsageError(f"there is only one file of latents in {options.latents}: two halves need at least two")
    order = np.random.default_rng(0).permutation(len(real))
    halves = [[real[i] for i in order[start::2]] for start in (0, 1)]
    generated = latents.generate_pieces(options.load_path, options.pieces)
    console.say(f"generated to real       {measure_distance([*halves[0], *halves[1]], generated):.3f}")
    console.say(f"one half to the other   {measure_distance(halves[0], halves[1]):.3f}")
    return 0


if __name__ == "__main__":
    command.run(main)
