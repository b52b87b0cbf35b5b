"""The notes of one voice, from its pitch over time by pYIN.

pYIN: M. Mauch and S. Dixon, "pYIN: a fundamental frequency estimator using probabilistic threshold distributions",
ICASSP 2014; librosa computes it. The tuning of the voice is estimated; then frames of nearly the same pitch are a note.
"""

from __future__ import annotations

import numpy as np

from musika.listening.recording import RATE, Recording

LOWEST, HIGHEST = 65.4, 1568.0  # Hz: C2 to G6
FRAME, HOP = 2048, 256  # samples
LONGEST = 120  # seconds of a melody
SHORTEST = 0.08  # seconds of a note
GAP = 0.06  # seconds of silence, or of another pitch, within a note
RISE = 2.5  # dB within a note that begin it anew


def trace_notes(recording: Recording) -> np.ndarray:
    """Notes of the first two minutes: rows of onset and release in seconds, and MIDI key; float `[n, 3]`."""
    import librosa

    samples = recording.samples[: LONGEST * RATE]
    frequency, voiced, _ = librosa.pyin(
        samples, fmin=LOWEST, fmax=HIGHEST, sr=RATE, frame_length=FRAME, hop_length=HOP, resolution=0.2
    )
    level = librosa.feature.rms(y=samples, frame_length=512, hop_length=HOP)[0]
    count = min(len(frequency), len(level))
    pitch = np.where(voiced[:count], 69 + 12 * np.log2(np.nan_to_num(frequency[:count], nan=440.0) / 440.0), np.nan)
    quiet = level[:count] < 0.03 * np.percentile(level, 95)
    pitch[quiet] = np.nan
    return split_notes(pitch, 20 * np.log10(np.maximum(level[:count], 1e-6)), HOP / RATE)


def split_notes(pitch: np.ndarray, level: np.ndarray, hop: float) -> np.ndarray:
    """Notes of a line of pitches: rows of onset, release and MIDI key.

    Args:
        pitch: MIDI keys with fractions, NaN where there is no voice, `[T]`.
        level: dB, `[T]`.
        hop: seconds between frames.
    """
    heard = np.isfinite(pitch)
    if not heard.any():
        return np.zeros((0, 3))
    keys = np.full(len(pitch), -1)
    keys[heard] = np.rint(pitch[heard] - _estimate_tuning(pitch[heard]))
    keys = _fill_gaps(_smooth(keys), round(GAP / hop))
    starts = _find_attacks(level, hop)
    rows = []
    begin = 0
    for frame in range(1, len(keys) + 1):
        ends = frame == len(keys) or keys[frame] != keys[begin] or (frame in starts and frame - begin > 0.1 / hop)
        if ends:
            if keys[begin] >= 0 and (frame - begin) * hop >= SHORTEST:
                rows.append((begin * hop, frame * hop, float(keys[begin])))
            begin = frame
    return np.array(rows, float).reshape(-1, 3)


def _estimate_tuning(pitch: np.ndarray) -> float:
    """How far the voice lies above the keys, -0.5 to 0.5: the mean on the circle of fractions."""
    return float(np.angle(np.exp(2j * np.pi * pitch).mean()) / (2 * np.pi))


def _smooth(keys: np.ndarray) -> np.ndarray:
    """The median of five frames; -1 is no voice."""
    padded = np.pad(keys, 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1).astype(int)


def _fill_gaps(keys: np.ndarray, longest: int) -> np.ndarray:
    """Short stretches of another key or of no voice take the key around them."""
    edges = np.flatnonzero(np.diff(keys)) + 1
    runs = list(zip(np.append(0, edges), np.append(edges, len(keys)), strict=True))
    filled = keys.copy()
    for (_, before), (begin, end), (after, _) in zip(runs, runs[1:], runs[2:], strict=False):
        if end - begin <= longest and filled[before - 1] == keys[after] and keys[after] >= 0:
            filled[begin:end] = keys[after]
    return filled


def _find_attacks(level: np.ndarray, hop: float) -> set[int]:
    """Frames where the level rises by RISE within 40 ms, the first of each rise."""
    step = max(1, round(0.04 / hop))
    rises = np.flatnonzero(level[step:] - level[:-step] > RISE) + step // 2
    return {int(frame) for frame in rises if frame - 1 not in set(rises)}
