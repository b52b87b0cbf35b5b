"""Coordinates and noise: pure functions of (configuration, seed, truncation, position)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import draws
from musika.config import GeneratorConfig
from musika.errors import ConfigError
from musika.gan.coordinates import (
    draw_training_coordinates,
    interpolate_anchors,
    list_training_places,
    make_coordinates,
)
from musika.gan.noise import draw_rendering_noise, draw_training_noise, list_noise_lengths
from musika.gan.rendering_coordinates import draw_rendering_coordinates

DEFAULT = GeneratorConfig(coordinate_depth=4)
SMALL = GeneratorConfig(coordinate_depth=4, small=True)
CONFIGS = st.sampled_from([DEFAULT, SMALL])


@given(CONFIGS, st.integers(0, 2**62), st.integers(0, 10_000), st.lists(st.integers(0, 700), max_size=6))
@settings(max_examples=50)
def test_any_split_gives_the_same_numbers(config: GeneratorConfig, seed: int, start: int, lengths: list[int]) -> None:
    whole = draw_rendering_coordinates(config, seed, 2.0, start, sum(lengths))
    assert whole.shape == (sum(lengths), 8) and whole.dtype == np.float32
    for length in lengths:
        np.testing.assert_array_equal(draw_rendering_coordinates(config, seed, 2.0, start, length), whole[:length])
        start, whole = start + length, whole[length:]


def test_the_line_through_the_anchors() -> None:
    """Written out as design has it: straight lines, each place averaged with the next, a quarter of a window on."""
    for config in (DEFAULT, SMALL):
        distance, quarter, depth = config.anchor_distance, config.window // 4, config.coordinate_depth
        anchors = np.stack([draws.truncated_normal(9, "anchor", k, (depth,), 2.0) for k in range(4)]).astype(float)
        straight = np.concatenate([np.linspace(a, b, distance, endpoint=False) for a, b in pairwise(anchors)])
        averaged = (straight[:-1] + straight[1:]) / 2
        found = draw_rendering_coordinates(config, 9, 2.0, 0, 3 * distance - quarter - 1)
        np.testing.assert_allclose(found[:, :depth], averaged[quarter:], atol=1e-6)
        style = draws.truncated_normal(9, "style", 0, (depth,), 2.0)
        np.testing.assert_array_equal(found[:, depth:], np.broadcast_to(style, (len(found), depth)))


@pytest.mark.parametrize("config", [DEFAULT, SMALL])
def test_anchors_lie_in_the_middle_of_half_windows(config: GeneratorConfig) -> None:
    distance, half = config.anchor_distance, config.half_window
    rendering = [distance * k - config.window // 4 for k in range(1, 8)]
    training = [distance - list_training_places(config, crop)[0] for crop in range(3)]
    inside = [place for place in training if 0 < place < config.window]
    assert len(inside) == 2 and list_training_places(config, 2)[-1] < 2 * distance
    assert {place % half for place in rendering + inside} == {half // 2}


def test_far_positions_cost_and_give_the_same() -> None:
    far = 10**15  # three million years of music
    whole = draw_rendering_coordinates(SMALL, 1, 2.0, far, 300)
    np.testing.assert_array_equal(draw_rendering_coordinates(SMALL, 1, 2.0, far + 100, 200), whole[100:])
    assert len(np.unique(whole[:, 0])) == 300


def test_seeds_and_positions_differ() -> None:
    first = draw_rendering_coordinates(SMALL, 1, 2.0, 0, 64)
    assert np.abs(first - draw_rendering_coordinates(SMALL, 2, 2.0, 0, 64)).max() > 0.1
    assert np.abs(first - draw_rendering_coordinates(SMALL, 1, 2.0, 640, 64))[:, :4].max() > 0.1


@given(st.floats(0.01, 10), st.floats(0.05, 0.95), st.integers(0, 2000))
def test_truncation_bounds_and_draws_nearer_to_the_centre(truncation: float, share: float, start: int) -> None:
    wide = draw_rendering_coordinates(SMALL, 3, truncation, start, 8)
    narrow = draw_rendering_coordinates(SMALL, 3, truncation * share, start, 8)
    assert np.abs(wide).max() <= truncation * (1 + 1e-6)
    assert np.all(np.abs(narrow[:, 4:]) <= np.abs(wide[:, 4:]))
    assert np.all(np.sign(narrow[:, 4:]) == np.sign(wide[:, 4:]))


def test_pieces_take_any_leading_shape() -> None:
    anchors, style = draws.normal(0, "a", 0, (2, 3, 4, 5)), draws.normal(0, "b", 0, (2, 3, 5))
    places = np.arange(30)
    found = make_coordinates(anchors, style, 10, places)
    assert found.shape == (2, 3, 30, 10)
    np.testing.assert_array_equal(found[1, 2, :, :5], interpolate_anchors(anchors[1, 2], 10, places))
    np.testing.assert_array_equal(found[..., 5:], np.repeat(style[:, :, None], 30, axis=2))


@given(CONFIGS, st.integers(0, 2**62), st.integers(0, 10**9), st.integers(1, 6), st.integers(0, 6))
@settings(max_examples=25)
def test_training_windows_belong_to_their_sample(
    config: GeneratorConfig, seed: int, position: int, bs: int, cut: int
) -> None:
    whole = draw_training_coordinates(config, seed, position, bs, 2.0)
    assert whole.shape == (bs, config.window, 8) and whole.dtype == np.float32
    one = min(cut, bs - 1)
    np.testing.assert_array_equal(draw_training_coordinates(config, seed, position + one, 1, 2.0)[0], whole[one])


def test_training_takes_all_three_crops() -> None:
    windows = draw_training_coordinates(SMALL, 0, 0, 60, 2.0)
    assert len(np.unique(windows[:, 0, 4:], axis=0)) == 60  # a style each
    bends = np.abs(np.diff(windows[..., :4], n=2, axis=1)).max(axis=2)  # [60, L - 2], where the direction changes
    anchor = np.where(bends.max(axis=1) > 1e-4, np.argmax(bends, axis=1) // SMALL.half_window, -1)
    # outside, in the second half, in the first half: each about a third of the time
    assert [int(np.sum(anchor == where)) > 8 for where in (-1, 1, 0)] == [True] * 3


@pytest.mark.parametrize(
    ("config", "lengths"),
    [(DEFAULT, [4, 8, 8, 16, 16, 32, 32, 64, 64, 128]), (SMALL, [4, 4, 4, 8, 8, 16, 16, 32, 32, 64])],
)
def test_noise(config: GeneratorConfig, lengths: list[int]) -> None:
    assert list_noise_lengths(config) == lengths
    whole = draw_rendering_noise(config, 5, 3, 4)
    assert [layer.shape for layer in whole] == [(4, steps, 1) for steps in lengths]
    for layer, part in zip(whole, draw_rendering_noise(config, 5, 5, 2), strict=True):
        np.testing.assert_array_equal(part, layer[2:])
    drawn = np.concatenate([layer.ravel() for layer in whole])
    assert len(np.unique(drawn)) > 0.999 * len(drawn)  # no layer or half-window repeats another


def test_noise_in_training_belongs_to_its_sample() -> None:
    whole = draw_training_noise(SMALL, 5, 100, 3)
    assert [layer.shape for layer in whole] == [(6, steps, 1) for steps in list_noise_lengths(SMALL)]
    for layer, part in zip(whole, draw_training_noise(SMALL, 5, 101, 2), strict=True):
        np.testing.assert_array_equal(part[:2], layer[1:3])  # first halves
        np.testing.assert_array_equal(part[2:], layer[4:6])  # second halves


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="from 0 on"):
        draw_rendering_coordinates(SMALL, 0, 2.0, -1, 5)
    with pytest.raises(ConfigError, match="from 0 on"):
        draw_rendering_coordinates(SMALL, 0, 2.0, 0, -5)
    with pytest.raises(ConfigError, match="truncat"):
        draw_rendering_coordinates(SMALL, 0, 0.0, 0, 5)
    assert draw_rendering_coordinates(SMALL, 0, 2.0, 7, 0).shape == (0, 8)
