"""The meter of loudness that takes blocks."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from musika import draws
from musika.audio.loudness import LoudnessMeter

RATE = 44_100


def measure(waveform: np.ndarray, size: int = 10_000) -> float:
    meter = LoudnessMeter(RATE)
    for start in range(0, len(waveform), size):
        meter.add(waveform[start : start + size])
    return meter.measure()


def test_it_measures_what_pyloudnorm_measures() -> None:
    noise = 0.1 * draws.normal(0, "test/loudness", 0, (5 * RATE, 2))
    noise[RATE : 2 * RATE] *= 0.001  # below the relative gate
    noise[3 * RATE :, 1] *= 0.3
    expected = pyloudnorm.Meter(RATE).integrated_loudness(noise.astype(np.float64))
    assert measure(noise) == pytest.approx(expected, abs=0.01)
    assert measure(noise, 777) == pytest.approx(measure(noise), abs=1e-9)


def test_a_tone_of_known_loudness() -> None:
    """A full-scale tone of 997 Hz in one channel has -3.01 LKFS (BS.1770-4)."""
    tone = np.zeros((3 * RATE, 2))
    tone[:, 0] = np.sin(2 * np.pi * 997 * np.arange(len(tone)) / RATE)
    assert measure(tone) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("waveform", [np.zeros((RATE, 2)), np.ones((RATE // 4, 2)), np.zeros((0, 2))])
def test_what_cannot_be_measured(waveform: np.ndarray) -> None:
    assert np.isnan(measure(waveform))
