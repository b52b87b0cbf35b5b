"""Velocity correlation: do louder notes of a score sound louder? 1 is best, 0 is no relation.

The strength of a note is the power that its onset adds: in the 93 ms after the onset less the 93 ms before it, in bands
of half a semitone around the first three partials of its pitch, in dB. With v the ranks of velocities and s those of
strengths, the correlation is that of v and s after what depends linearly on the pitch has been taken off both
(Spearman's rank correlation, partial for pitch). So it does not count that high notes are softer on every piano.
"""

from __future__ import annotations

import numpy as np

from musika.score import Notes

WINDOW = 0.093  # seconds
PARTIALS = 3
HALF_WIDTH = 2 ** (1 / 48) - 1  # of a band: a quarter of a semitone on either side
LEAST_NOTES = 8
FLOOR = 1e-9  # power that counts as silence


def evaluate(notes: Notes, waveform: np.ndarray, sample_rate: int) -> float:
    """The velocity correlation of a waveform `[N, 2]`; NaN with fewer than 8 notes, or velocities that are all equal.

    Args:
        notes: of the score, which begins where the waveform does; drums do not count, nor notes that begin after
            WINDOW before the waveform's end.
    """
    last = len(waveform) / sample_rate - WINDOW
    notes = notes.select(~notes.is_drum & (notes.onsets < last))
    if len(notes) < LEAST_NOTES or len(np.unique(notes.velocities)) < 2:
        return float("nan")
    mono = waveform.mean(axis=1)
    strengths = [
        measure_strength(mono, sample_rate, onset, pitch)
        for onset, pitch in zip(notes.onsets, notes.pitches, strict=True)
    ]
    return compute_partial_correlation(notes.velocities, np.array(strengths), notes.pitches)


def measure_strength(samples: np.ndarray, sample_rate: int, onset: float, pitch: int) -> float:
    """The power that an onset adds to the partials of its pitch, dB.

    Args:
        samples: `[N]`.
        onset: seconds.
        pitch: MIDI key.
    """
    size, at = round(WINDOW * sample_rate), round(onset * sample_rate)
    padded = np.concatenate([np.zeros(max(0, size - at)), samples[max(0, at - size) : at + size]])
    padded = np.pad(padded, (0, max(0, 2 * size - len(padded))))
    frames = padded.reshape(2, size) * np.hanning(size)
    length = 4 * size  # finer bins, so that each band has some
    powers = np.square(np.abs(np.fft.rfft(frames, length, axis=1))) / size**2  # [2, bins]: before and after
    frequencies = np.arange(powers.shape[1]) * sample_rate / length
    partials = 440.0 * 2 ** ((pitch - 69) / 12) * np.arange(1, PARTIALS + 1)
    inside = np.any(np.abs(frequencies - partials[:, None]) < HALF_WIDTH * partials[:, None] + sample_rate / length, 0)
    before, after = powers[:, inside].sum(axis=1)
    return float(10 * np.log10(max(after - before, FLOOR)))


def compute_partial_correlation(first: np.ndarray, second: np.ndarray, given: np.ndarray) -> float:
    """Correlation of the ranks of two columns `[n]`, less what depends linearly on the ranks of a third one."""
    from scipy.stats import rankdata

    ranks = [rankdata(column) - (len(first) + 1) / 2 for column in (first, second, given)]
    square = float(ranks[2] @ ranks[2])
    left = [column - ranks[2] * (column @ ranks[2] / square if square else 0.0) for column in ranks[:2]]
    size = float(np.linalg.norm(left[0]) * np.linalg.norm(left[1]))
    return float(left[0] @ left[1]) / size if size else float("nan")
