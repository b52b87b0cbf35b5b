"""How filled gaps fit: joins and content, beside two simple ways to fill a gap.

In each recording, gaps of 1, 2 and 4 seconds are filled by every method:

    editor        musika.edit.fill, with --load_path
    cross-fade    the sound before the gap goes over into the sound after it
    repeat        the bar before the gap again, where a bar is the strongest period from 1 to 4 s of the energy

Joins: the difference of two samples, spectral flux, change of loudness and change of stereo correlation at both edges,
among those at places all over the recording; "joins inside" is the share of them up to the 95th percentile.

Fit: what fills the gap beside what was there, by the cosine of mean chroma, the difference of loudness, and the
distance of mean and deviation of log-mel bands; "better than other" is the share of gaps in which two of the three are
better than those of another stretch of the recording, drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from benchmarks.loops import BLOCK, measure_flux, measure_loudness_change
from musika import audio, draws
from musika.config import SAMPLE_RATE
from tools.common import command

GAPS = (1.0, 2.0, 4.0)  # seconds
FRAME, HOP = 4096, 1024  # samples of a spectrum
PLACES = 200  # of a recording that a join is compared with
CORRELATED = 4410  # samples on either side that stereo correlation is measured on

Fill = Callable[[np.ndarray, int, int, int], np.ndarray]


def main() -> int:
    parser = yardstick.make_parser("benchmarks.editing", __doc__)
    parser.add_argument("--files_path", type=Path, metavar="FOLDER", required=True, help="recordings to make gaps in")
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", help="checkpoint of an editor; none: left out")
    parser.add_argument("--dec_path", type=Path, metavar="FOLDER", help="folder of its codec")
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 20), metavar="X", default=40.0, help="of each recording"
    )
    options = parser.parse_args()
    methods: dict[str, Fill] = {"cross-fade": fill_by_cross_fade, "repeat": fill_by_repeating}
    if options.load_path is not None:
        methods = {"editor": _load_editor(options.load_path, options.dec_path), **methods}
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for number, path in enumerate(audio.find_files(options.files_path)):
        waveform = audio.read(path)[: round(options.seconds * SAMPLE_RATE)]
        places = np.linspace(BLOCK, len(waveform) - BLOCK - 1, PLACES).astype(int)
        usual = describe_places(waveform, places)
        for gap in GAPS:
            size = round(gap * SAMPLE_RATE)
            start = (len(waveform) - size) // 2
            if start < 2 * SAMPLE_RATE + size:
                continue
            for name, fill in methods.items():
                made = fill(waveform, start, start + size, number)
                figures = measure_gap(waveform, made, start, size, number, usual)
                found.setdefault((name, gap), []).append(figures)
    rows = [_summarise(name, gap, figures) for (name, gap), figures in found.items()]
    yardstick.report("filled gaps", rows, yardstick.measure(), options.json)
    return 0


def _load_editor(load_path: Path, dec_path: Path | None) -> Fill:
    import musika
    from musika import edit

    editor = musika.load(load_path, dec_path)

    def fill(waveform: np.ndarray, start: int, stop: int, seed: int) -> np.ndarray:
        return edit.fill(editor, waveform, [(start / SAMPLE_RATE, stop / SAMPLE_RATE)], seed)[start:stop]

    return fill


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


def measure_gap(
    waveform: np.ndarray, made: np.ndarray, start: int, size: int, number: int, usual: dict[str, np.ndarray]
) -> dict[str, float]:
    """Figures of one gap `[start, start + size)` of a recording `[N, 2]` that holds `made` `[size, 2]`.

    Args:
        number: of the recording, which draws the other stretch.
        usual: figures of places all over the recording.
    """
    edited = waveform.copy()
    edited[start : start + size] = made
    inside = [rank_join(usual, edited, edge) for edge in (start, start + size)]
    chance = float(draws.uniform(0, "benchmark/other", number, (1,))[0])
    other = int(chance * (start - size))  # before the gap, and apart from it
    true = waveform[start : start + size]
    own, others = compare(made, true), compare(waveform[other : other + size], true)
    better = sum(own[name] < others[name] for name in own)
    return {
        "joins inside": float(np.mean(inside)),
        "better than other": float(better >= 2),
        **own,
    }


def rank_join(usual: dict[str, np.ndarray], edited: np.ndarray, edge: int) -> float:
    """Share of the figures of one join up to the 95th percentile of those of the recording."""
    joined = describe_places(edited, np.array([edge]))
    return float(np.mean([np.mean(usual[name] < joined[name][0]) <= 0.95 for name in usual]))


def describe_places(waveform: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
    """Four figures of each place `[places]` in a recording `[N, 2]`: how much changes there."""
    mono = waveform.mean(axis=1)
    correlations = np.array(
        [_correlate(waveform[p : p + CORRELATED]) - _correlate(waveform[p - CORRELATED : p]) for p in places]
    )
    return {
        "sample difference": np.abs(mono[places] - mono[places - 1]),
        "spectral flux": measure_flux(mono, places),
        "loudness": measure_loudness_change(mono, places),
        "stereo correlation": np.abs(correlations),
    }


def _correlate(waveform: np.ndarray) -> float:
    left, right = (channel - channel.mean() for channel in waveform.T.astype(np.float64))
    return float(left @ right / np.sqrt((left @ left) * (right @ right) + 1e-12))


def compare(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Three distances of two stretches `[N, 2]`; 0 is best."""
    one, two = (_measure_spectrum(part) for part in (made, true))
    chroma = float(one[0] @ two[0] / (np.linalg.norm(one[0]) * np.linalg.norm(two[0]) + 1e-12))
    levels = [10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-9) for part in (made, true)]
    mel = np.abs(one[1] - two[1]).mean() + np.abs(one[2] - two[2]).mean()
    return {"chroma": 1.0 - chroma, "loudness dB": abs(levels[0] - levels[1]), "log-mel": float(mel)}


def _measure_spectrum(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean chroma `[12]`, mean and deviation of log-mel bands `[64]` each."""
    from musika.spectrum import make_mel_filters

    mono = waveform.mean(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(mono, FRAME)[::HOP] * np.hanning(FRAME)
    magnitude = np.abs(np.fft.rfft(frames))  # [frames, bins]
    hertz = np.arange(1, FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    heard = (hertz > 60) & (hertz < 5000)
    pitch = np.rint(12 * np.log2(hertz / 440)).astype(int) % 12
    chroma = np.array([magnitude[:, 1:][:, heard & (pitch == k)].sum() for k in range(12)])
    mel = np.log10(magnitude**2 @ make_mel_filters(SAMPLE_RATE, FRAME, 64) + 1e-6)
    return chroma, mel.mean(axis=0), mel.std(axis=0)


def _summarise(name: str, gap: float, figures: list[dict[str, float]]) -> dict[str, Any]:
    means = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
    return {"method": name, "gap s": gap, "gaps": len(figures), **means}


if __name__ == "__main__":
    command.run(main)
