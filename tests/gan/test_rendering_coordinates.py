"""Styles, variation and loops as coordinates: functions of position, of the spread that the generator has learned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.config import GeneratorConfig, GeneratorSettings
from musika.errors import ConfigError
from musika.gan.rendering_coordinates import RenderingCoordinates

CONFIG = GeneratorConfig(coordinate_depth=64, small=True)
DEPTH = CONFIG.coordinate_depth
SECOND = 0.1  # of a latent


def compute(start: int, length: int, seed: int = 7, period: int = 0, **chosen: object) -> np.ndarray:
    values = GeneratorSettings(**chosen)  # type: ignore[arg-type]
    return RenderingCoordinates(CONFIG, seed, values, SECOND, period).compute(start, length)


def get_style(*inputs: int, **chosen: object) -> np.ndarray:
    return compute(*inputs, **chosen)[:, DEPTH:]  # type: ignore[arg-type]


CHOSEN = st.fixed_dictionaries(
    {"variation": st.sampled_from([0.0, 0.3, 1.0]), "styles": st.sampled_from(["", "0:05=1, 0:30=2, 0:30=3, 1:00=4"])}
)


@settings(max_examples=20, deadline=None)
@given(chosen=CHOSEN, start=st.integers(0, 2000), count=st.integers(1, 700), period=st.sampled_from([0, 64, 448]))
def test_any_division_gives_the_same_numbers(chosen: dict[str, object], start: int, count: int, period: int) -> None:
    whole = compute(0, 2700, period=period, **chosen)
    np.testing.assert_array_equal(compute(start, count, period=period, **chosen), whole[start : start + count])


def test_the_style_seed_changes_the_style_alone() -> None:
    one, other = compute(0, 300), compute(0, 300, style_seed=12)
    np.testing.assert_array_equal(one[:, :DEPTH], other[:, :DEPTH])
    assert np.abs(one[:, DEPTH:] - other[:, DEPTH:]).max() > 0.5
    np.testing.assert_array_equal(other[:, DEPTH:], get_style(0, 300, seed=12))  # the style of piece 12
    np.testing.assert_array_equal(compute(0, 300, style_seed=7), one)


def test_styles_are_reached_at_their_times_and_move_between_them() -> None:
    heard = get_style(0, 1200, styles="0:20=12, 1:20=40")
    np.testing.assert_array_equal(heard[:200], get_style(0, 200, style_seed=12))
    np.testing.assert_allclose(heard[800:], get_style(0, 400, style_seed=40), atol=0.01)
    steps = np.abs(np.diff(heard, axis=0)).max(axis=1)
    assert steps[201:798].min() > 0 and steps.max() < 0.05
    spread = heard.std(axis=1)
    assert spread[500] > 0.75 * min(spread[0], spread[-1])  # half-way is no closer to the average


def test_one_style_in_a_timeline_is_a_style_seed() -> None:
    np.testing.assert_array_equal(compute(0, 99, styles="5"), compute(0, 99, style_seed=5))


def test_variation_decides_how_far_anchors_lie_apart() -> None:
    def measure_distance(variation: float) -> float:
        anchors = compute(0, 192 * 40, variation=variation)[160::192, :DEPTH]
        return float(np.mean(np.linalg.norm(np.diff(anchors, axis=0), axis=1)))

    still, near, far = (measure_distance(variation) for variation in (0.0, 0.3, 1.0))
    assert still == 0 and 0.2 * far < near < 0.45 * far
    spread, usual = (compute(0, 192 * 40, variation=v)[160::192, :DEPTH].std() for v in (0.3, 1.0))
    assert spread == pytest.approx(usual, rel=0.2)


@pytest.mark.parametrize("period", [64, 128, 448, 1280])
def test_a_loop_goes_on_where_it_begins(period: int) -> None:
    turns = compute(0, 3 * period, period=period)
    np.testing.assert_array_equal(turns[:period], turns[period : 2 * period])
    steps = np.linalg.norm(np.diff(turns, axis=0), axis=1)
    assert steps[period - 1] <= steps.max() * 1.001  # an anchor may lie there, no jump
    np.testing.assert_allclose(steps[period - 1], steps[period - 2], rtol=0.01, atol=1e-6)


def test_styles_of_a_loop_lead_back_to_the_first() -> None:
    turns = get_style(0, 2 * 448, period=448, styles="0:00=1, 0:20=2, 9:00=3")  # the last is beyond the loop
    np.testing.assert_array_equal(turns[:448], turns[448:])
    assert np.abs(np.diff(turns, axis=0)).max() < 0.05
    np.testing.assert_allclose(turns[200], get_style(0, 1, style_seed=2)[0], atol=0.02)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"styles": "0:00=x"}, "styles: 'x' is not the number of a style"),
        ({"styles": "1:00=1, 0:00=2"}, "times must ascend"),
        ({"styles": "0:00=1", "style_seed": 2}, "leave out one"),
        ({"variation": 1.5}, "at most 1"),
        ({"style_seed": -2}, "at least -1"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        GeneratorSettings(**values)  # type: ignore[arg-type]


def test_settings_are_kept_in_files() -> None:
    chosen = GeneratorSettings(styles="90=3 , 2:00 = 4", variation=0.5)
    assert chosen.styles == "1:30=3, 2:00=4"
    assert GeneratorSettings.from_dict(chosen.to_dict()) == chosen
    assert GeneratorSettings.from_dict({"truncation": 1.0}) == GeneratorSettings(truncation=1.0)
