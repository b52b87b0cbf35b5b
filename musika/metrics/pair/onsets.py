"""Onsets: are the beginnings of notes and beats where they were, and are there no others? An F1 of 1 is best.

librosa's detector finds onsets in the mono mix of both waveforms. An onset of the original and one of the decoded
match if they are less than 50 ms apart, and each onset matches at most once. With hits the largest possible number of
matches, `onset_f1` = 2 hits / (onsets of the original + onsets of the decoded); 0 where neither has any.
`false_onsets` are those of the decoded that match none, for a second of audio, `missed_onsets` those of the original;
0 is best. All are NaN where the original is silent. Source: Raffel et al., mir_eval: a transparent implementation of
common MIR metrics (ISMIR 2014).
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

TOLERANCE = 0.05  # seconds


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`onset_f1`, `false_onsets` and `missed_onsets` (each for a second of audio) of a pair `[N, 2]`."""
    import librosa

    original, decoded = check_pair(original, decoded)
    if is_silent(original):
        return dict.fromkeys(("onset_f1", "false_onsets", "missed_onsets"), float("nan"))
    x, y = (librosa.onset.onset_detect(y=w.mean(axis=1), sr=sample_rate, units="time") for w in (original, decoded))
    matches, seconds = count_matches(x, y), len(original) / sample_rate
    return {
        "onset_f1": 2 * matches / max(1, len(x) + len(y)),
        "false_onsets": (len(y) - matches) / seconds,
        "missed_onsets": (len(x) - matches) / seconds,
    }


def count_matches(first: np.ndarray, second: np.ndarray) -> int:
    """The largest number of pairs of times less than TOLERANCE apart, if each time is in at most one pair.

    Args:
        first: seconds, ascending, `[n]`.
        second: seconds, ascending, `[m]`.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    low = np.searchsorted(second, first - TOLERANCE, side="right")
    high = np.searchsorted(second, first + TOLERANCE, side="left")
    near = [np.arange(start, end) for start, end in zip(low, high, strict=True)]  # candidates of each first time
    columns = np.concatenate([np.zeros(0, int), *near])
    bounds = np.concatenate([[0], np.cumsum([len(each) for each in near], dtype=int)])
    graph = csr_array((np.ones(len(columns)), columns, bounds), shape=(len(first), len(second)))
    return int(np.count_nonzero(maximum_bipartite_matching(graph) >= 0))
