"""Beats of a recording, by librosa's beat tracker, and the tempo they make."""

from __future__ import annotations

import numpy as np

from musika.config.musical.curves import format_number, format_time
from musika.config.musical.settings import FASTEST, SLOWEST
from musika.listening.recording import RATE, Recording

HOP = 256  # samples between frames of the onset strength
FEWEST_BEATS = 4
STEADY = 0.02  # a tempo that changes less than this, relative to its mean, is constant
GROUP = 8  # beats between changes of a tempo that is not constant
MOST_CHANGES = 400


def find_beats(recording: Recording) -> np.ndarray:
    """When the beats are, seconds, ascending, float64 `[n]`; fewer than FEWEST_BEATS where none are heard."""
    import librosa

    strength = librosa.onset.onset_strength(y=recording.samples, sr=RATE, hop_length=HOP, aggregate=np.median)
    if not strength.max() > 0:
        return np.zeros(0)
    beats = librosa.beat.beat_track(onset_envelope=strength, sr=RATE, hop_length=HOP, units="time", trim=False)[1]
    return np.asarray(beats, float)


def get_tempo(beats: np.ndarray) -> float | None:
    """Beats a minute, of the line that fits the beats best; None where there are too few of them."""
    if len(beats) < FEWEST_BEATS:
        return None
    # outliers, such as a beat that was skipped, weigh little in the median of distances over many beats
    step = max(1, len(beats) // 2)
    seconds_per_beat = float(np.median(beats[step:] - beats[:-step])) / step
    tempo = 60.0 / seconds_per_beat
    while tempo < SLOWEST:
        tempo *= 2
    while tempo > FASTEST:
        tempo /= 2
    return tempo


def describe_tempo(beats: np.ndarray) -> str:
    """The tempo of some beats as the text of a setting; empty where there are too few of them.

    A steady tempo is one number. Otherwise the tempo jumps every few beats, such that its beats are those heard.
    """
    tempo = get_tempo(beats)
    if tempo is None:
        return ""
    group = max(GROUP, -(-len(beats) // (MOST_CHANGES // 2)))
    edges = beats[::group]
    tempi = np.clip(60.0 * group / np.diff(edges), SLOWEST, FASTEST)
    if len(tempi) < 2 or np.abs(tempi / tempi.mean() - 1).max() < STEADY:
        return format_number(round(tempo, 1))
    edges = edges - beats[0]
    points = []
    for begin, end, value in zip(edges[:-1], edges[1:], tempi, strict=True):
        points += [(begin, value), (end, value)]
    return ", ".join(f"{format_time(time)}={format_number(value)}" for time, value in points)
