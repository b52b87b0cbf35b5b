"""What a recording sounds like, as the meaning that words would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika.config import MusicalSettings
from musika.config.musical.curves import format_number
from musika.config.musical.levels import DYNAMICS, get_density
from musika.listening.beats import HOP, find_beats, get_tempo
from musika.listening.chroma import compute_chroma, find_key
from musika.listening.instruments import measure_families, name_families
from musika.listening.recording import RATE, Recording, read_recording
from musika.metrics.pair.loudness import measure_loudness
from musika.words import Meaning

FRAME = 2048  # samples
# LUFS of recordings from ppp to fff. Loudness is that of the file: a soft piece in a loud file counts as loud.
SOFTEST, LOUDEST = -38.0, -10.0
DARK, BRIGHT = 900.0, 2200.0  # Hz: median of the spectral centroid below and above which a sound is dark or bright


def describe_recording(source: Path | str | Recording) -> Meaning:
    """Tempo, key, density, dynamics, instruments and brightness of a recording, as far as they can be heard.

    Args:
        source: an audio file, or a recording.

    Raises:
        AudioError: it cannot be read, is silent or too short.
    """
    recording = source if isinstance(source, Recording) else read_recording(source)
    tempo = get_tempo(find_beats(recording))
    key = find_key(compute_chroma(recording))
    asked = {
        "tempo": "" if tempo is None else format_number(round(tempo)),
        "key": "" if key is None else str(key),
        "density": "" if tempo is None else f"{measure_density(recording, tempo):.2f}",
        "dynamics": measure_dynamics(recording),
        "instruments": ", ".join(name_families(measure_families(recording))),
    }
    return Meaning(MusicalSettings(**asked), measure_brightness(recording))


def measure_density(recording: Recording, tempo: float) -> float:
    """Density, 0 to 1, of the onsets in a beat. Notes that begin together count as one."""
    import librosa

    onsets = librosa.onset.onset_detect(y=recording.samples, sr=RATE, hop_length=HOP, units="time")
    return get_density(len(onsets) / recording.seconds * 60.0 / tempo)


def measure_dynamics(recording: Recording) -> str:
    """The mark, ppp to fff, of the integrated loudness; empty where it is too short or quiet to have one."""
    loudness = measure_loudness(recording.samples, RATE)
    if not np.isfinite(loudness):
        return ""
    marks = list(DYNAMICS)
    place = (loudness - SOFTEST) / (LOUDEST - SOFTEST) * (len(marks) - 1)
    return marks[int(np.clip(round(place), 0, len(marks) - 1))]


def measure_brightness(recording: Recording) -> int:
    """-1 dark, 1 bright, 0 between."""
    level = measure_brightness_level(recording)
    return -1 if level < -1.0 else 1 if level > 1.0 else 0


def measure_brightness_level(recording: Recording) -> float:
    """The median of the spectral centroid of frames that are not quiet, in octaves: -1 is at DARK, 1 at BRIGHT."""
    import librosa

    power = np.abs(librosa.stft(recording.samples, n_fft=FRAME)) ** 2  # [bins, frames]
    energy = power.sum(axis=0)
    loud = energy > 0.01 * energy.max()
    frequencies = np.linspace(0, RATE / 2, len(power))[:, None]
    # of the root of power: high partials are heard more than their power says
    magnitude = np.sqrt(power[:, loud])
    centroid = float(np.median((frequencies * magnitude).sum(axis=0) / magnitude.sum(axis=0)))
    return float(2.0 * np.log2(max(centroid, 1.0) / np.sqrt(DARK * BRIGHT)) / np.log2(BRIGHT / DARK))
