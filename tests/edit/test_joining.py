"""Joins: tones go on in phase, levels match, fades are short and lie inside the gap."""

from __future__ import annotations

import numpy as np
import pytest

from musika.edit.joining import FADE, JoinedSound, estimate_prediction, predict
from musika.edit.recording import Recording

RATE = 8_000
TIME = np.arange(2 * RATE) / RATE
GAP = (RATE, RATE + 4_000)


def make_tone(hz: float = 440.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * TIME + np.pi / 2))[:, None].astype(np.float32)


class Endless:
    """A waveform that is followed by silence without end."""

    sample_rate, channels, length = RATE, 1, None

    def __init__(self, waveform: np.ndarray) -> None:
        self.waveform = waveform

    def read(self, first: int, count: int) -> np.ndarray:
        found = self.waveform[first : first + count]
        return np.pad(found, ((0, count - len(found)), (0, 0)))


def join(base: np.ndarray, made: np.ndarray, gap: tuple[int, int] = GAP) -> np.ndarray:
    sound = JoinedSound(Recording(base, RATE).open(), Endless(made), [gap], len(base))
    return sound.read(0, len(base))


def test_a_tone_is_predicted_in_phase() -> None:
    tone = make_tone()
    np.testing.assert_allclose(predict(tone[:1200], 400), tone[1200:1600], atol=0.01)


def test_a_prediction_does_not_grow() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1200, 2)).astype(np.float32)
    predicted = predict(noise, 2000)
    assert np.abs(predicted[-200:]).max() < np.abs(noise).max()
    assert not predict(np.zeros((1200, 2), np.float32), 50).any()
    assert not predict(noise[:2], 50).any()


def test_coefficients_of_a_known_process() -> None:
    draw, signal = np.random.default_rng(2), np.zeros(20_000)
    for n in range(2, len(signal)):
        signal[n] = 1.2 * signal[n - 1] - 0.8 * signal[n - 2] + draw.normal()
    np.testing.assert_allclose(estimate_prediction(signal, 2), [-1.2, 0.8], atol=0.02)


def test_there_is_no_click_where_phases_differ() -> None:
    base, made = make_tone(), -make_tone()
    joined = join(base, made)
    largest = np.abs(np.diff(base[:, 0])).max()
    for edge in GAP:
        assert np.abs(np.diff(joined[edge - 10 : edge + 10, 0])).max() < 1.1 * largest
    plain = base.copy()
    plain[GAP[0] : GAP[1]] = make_tone(440.0, -0.3)[GAP[0] : GAP[1]]
    assert np.abs(np.diff(plain[:, 0])).max() > 1.5 * largest, "without fades there is one"


def test_fades_are_short_and_inside_the_gap() -> None:
    base, made = make_tone(), make_tone(1000.0)
    joined, fade = join(base, made), round(FADE * RATE)
    assert FADE <= 0.05
    np.testing.assert_array_equal(joined[: GAP[0]], base[: GAP[0]])
    np.testing.assert_array_equal(joined[GAP[1] :], base[GAP[1] :])
    np.testing.assert_allclose(joined[GAP[0] + fade : GAP[1] - fade], made[GAP[0] + fade : GAP[1] - fade], atol=2e-3)


@pytest.mark.parametrize("gain", [0.7, 1.5])
def test_levels_are_matched(gain: float) -> None:
    joined = join(make_tone(), gain * make_tone(1000.0))
    inside = joined[GAP[0] + 400 : GAP[1] - 400]
    assert np.sqrt(np.mean(inside**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)


def test_silence_before_a_gap_changes_no_level() -> None:
    base = make_tone()
    base[: GAP[0]] = 0
    joined = join(base, make_tone(1000.0))
    assert np.abs(joined[GAP[0] + 400 : GAP[1] - 400]).max() == pytest.approx(0.3, rel=0.05)
    assert not joined[: GAP[0]].any()


def test_nothing_goes_beyond_full_scale() -> None:
    assert np.abs(join(make_tone(level=0.9), make_tone(1000.0, 5.0))).max() <= 1.0


@pytest.mark.parametrize("gap", [(0, 3000), (9_000, 2 * RATE), (RATE, RATE + 100)])
def test_gaps_at_the_edges_and_short_ones(gap: tuple[int, int]) -> None:
    base, joined = make_tone(), join(make_tone(), make_tone(1000.0), gap)
    np.testing.assert_array_equal(joined[: gap[0]], base[: gap[0]])
    np.testing.assert_array_equal(joined[gap[1] :], base[gap[1] :])
    assert np.abs(np.diff(joined[:, 0])).max() < 0.35
