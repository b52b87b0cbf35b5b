"""A little audio to train codecs on in tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def make_tones(seconds: float, seed: int) -> np.ndarray:
    """Three sines and a little noise, `[N, 2]` at 44.1 kHz."""
    rng, time = np.random.default_rng(seed), np.arange(int(seconds * 44_100)) / 44_100
    left = sum(np.sin(2 * np.pi * hz * time) * 0.2 for hz in rng.uniform(200, 4000, 3))
    return np.stack([left, 0.5 * left + 0.02 * rng.standard_normal(len(time))], axis=1)


def write_audio(folder: Path) -> list[Path]:
    """Writes two files of use, one of them in a sub-folder, and one that is too short; returns all."""
    (folder / "a").mkdir()
    soundfile.write(folder / "a" / "one.wav", make_tones(2, 1), 44_100)
    soundfile.write(folder / "two.flac", make_tones(1, 2), 44_100)
    soundfile.write(folder / "short.wav", make_tones(0.05, 3), 44_100)
    return sorted(folder.rglob("*.*"))
