"""All figures of one pair of waveforms, original and decoded: what a codec keeps of a piece.

The definitions are in the file of each metric. `DIGITS` names them in the order of tables, with the digits to show.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair import (
    band_bias,
    borders,
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
from musika.metrics.pair.arguments import checked

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
    "flatness_ratio": 3,
    "tuning_error": 1,  # cents
    "clicks": 2,  # dB
    "clicks_inside": 2,  # dB
    "clicks_original": 2,  # dB
}


def evaluate(
    original: np.ndarray, decoded: np.ndarray, sample_rate: int, block_samples: int | None = None
) -> dict[str, float]:
    """Every figure of a pair; NaN where one is not defined (silence), and all of them if `decoded` is not finite.

    Args:
        original: `[N, 2]`.
        decoded: `[N, 2]`, as it will sound: clipped to ±1 if it is going to a file.
        sample_rate: Hz.
        block_samples: samples in a block of the codec (block · hop_total); without it there are no `clicks`.
    """
    original, decoded = checked(original, decoded)
    names = [name for name in DIGITS if block_samples is not None or not name.startswith("clicks")]
    if not np.isfinite(decoded).all():
        return dict.fromkeys(names, float("nan"))
    found = {
        **log_mel.evaluate(original, decoded, sample_rate),
        **log_spectral.evaluate(original, decoded),
        **band_bias.evaluate(original, decoded, sample_rate),
        **level.evaluate(original, decoded),
        **loudness.evaluate(original, decoded, sample_rate),
        **si_sdr.evaluate(original, decoded),
        **stereo.evaluate(original, decoded),
        **onsets.evaluate(original, decoded, sample_rate),
        **flatness.evaluate(original, decoded, sample_rate),
        **tuning.evaluate(original, decoded, sample_rate),
    }
    if block_samples is not None:
        found |= borders.evaluate(original, decoded, block_samples)
    return {name: found[name] for name in names}


def mean(figures: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over pieces where it is defined; NaN where it is nowhere."""
    found = {}
    for name in figures[0] if figures else ():
        values = np.array([each[name] for each in figures])
        found[name] = float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")
    return found
