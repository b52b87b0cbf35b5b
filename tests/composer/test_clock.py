"""The time of a piece: an asked tempo is exact, and the section at any second is found at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.composer.clock import RUBATO, Clock
from musika.config import MusicalSettings

CURVES = ["124", "30", "0:00=90, 1:00=120", "0:10=60, 0:10=180, 5:00=47.5", "1:00=300, 2:00=30"]


def make_clock(text: str, beats: float = 32.0) -> Clock:
    return Clock(beats, 20.0, MusicalSettings(tempo=text).tempo_value)


@pytest.mark.parametrize("text", [*CURVES, ""])
def test_sections_follow_each_other_and_are_found(text: str) -> None:
    clock = make_clock(text)
    starts = [clock.get_start(number) for number in [*range(40), 9_999, 10_000]]
    assert starts[0] == 0.0 and (np.diff(starts) > 0).all()
    for number, start in zip([*range(40), 9_999, 10_000], starts, strict=True):
        assert clock.find_section(start) == number and clock.find_section(np.nextafter(start, -1)) == number - 1


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([*CURVES, ""]), st.floats(0, 100_000))
def test_a_second_lies_in_its_section(text: str, second: float) -> None:
    clock = make_clock(text)
    number = clock.find_section(second)
    assert clock.get_start(number) <= second < clock.get_start(number + 1)


def test_an_asked_tempo_is_exact() -> None:
    clock = make_clock("124")
    units = np.arange(0, 32 * 12, 7)
    assert np.abs(clock.to_seconds(700, units) - (700 * 32 + units / 12) * 60 / 124).max() < 1e-9
    assert 60 / clock.make_tempo_map(0, 10).seconds_per_beat[0] == pytest.approx(124, rel=1e-6)


@pytest.mark.parametrize("text", CURVES)
def test_the_tempo_map_says_the_beats(text: str) -> None:
    clock = make_clock(text)
    units = np.arange(0, 32 * 12, 12)
    seconds = clock.to_seconds(3, units)
    beats = clock.make_tempo_map(seconds[0], seconds[-1] + 1).to_beats(seconds)
    assert np.abs(beats - (3 * 32 + units / 12)).max() < 1e-3


def test_without_a_tempo_sections_last_equally_long() -> None:
    clock = make_clock("")
    units = np.array([0, 96, 192, 384])
    assert clock.to_seconds(5, units)[[0, 2, 3]].tolist() == pytest.approx([100.0, 110.0, 120.0])
    assert clock.to_seconds(5, units)[1] == pytest.approx(105.0 - RUBATO * 20)
