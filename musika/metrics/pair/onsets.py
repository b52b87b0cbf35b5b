"""Onsets: are the beginnings of notes and beats still where they were?

`onset_f1` = 2 hits / (onsets of the original + onsets of the decoded), onsets by librosa's detector on the mono mix, a
hit for each one of the original with one of the decoded less than 50 ms away. 1 is best. 0 where neither has any; NaN
where the original is silent.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, silent

NEAR = 0.05  # seconds


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`onset_f1` of a pair `[N, 2]`."""
    import librosa

    original, decoded = checked(original, decoded)
    if silent(original):
        return {"onset_f1": float("nan")}
    x, y = (librosa.onset.onset_detect(y=w.mean(axis=1), sr=sample_rate, units="time") for w in (original, decoded))
    hits = sum(bool(np.any(np.abs(y - time) < NEAR)) for time in x)
    return {"onset_f1": 2 * hits / max(1, len(x) + len(y))}
