"""Note onset F1: does a transcriber hear the notes of the score in the audio? 1 is best.

A note of the score is found when the transcriber hears an onset of the same key within 50 ms; each is used once.
Attacks are slow, so one lag for the whole piece is fitted first, from -60 to +100 ms in steps of 10. With hits the
number of pairs, `note_f1` = 2 hits / (notes of the score + notes heard), `note_precision` = hits / notes heard,
`note_recall` = hits / notes of the score. Drums do not count. The audio must begin where the score does. Source:
onset-only note F-measure, Bay, Ehmann and Downie (ISMIR 2009).
"""

from __future__ import annotations

import numpy as np

from musika.metrics.notes.transcriber import Network, transcribe_onsets
from musika.score import Notes

TOLERANCE = 0.05  # seconds
LAGS = np.arange(-0.06, 0.101, 0.01)  # seconds


def evaluate(network: Network, notes: Notes, waveform: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`note_f1`, `note_precision` and `note_recall` of a waveform `[N, 2]`; NaN where no note falls into it.

    Args:
        network: of the transcriber (`load_network`).
        notes: of the score; those beyond the waveform's end do not count.
    """
    heard = transcribe_onsets(network, waveform, sample_rate)
    written = notes.select(~notes.is_drum & (notes.onsets < len(waveform) / sample_rate))
    return compare_onsets(np.stack([written.onsets, written.pitches], axis=1), heard)


def compare_onsets(written: np.ndarray, heard: np.ndarray) -> dict[str, float]:
    """The figures of two lists of onsets, rows of seconds and MIDI key: `[n, 2]` and `[m, 2]`."""
    if not len(written):
        return dict.fromkeys(("note_f1", "note_precision", "note_recall"), float("nan"))
    hits = max(count_hits(written + np.array([lag, 0]), heard) for lag in LAGS)
    return {
        "note_f1": 2 * hits / (len(written) + len(heard)),
        "note_precision": hits / max(1, len(heard)),
        "note_recall": hits / len(written),
    }


def count_hits(written: np.ndarray, heard: np.ndarray) -> int:
    """How many onsets of the same key pair up within TOLERANCE, one to one."""
    hits = 0
    for key in set(written[:, 1]) & set(heard[:, 1]):
        first, second = (np.sort(onsets[onsets[:, 1] == key, 0]) for onsets in (written, heard))
        i = j = 0
        while i < len(first) and j < len(second):
            if abs(first[i] - second[j]) <= TOLERANCE:
                hits, i, j = hits + 1, i + 1, j + 1
            elif first[i] < second[j]:
                i += 1
            else:
                j += 1
    return hits
