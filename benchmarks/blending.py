"""How passages from one recording to another hold: joins, and the level in their middle, beside a plain cross-fade.

Each recording of a folder becomes the next one, over --over seconds:

    editor        musika.edit.blend with `over`
    cross-fade    both recordings at once, one fading out, the other fading in, with powers that add up to one

"joins" are those of `benchmarks.editing`: at the beginning, among the places of the first recording, and at the end,
among those of the second one. "dip dB" is how far the level of the middle second lies below the mean of the levels of
both recordings there; music that disappears between two recordings has a large one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common.joins import describe_recording, rank_join
from musika import audio
from musika.config import SAMPLE_RATE
from tools.common import command

Blend = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def main() -> int:
    parser = yardstick.make_parser("benchmarks.blending", __doc__)
    parser.add_argument("--files_path", type=Path, metavar="FOLDER", required=True, help="recordings")
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", default=Path("checkpoints/edit"), help="editor")
    parser.add_argument("--over", type=command.parse_number(float, 2), metavar="X", default=4.0, help="seconds")
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 10), metavar="X", default=12.0, help="of each recording"
    )
    options = parser.parse_args()

    import musika
    from musika import edit

    editor = musika.load(options.load_path)
    passage = round(options.over * SAMPLE_RATE)

    def blend(one: np.ndarray, two: np.ndarray, seed: int) -> np.ndarray:
        return edit.blend(editor, one, two, over=options.over, seed=seed)

    methods: dict[str, Blend] = {"editor": blend, "cross-fade": lambda one, two, _: cross_fade(one, two, passage)}
    paths = audio.find_files(options.files_path)
    waveforms = [audio.read(path)[: round(options.seconds * SAMPLE_RATE)] for path in paths]
    usual = [describe_recording(waveform) for waveform in waveforms]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for number, one in enumerate(waveforms):
        following = (number + 1) % len(waveforms)
        for name, method in methods.items():
            made = method(one, waveforms[following], number)
            edges = (len(one) - passage, len(one))
            joins = [rank_join(usual[n], made, edge) for n, edge in zip((number, following), edges, strict=True)]
            means = {key: float(np.mean([join[key] for join in joins])) for key in joins[0]}
            dip = measure_dip(made, one, waveforms[following], passage)
            found[name].append({"joins": float(np.mean(list(means.values()))), **means, "dip dB": dip})
    rows = [summarise(name, figures) for name, figures in found.items()]
    yardstick.report(f"blends over {options.over:g} s", rows, yardstick.measure(), options.json)
    return 0


def cross_fade(one: np.ndarray, two: np.ndarray, passage: int) -> np.ndarray:
    """A recording `[N, 2]` that goes over into another in its last samples."""
    share = np.linspace(0.0, 1.0, passage, dtype=np.float32)[:, None]
    between = np.sqrt(1.0 - share) * one[-passage:] + np.sqrt(share) * two[:passage]
    return np.concatenate([one[:-passage], between, two[passage:]])


def measure_dip(made: np.ndarray, one: np.ndarray, two: np.ndarray, passage: int) -> float:
    """How far the middle second of a passage lies below the mean of the levels of both recordings there, dB."""
    middle, half = passage // 2, SAMPLE_RATE // 2
    parts = (
        made[len(one) - passage + middle - half : len(one) - passage + middle + half],
        one[len(one) - passage + middle - half : len(one) - passage + middle + half],
        two[middle - half : middle + half],
    )
    levels = [10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-9) for part in parts]
    return float(np.mean(levels[1:]) - levels[0])


def summarise(name: str, figures: list[dict[str, float]]) -> dict[str, Any]:
    means = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
    return {"method": name, "blends": len(figures), **means}


if __name__ == "__main__":
    command.run(main)
