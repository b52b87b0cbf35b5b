"""Loudness and fades of finished files."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from musika import draws
from musika.errors import UsageError
from musika.metrics.pair.loudness import measure_loudness
from musika.render.finishing import Finish, change_level, finish_blocks

RATE = 44_100
NOISE = (0.05 * draws.normal(0, "test/finishing", 0, (3 * RATE + 17, 2))).astype(np.float32)


def cut(size: int = 9_999) -> Iterable[np.ndarray]:
    return (NOISE[start : start + size] for start in range(0, len(NOISE), size))


def finish(chosen: Finish, size: int = 9_999) -> np.ndarray:
    return np.concatenate(list(finish_blocks(lambda: cut(size), chosen, RATE, len(NOISE))))


def test_nothing_asked_for_changes_nothing() -> None:
    np.testing.assert_array_equal(finish(Finish()), NOISE)


@pytest.mark.parametrize("loudness", [-30.0, -14.0])
def test_the_loudness_is_reached_and_peaks_stay_below_the_ceiling(loudness: float) -> None:
    finished = finish(Finish(loudness))
    assert finished.shape == NOISE.shape
    assert measure_loudness(finished, RATE) == pytest.approx(loudness, abs=0.3)
    assert np.abs(finished).max() <= 10 ** (-1 / 20)
    np.testing.assert_array_equal(finish(Finish(loudness), 70_000)[:50_000], finished[:50_000])


def test_a_lower_level_is_a_factor() -> None:
    np.testing.assert_array_equal(np.concatenate(list(change_level(cut(), 0.5))), NOISE * np.float32(0.5))
    np.testing.assert_array_equal(np.concatenate(list(change_level([NOISE[:5]], 0.5))), NOISE[:5] * np.float32(0.5))


def test_fades_begin_and_end_in_silence() -> None:
    finished = finish(Finish(fade_in=0.5, fade_out=1.0))
    gain = finished[:, 0] / NOISE[:, 0]
    assert abs(gain[0]) < 1e-3 and abs(gain[-1]) < 1e-3
    assert gain[RATE // 4] == pytest.approx(0.5, abs=0.01) and gain[-RATE // 2] == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(finished[RATE // 2 + 1 : -RATE - 1], NOISE[RATE // 2 + 1 : -RATE - 1])
    np.testing.assert_array_equal(finish(Finish(fade_in=0.5, fade_out=1.0), 1000), finished)


def test_what_cannot_be_done() -> None:
    with pytest.raises(UsageError, match="do not fit"):
        finish(Finish(fade_in=2.0, fade_out=2.0))
    with pytest.raises(UsageError, match="cannot be measured"):
        list(finish_blocks(lambda: [np.zeros((RATE, 2), np.float32)], Finish(-14), RATE, RATE))
