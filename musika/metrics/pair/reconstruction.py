"""All figures of one pair of waveforms, an original and its decoded version.

Each figure is defined in the file of its metric. `DIGITS` lists them in the order of tables, with the digits to show,
`clicks` among them, which `clicks.py` measures where it is known at which samples blocks meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from musika.metrics.pair import (
    band_bias,
    drift,
    flatness,
    level,
    log_mel,
    log_spectral,
    loudness,
    onsets,
    si_sdr,
    stereo,
    tuning,
)
from musika.metrics.pair.inputs import check_pair

DIGITS = {
    "log_mel": 3,
    "log_mel_2048": 3,
    "log_mel_512": 3,
    "log_spectral": 2,  # dB
    "band_bias": 2,  # dB
    "level": 2,  # dB
    "loudness_error": 2,  # LU
    "si_sdr": 2,  # dB
    "correlation_error": 3,
    "width_error": 3,
    "onset_f1": 3,
    "false_onsets": 2,  # a second
    "missed_onsets": 2,  # a second
    "flatness_ratio": 3,
    "tuning_error": 1,  # cents
    "phase_drift": 2,  # turns
    "clicks": 2,  # dB
    "clicks_inside": 2,  # dB
    "clicks_original": 2,  # dB
}
FIGURES = tuple(name for name in DIGITS if not name.startswith("clicks"))  # those that a pair has by itself


def do_nothing() -> None:
    """For who need not know how far the work is."""


def evaluate(
    original: np.ndarray, decoded: np.ndarray, sample_rate: int, on_step: Callable[[], object] = do_nothing
) -> dict[str, float]:
    """Every figure of a pair. NaN where a figure is not defined (silence); all are NaN if `decoded` is not finite.

    Args:
        original: `[N, 2]`.
        decoded: `[N, 2]`, clipped to ±1 if it would be written to a file.
        sample_rate: Hz.
        on_step: is called after each metric; what it raises ends the work.
    """
    original, decoded = check_pair(original, decoded)
    if not np.isfinite(decoded).all():
        return dict.fromkeys(FIGURES, float("nan"))
    figures: dict[str, float] = {}
    for values in _evaluate_each(original, decoded, sample_rate):
        figures |= values
        on_step()
    return {name: figures[name] for name in FIGURES}


def _evaluate_each(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> Iterator[dict[str, float]]:
    """The figures of one metric after the other."""
    yield log_mel.evaluate(original, decoded, sample_rate)
    yield log_spectral.evaluate(original, decoded)
    yield band_bias.evaluate(original, decoded, sample_rate)
    yield level.evaluate(original, decoded)
    yield loudness.evaluate(original, decoded, sample_rate)
    yield si_sdr.evaluate(original, decoded)
    yield stereo.evaluate(original, decoded)
    yield onsets.evaluate(original, decoded, sample_rate)
    yield flatness.evaluate(original, decoded, sample_rate)
    yield tuning.evaluate(original, decoded, sample_rate)
    yield drift.evaluate(original, decoded, sample_rate)


def average_figures(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over the pieces where it is defined; NaN if it is defined for none of them.

    A piece need not have all figures.
    """
    means = {}
    for name in dict.fromkeys(name for piece in figures for name in piece):
        values = np.array([piece[name] for piece in figures if name in piece])
        values = values[np.isfinite(values)]
        means[name] = float(values.mean()) if values.size else float("nan")
    return means
