"""Flatness ratio: do tones stay tones, and noise noise? 1 is right; above 1 there is noise between the tones.

The spectral flatness of a frame is the geometric over the arithmetic mean of the power of its bins from 100 Hz to 8 kHz
(mono mix, window 2048, hop 512; -70 dB of the original's largest power is added to every bin). `flatness_ratio` is the
median over time of the decoded waveform divided by that of the original. NaN where the original is silent. Source:
Johnston, Transform coding of audio signals using perceptual noise criteria (IEEE JSAC 6, 1988).
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

WINDOW = 2048
RANGE = (100, 8000)  # Hz
FLOOR = 1e-7  # relative to the original's largest power


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`flatness_ratio` of a pair `[N, 2]`."""
    import librosa

    original, decoded = check_pair(original, decoded)
    if is_silent(original):
        return {"flatness_ratio": float("nan")}
    first, last = (int(np.ceil(hz * WINDOW / sample_rate)) for hz in RANGE)
    powers = [np.abs(librosa.stft(w.mean(axis=1), n_fft=WINDOW)[first:last]) ** 2 for w in (original, decoded)]
    floor = powers[0].max() * FLOOR
    if floor <= 0:  # no sound in this range, or the channels cancel
        return {"flatness_ratio": float("nan")}
    x, y = (float(np.median(np.exp(np.log(p + floor).mean(axis=0)) / (p + floor).mean(axis=0))) for p in powers)
    return {"flatness_ratio": y / x}
