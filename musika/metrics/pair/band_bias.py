"""Band bias: the frequency range that is too loud or too quiet by the most, in dB. 0 is right.

From the mel power of the mono mix (window 2048, 128 bands, as in `log_mel`): the decoded over the original in dB,
averaged over time and over the bands whose centre lies in 0-300, 300-1000, 1000-3000, 3000-8000 or 8000-14000 Hz.
Only points count where the original is within 60 dB of its loudest point. `band_bias` is the largest absolute value of
the five ranges; a range with 100 points or fewer is left out.
"""

from __future__ import annotations

import itertools

import numpy as np

from musika.metrics.pair.inputs import check_pair, compute_mel_power

EDGES = (0, 300, 1000, 3000, 8000, 14000)  # Hz
WINDOW, BANDS = 2048, 128
LOUD = 1e-6  # -60 dB, relative to the largest power
FLOOR = 1e-10
MIN_POINTS = 100


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`band_bias` in dB (absolute) of a pair `[N, 2]`; 0 if no range has enough sound."""
    import librosa

    original, decoded = check_pair(original, decoded)
    centres = librosa.mel_frequencies(n_mels=BANDS + 2, fmax=sample_rate / 2)[1:-1]
    x, y = (compute_mel_power(w.mean(axis=1), sample_rate, WINDOW, BANDS) for w in (original, decoded))
    loud = x > x.max() * LOUD
    difference = 10 * np.log10(np.maximum(y, FLOOR) / np.maximum(x, FLOOR))
    largest = 0.0
    for low, high in itertools.pairwise(EDGES):
        inside = (centres >= low) & (centres < high)
        points = difference[inside][loud[inside]]
        if points.size > MIN_POINTS:
            largest = max(largest, abs(float(points.mean())))
    return {"band_bias": largest}
