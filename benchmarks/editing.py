"""How filled gaps fit: joins and content, beside two simple ways to fill a gap.

In each recording, gaps of 1, 2 and 4 seconds are filled by every method:

    editor        musika.edit.fill, with --load_path
    codec         what was there, through the editor's codec: what no editor can surpass
    cross-fade    the sound before the gap goes over into the sound after it
    repeat        the bar before the gap again, where a bar is the strongest period from 1 to 4 s of the energy
    other         another stretch of the recording, drawn at random

Joins: the difference of two samples, spectral flux, change of level and change of stereo correlation at both edges,
among those at places all over the recording. The share of them up to the 95th percentile is shown, of each and, under
"joins", of all. A join like any other place has 0.95.

Fit: what fills the gap beside what was there, by the cosine of mean chroma, the difference of levels, tempo and beats
(`benchmarks/common/fit.py`), and the distance of mean and deviation of log-mel bands. Under "better" is how often it is
nearer than another stretch of the recording, drawn at random, by most of the four; a draw counts one half. Of each
recording, as many stretches are drawn as --others says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.common.fit import compare_contents
from benchmarks.common.joins import describe_recording, rank_join
from musika import audio, draws
from musika.config import SAMPLE_RATE
from tools.common import command

GAPS = (1.0, 2.0, 4.0)  # seconds

Fill = Callable[[np.ndarray, int, int, int], np.ndarray]


def main() -> int:
    parser = yardstick.make_parser("benchmarks.editing", __doc__)
    parser.add_argument("--files_path", type=Path, metavar="FOLDER", required=True, help="recordings to make gaps in")
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", help="checkpoint of an editor; none: left out")
    parser.add_argument("--dec_path", type=Path, metavar="FOLDER", help="folder of its codec")
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 20), metavar="X", default=40.0, help="of each recording"
    )
    parser.add_argument(
        "--others", type=command.parse_number(int, 1), metavar="N", default=8, help="stretches to compare with"
    )
    options = parser.parse_args()
    methods: dict[str, Fill] = {"cross-fade": fill_by_cross_fade, "repeat": fill_by_repeating, "other": fill_by_other}
    if options.load_path is not None:
        methods = _load_editor(options.load_path, options.dec_path) | methods
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for number, path in enumerate(audio.find_files(options.files_path)):
        waveform = audio.read(path)[: round(options.seconds * SAMPLE_RATE)]
        usual = describe_recording(waveform)
        for gap in GAPS:
            size = round(gap * SAMPLE_RATE)
            start = (len(waveform) - size) // 2
            if start < 2 * SAMPLE_RATE + size:
                continue
            others = measure_others(waveform, start, start + size, number, options.others)
            for name, fill in methods.items():
                made = fill(waveform, start, start + size, number)
                figures = measure_gap(waveform, made, start, usual, others)
                found.setdefault((name, gap), []).append(figures)
    rows = [
        _summarise(name, gap, figures) for (name, gap), figures in sorted(found.items(), key=lambda item: item[0][1])
    ]
    yardstick.report("filled gaps", rows, yardstick.measure(), options.json)
    return 0


def _load_editor(load_path: Path, dec_path: Path | None) -> dict[str, Fill]:
    import musika
    from musika import edit

    editor = musika.load(load_path, dec_path)

    def fill(waveform: np.ndarray, start: int, stop: int, seed: int) -> np.ndarray:
        return edit.fill(editor, waveform, [(start / SAMPLE_RATE, stop / SAMPLE_RATE)], seed)[start:stop]

    def fill_by_codec(waveform: np.ndarray, start: int, stop: int, seed: int) -> np.ndarray:
        return editor.codec.decode(editor.codec.encode(waveform))[start:stop]

    return {"editor": fill, "codec": fill_by_codec}


def fill_by_cross_fade(waveform: np.ndarray, start: int, stop: int, seed: int) -> np.ndarray:
    """The sound before a gap, which goes over into the sound after it, `[stop - start, 2]`."""
    size = stop - start
    share = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None]
    before, after = waveform[start - size : start], waveform[stop : stop + size]
    return np.sqrt(1.0 - share) * before + np.sqrt(share) * after


def fill_by_repeating(waveform: np.ndarray, start: int, stop: int, seed: int) -> np.ndarray:
    """The bar before a gap, again and again, `[stop - start, 2]`."""
    bar = find_bar(waveform[:start])
    return np.resize(waveform[start - bar : start], (stop - start, waveform.shape[1]))


def find_bar(waveform: np.ndarray) -> int:
    """Samples of the strongest period from 1 to 4 s, or less where there is less, of the energy of `[N, 2]`."""
    step = 441
    energy = np.square(waveform[len(waveform) % step :], dtype=np.float64).mean(axis=1).reshape(-1, step).mean(axis=1)
    rise = np.maximum(np.diff(np.log(energy + 1e-8)), 0.0)
    rise -= rise.mean()
    periods = np.arange(100, min(400, len(rise) // 2))
    strengths = [rise[period:] @ rise[:-period] / (len(rise) - period) for period in periods]
    return int(periods[int(np.argmax(strengths))]) * step


def fill_by_other(waveform: np.ndarray, start: int, stop: int, seed: int, number: int = 0) -> np.ndarray:
    """Another stretch of a recording, apart from the gap, `[stop - start, 2]`; `number` counts draws."""
    size = stop - start
    chance = float(draws.uniform(seed, "benchmark/other", number, (1,))[0])
    before, after = start - size, len(waveform) - stop - size  # places where it may begin on either side
    place = int(chance * (before + after))
    place = place if place < before else stop + place - before
    return waveform[place : place + size]


def measure_others(waveform: np.ndarray, start: int, stop: int, seed: int, count: int) -> list[dict[str, float]]:
    """Distances of other stretches, in the place of a gap, to what is there."""
    found = []
    for number in range(count):
        edited = waveform.copy()
        edited[start:stop] = fill_by_other(waveform, start, stop, seed, number)
        found.append(compare_contents(edited, waveform, start, stop))
    return found


def measure_gap(
    waveform: np.ndarray, made: np.ndarray, start: int, usual: dict[str, np.ndarray], others: list[dict[str, float]]
) -> dict[str, float]:
    """Figures of a recording `[N, 2]` that holds `made` `[size, 2]` from sample `start` on.

    Args:
        usual: figures of places all over the recording.
        others: distances of other stretches.
    """
    stop, edited = start + len(made), waveform.copy()
    edited[start:stop] = made
    joins = [rank_join(usual, edited, edge) for edge in (start, stop)]
    means = {name: float(np.mean([join[name] for join in joins])) for name in usual}
    own = compare_contents(edited, waveform, start, stop)
    votes = [sum(np.sign(other[name] - own[name]) for name in own) for other in others]
    better = float(np.mean([0.5 + 0.5 * np.sign(vote) for vote in votes]))
    return {"joins": float(np.mean(list(means.values()))), **means, "better": better, **own}


def _summarise(name: str, gap: float, figures: list[dict[str, float]]) -> dict[str, Any]:
    means = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
    return {"method": name, "gap s": gap, "gaps": len(figures), **means}


if __name__ == "__main__":
    command.run(main)
