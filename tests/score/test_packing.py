"""Scores as texts: the same numbers come out, and a hostile text costs nothing."""

from __future__ import annotations

import base64
import dataclasses
import zlib

import numpy as np
import pytest

from musika.errors import ScoreError
from musika.score import Metres, Notes, Pedals, Score, make_constant_tempo
from musika.score.packing import LARGEST, PARTS, pack_score, unpack_score


def make_score(count: int) -> Score:
    random = np.random.default_rng(0)
    onsets = np.sort(random.uniform(0, 200, count))
    draw = lambda low: random.integers(low, 128, count)  # noqa: E731
    notes = Notes(onsets, onsets + random.uniform(0.1, 3, count), draw(0), draw(1), draw(0), draw(0) > 100)
    pedals = Pedals(np.array([0.1, 7.3]), np.array([1.0, 0.0]), np.array([0, 5]))
    return Score(notes, pedals, make_constant_tempo(97.3), Metres([0.0], [3], [4]))


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_a_packed_score_is_the_same_score(count: int) -> None:
    score = make_score(count)
    text = pack_score(score)
    again = unpack_score(text)
    for name, kind in PARTS:
        for field in dataclasses.fields(kind):
            one, two = (getattr(getattr(value, name), field.name) for value in (score, again))
            assert one.dtype == two.dtype and np.array_equal(one, two)
    assert len(text) < 300 + 22 * count  # bytes of a note


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no score",
        zlib.compress(b"\xff" * 40),
        zlib.compress(bytes(LARGEST + 100)),
        zlib.compress(b"\0" * 16)[:-2],
    ],
)
def test_texts_that_are_no_score(data: bytes) -> None:
    with pytest.raises(ScoreError):
        unpack_score(base64.b64encode(data).decode())
    with pytest.raises(ScoreError, match="damaged"):
        unpack_score("§")
