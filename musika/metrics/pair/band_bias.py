"""Band bias: is some part of the range of pitches too loud or too quiet on the whole? In dB, 0 is right.

The mono mix's mel power (window 2048, 128 bands, as in `log_mel`), decoded over original in dB, averaged over time and
the bands whose centre lies in 0-300, 300-1000, 1000-3000, 3000-8000 or 8000-14000 Hz, only where the original is
within 60 dB of its loudest point; `band_bias` is the largest absolute value of the five. Ranges with 100 such points
or fewer do not count.
"""

from __future__ import annotations

import itertools

import numpy as np

from musika.metrics.pair.arguments import checked, mel_power

EDGES = (0, 300, 1000, 3000, 8000, 14000)  # Hz
WINDOW, BANDS = 2048, 128
LOUD = 1e-6  # of the largest power
FLOOR = 1e-10
FEWEST = 100  # points


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`band_bias` in dB (absolute) of a pair `[N, 2]`; 0 where no range has enough sound."""
    import librosa

    original, decoded = checked(original, decoded)
    centres = librosa.mel_frequencies(n_mels=BANDS + 2, fmax=sample_rate / 2)[1:-1]
    x, y = (mel_power(w.mean(axis=1), sample_rate, WINDOW, BANDS) for w in (original, decoded))
    loud = x > x.max() * LOUD
    difference = 10 * np.log10(np.maximum(y, FLOOR) / np.maximum(x, FLOOR))
    largest = 0.0
    for low, high in itertools.pairwise(EDGES):
        inside = (centres >= low) & (centres < high)
        points = difference[inside][loud[inside]]
        if points.size > FEWEST:
            largest = max(largest, abs(float(points.mean())))
    return {"band_bias": largest}
