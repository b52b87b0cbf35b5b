"""The limiter: true peaks stay below the ceiling, the gain depends on a fixed neighbourhood, quiet music stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import draws
from musika.render import limiter

N = 64 * limiter.CELL
CEILING = 10 ** (-1 / 20)


def measure_true_peak(waveform: np.ndarray, factor: int = 4) -> float:
    """By SciPy, which interpolates with another filter than the limiter."""
    from scipy.signal import resample_poly

    return float(np.abs(resample_poly(waveform.astype(np.float64), factor, 1, axis=0)).max())


def pad(waveform: np.ndarray) -> np.ndarray:
    return np.pad(waveform.astype(np.float32), ((limiter.BEHIND, limiter.AHEAD), (0, 0)))


def draw_noise(count: int, level: float, seed: int = 0) -> np.ndarray:
    return level * draws.normal(seed, "test/limiter", 0, (count, 2))


def make_tone(frequency: float, level: float, count: int = 8 * N) -> np.ndarray:
    tone = level * np.sin(2 * np.pi * frequency * np.arange(count) / 44_100 + 0.7)
    return np.stack([tone, -0.5 * tone], axis=1)


LOUD = {
    "noise": draw_noise(8 * N, 4.0),
    "tone between samples": make_tone(11_025, 3.0),
    "low tone": make_tone(55, 2.0),
    "bursts": make_tone(5000, 6.0) * (np.arange(8 * N) % 2000 < 300)[:, None],
    "clicks": draw_noise(8 * N, 10.0, 1) * (np.arange(8 * N) % 777 == 5)[:, None],
    "square": np.sign(make_tone(441, 1.0)) * 1.5,
    "steps of level": draw_noise(8 * N, 1.0, 2) * np.repeat([0.1, 8.0, 1.0, 0.02], 2 * N)[:, None],
    "too loud by far": draw_noise(8 * N, 1e4, 3),
}


@pytest.mark.parametrize("name", LOUD)
def test_true_peaks_stay_below_the_ceiling(name: str) -> None:
    limited = limiter.limit(pad(LOUD[name]))
    assert limited.shape == LOUD[name].shape and limited.dtype == np.float32
    assert measure_true_peak(LOUD[name]) > 1.0
    assert measure_true_peak(limited) <= CEILING
    assert measure_true_peak(limited) > 0.5 * CEILING  # not more than needed


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), level=st.floats(0.05, 30), hold=st.sampled_from([1, 3, 40, 1000]))
def test_no_noise_passes_the_ceiling(seed: int, level: float, hold: int) -> None:
    envelope = np.repeat(np.abs(draws.normal(seed, "test/envelope", 0, (N // hold + 1, 1))), hold, axis=0)[:N]
    limited = limiter.limit(pad(draw_noise(N, level, seed) * envelope))
    assert np.abs(limited).max() <= CEILING and measure_true_peak(limited) <= CEILING


def test_what_is_quiet_enough_is_not_touched() -> None:
    quiet = make_tone(441, 0.85).astype(np.float32)
    np.testing.assert_array_equal(limiter.limit(pad(quiet)), quiet)


def test_both_channels_get_the_same_gain_and_the_image_stays() -> None:
    tone = make_tone(200, 3.0).astype(np.float32)
    limited = limiter.limit(pad(tone))
    np.testing.assert_allclose(limited[:, 1], -0.5 * limited[:, 0], atol=1e-6)


def test_a_click_turns_down_its_neighbourhood_alone() -> None:
    tone = make_tone(441, 0.5, 16 * N).astype(np.float32)
    place = 10 * N
    clicked = tone.copy()
    clicked[place] = 5.0
    changed = np.flatnonzero((limiter.limit(pad(clicked)) != limiter.limit(pad(tone))).any(axis=1))
    assert place - limiter.AHEAD <= changed.min() < place < changed.max() <= place + limiter.BEHIND
    heard = np.abs(clicked[:, 0]) > 0.1
    gain = limiter.limit(pad(clicked))[heard, 0] / clicked[heard, 0]
    assert gain.min() < 0.2 and np.abs(np.diff(gain)).max() < 0.03  # it moves smoothly


WHOLE = draw_noise(limiter.BEHIND + 40 * N + limiter.AHEAD, 0.4)


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 30 * N), sizes=st.lists(st.integers(1, 9 * N), min_size=1, max_size=6))
def test_any_division_gives_the_same_samples(first: int, sizes: list[int]) -> None:
    whole = limiter.limit(WHOLE)
    assert not np.array_equal(whole, WHOLE[limiter.BEHIND : -limiter.AHEAD])
    cell = first // limiter.CELL * limiter.CELL
    ends = np.cumsum([0, *sizes]) + cell
    blocks = [WHOLE[begin:end] for begin, end in zip(ends, [*ends[1:], len(WHOLE)], strict=True)]
    limited = np.concatenate(list(limiter.limit_blocks(blocks, skip=first - cell)))
    np.testing.assert_array_equal(limited, whole[first:])


def test_too_few_samples_give_nothing() -> None:
    assert list(limiter.limit_blocks([WHOLE[: limiter.BEHIND + limiter.AHEAD]])) == []
    assert list(limiter.limit_blocks([])) == []
