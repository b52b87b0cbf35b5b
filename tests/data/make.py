"""Makes the audio files of this folder: plucked strings out of nothing but random numbers, so that anyone may use them.

    python tests/data/make.py

Three files of 13 s, long enough for the smallest training window: stereo and mono, three sample rates, three formats.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent))

from musika import draws  # noqa: E402

SECONDS = 13.0
SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # semitones of a pentatonic scale
FILES = (
    ("plucked-48k-stereo.ogg", 48_000, 2, "VORBIS", 110.0),
    ("plucked-11k-mono.flac", 11_025, 1, "PCM_16", 147.0),
    ("plucked-8k-mono.wav", 8_000, 1, "PCM_U8", 98.0),
)
LESS = {"VORBIS": {"compression_level": 0.9}}  # 0 to 1; the more, the smaller


def string(seed: int, index: int, pitch: float, rate: int, seconds: float) -> np.ndarray:
    """One plucked string `[n]`: noise that runs around a loop and loses its highs (Karplus and Strong)."""
    period = round(rate / pitch)
    rounds = int(seconds * pitch)
    loop = draws.uniform(seed, "pluck", index, (period,)) * 2 - 1
    for _ in range(8):  # a soft finger
        loop = (loop + np.roll(loop, 1)) / 2
    out = np.empty((rounds, period), np.float32)
    for turn in range(rounds):
        out[turn] = loop
        loop = 0.497 * (loop + np.roll(loop, 1))
    return out.ravel()


def piece(seed: int, rate: int, channels: int, lowest: float) -> np.ndarray:
    """A wandering melody `[n, channels]`, each note at a place of its own between left and right."""
    waveform = np.zeros((round(SECONDS * rate), channels), np.float32)
    notes = draws.uniform(seed, "notes", 0, (100, 3))
    at = 0.0
    for index, (height, pause, place) in enumerate(notes):
        note = string(seed, index, lowest * 2 ** (SCALE[int(height * len(SCALE))] / 12), rate, 2.0)
        first = round(at * rate)
        note = note[: len(waveform) - first, None]
        waveform[first : first + len(note)] += note * (np.float32([1 - place, place]) if channels == 2 else 0.5)
        at += 0.25 + 0.25 * round(2 * pause)
        if at > SECONDS - 0.5:
            break
    return waveform * (0.8 / np.abs(waveform).max())


def main() -> None:
    for seed, (name, rate, channels, subtype, lowest) in enumerate(FILES):
        soundfile.write(
            FOLDER / name, piece(seed, rate, channels, lowest), rate, subtype=subtype, **LESS.get(subtype, {})
        )


if __name__ == "__main__":
    main()
