"""Phase drift: by how many turns the phase of steady tones departs from the original's within a second. 0 is right.

A tone is steady where one bin of the mono mix (Hann window of 4096, hop 512) is a peak, stays within 40 dB of each
frame's largest magnitude, and for a second keeps its frequency within 1 Hz in four of five frames (the others may hold
attacks of other tones); seconds begin half a second apart. In this bin, the phase of the decoded waveform minus the
original's is followed from frame to frame. Its largest distance from where it was at first, at most 5 turns, is the
drift of that tone. `phase_drift` is the median over all steady tones: a frequency that is wrong by 1 Hz drifts by a
turn. A constant phase does not count. NaN without steady tones.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, is_silent

WINDOW, HOP = 4096, 512
RANGE = (80, 5000)  # Hz
PRESENT = 0.01  # relative to the largest magnitude in the frame
STEADY_HZ, STEADY_SHARE = 1.0, 0.8  # of the frames
MAX_TURNS = 5.0


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`phase_drift` of a pair `[N, 2]`."""
    import librosa

    original, decoded = check_pair(original, decoded)
    frames = round(sample_rate / HOP)  # of a second
    if is_silent(original) or len(original) < WINDOW + frames * HOP:
        return {"phase_drift": float("nan")}
    x, y = (
        librosa.stft(w.mean(axis=1), n_fft=WINDOW, hop_length=HOP, center=False).T  # [time, bins]
        for w in (original, decoded)
    )
    starts = range(0, len(x) - frames, max(1, frames // 2))
    drifts = [_measure_drifts(x[n : n + frames + 1], y[n : n + frames + 1], sample_rate) for n in starts]
    turns = np.concatenate(drifts)
    return {"phase_drift": float(np.median(turns)) if turns.size else float("nan")}


def _measure_drifts(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> np.ndarray:
    """Turns by which each steady tone drifts within these frames `[time, bins]`."""
    magnitudes = np.abs(original)
    first, last = (int(hz * WINDOW / sample_rate) for hz in RANGE)
    bins = np.arange(max(first, 1), min(last, magnitudes.shape[1] - 1))
    mean = magnitudes.mean(axis=0)
    peak = (mean[bins] > mean[bins - 1]) & (mean[bins] >= mean[bins + 1])
    present = (magnitudes[:, bins] > PRESENT * magnitudes.max(axis=1, keepdims=True)).all(axis=0)
    bins = bins[peak & present]
    steps = original[1:, bins] * original[:-1, bins].conj()
    carrier = np.exp(-2j * np.pi * HOP / WINDOW * bins)  # what remains is how far the tone is from its bin
    hertz = np.angle(steps * carrier) / (2 * np.pi) * sample_rate / HOP
    unsteady = np.abs(hertz - np.median(hertz, axis=0))
    bins = bins[np.quantile(unsteady, STEADY_SHARE, axis=0) < STEADY_HZ] if bins.size else bins
    phase = np.unwrap(np.angle(decoded[:, bins] * original[:, bins].conj()), axis=0)
    return np.minimum(np.abs(phase - phase[0]).max(axis=0) / (2 * np.pi), MAX_TURNS)
