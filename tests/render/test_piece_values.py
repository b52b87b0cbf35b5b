"""What a person writes for a piece: a value that means nothing is refused in one line when it is written."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from musika import render
from musika.config import MAX_SEED
from musika.errors import LatentsError, UsageError
from tests.helpers import tiny


@cache
def make_model() -> render.GeneratorModel:
    return tiny.make_model(tiny.SMALL)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 2**64, 7.5, 7.0, "7", None, True, math.nan, [1]])
def test_seeds_that_are_none(seed: Any) -> None:
    with pytest.raises(UsageError, match=rf"seed .*: must be a whole number, at least 0 and at most {MAX_SEED}"):
        make_model().piece(seed)


def test_seeds_of_numpy_are_seeds() -> None:
    piece = make_model().piece(np.int64(7))
    assert piece == make_model().piece(7) and type(piece.seed) is int


@pytest.mark.parametrize("time", [-1, math.nan, math.inf, 1e300, "1:00", None])
def test_times_that_are_none(time: Any) -> None:
    piece = make_model().piece(7)
    with pytest.raises(UsageError, match=r"is no time: say seconds, a number from 0 to"):
        piece.render(time, 1)
    with pytest.raises(UsageError, match=r"is no time: say seconds, a number from 0 to"):
        piece.stream(time)
    if time is not None:
        with pytest.raises(UsageError, match=r"is no time: say seconds, a number from 0 to"):
            piece.make_loop(time)


def test_numbers_of_numpy_are_times() -> None:
    piece = make_model().piece(7)
    np.testing.assert_array_equal(piece.render(np.float32(1.5), np.int64(1)), piece.render(1.5, 1))


def test_a_loop_of_nothing() -> None:
    with pytest.raises(UsageError, match="a loop of 0 s"):
        make_model().piece(7).make_loop(0)


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"tiny has no setting 'trunction'; it has truncation, variation,"):
        make_model().piece(7, trunction=1)


@pytest.mark.parametrize("finish", [{"loudness": math.nan}, {"fade_in": "2"}, {"fade_out": math.inf}])
def test_ways_to_finish_that_mean_nothing(finish: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be a finite number"):
        render.Finish(**finish)


def test_a_piece_is_shown_on_a_few_lines() -> None:
    assert len(repr(make_model().piece(7))) < 2000


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros((10, 2), np.int16), "values of type int16"),
        (np.full((10, 2), np.nan, np.float32), "numbers that are not finite"),
        ([["a", "b"]], "values of type <U1"),
        (None, "values of type object"),
    ],
)
def test_what_a_codec_cannot_encode(waveform: Any, reason: str) -> None:
    with pytest.raises(LatentsError, match=f"waveform with {reason}: this codec takes finite floats"):
        make_model().codec.encode(waveform)
