"""Pieces with edits: what is made loud passes the limiter, the rest stays as it is, and files say what was done."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika.render import limiter
from musika.render.again import make_piece
from musika.render.recipe import Machine, PieceRecipe, RecipeError, describe_input
from musika.render.sound import Sound
from tests.helpers import tiny
from tests.render.test_limiter import CEILING, measure_true_peak

SPAN = slice(20_000, 20_400)  # samples that the edit changes


@dataclasses.dataclass(frozen=True)
class Louder:
    """An edit: a part of the sound, far beyond full scale."""

    def apply(self, sound: Sound) -> Sound:
        return LouderSound(sound)

    def describe(self) -> dict[str, Any]:
        return {"edit": "louder", "editor": "nobody"}


class LouderSound:
    def __init__(self, base: Sound) -> None:
        self.base, self.sample_rate, self.channels, self.length = base, base.sample_rate, base.channels, base.length

    def read(self, first: int, count: int) -> np.ndarray:
        places = np.arange(first, first + count)
        inside = (places >= SPAN.start) & (places < SPAN.stop)
        return np.where(
            inside[:, None], np.float32(20) * (1 + self.base.read(first, count)), self.base.read(first, count)
        )


def test_edits_pass_the_limiter_and_the_rest_stays_as_it_is() -> None:
    piece = tiny.make_model(tiny.SMALL).piece(7)
    edited = dataclasses.replace(piece, edits=(Louder(),))
    plain, whole = piece.render_samples(0, 60_000), edited.render_samples(0, 60_000)
    assert np.abs(whole[SPAN]).max() > 0.5 and np.abs(whole).max() < 1
    assert measure_true_peak(whole) <= CEILING
    np.testing.assert_array_equal(whole[: SPAN.start - limiter.AHEAD], plain[: SPAN.start - limiter.AHEAD])
    after = SPAN.stop + limiter.BEHIND
    np.testing.assert_array_equal(whole[after:], plain[after:])
    np.testing.assert_array_equal(edited.render_samples(20_111, 5_000), whole[20_111:25_111])


def test_what_was_limited_is_not_limited_again() -> None:
    loud = 4 * np.random.default_rng(0).normal(0, 0.5, (60_000, 2)).astype(np.float32)
    padded = np.concatenate([np.zeros((limiter.BEHIND, 2), np.float32), loud])
    once = limiter.limit(padded[: len(padded) // 32 * 32])
    cells = len(once) // limiter.CELL * limiter.CELL
    again = limiter.limit(once[:cells], limiter.CEILING)
    np.testing.assert_array_equal(again, once[limiter.BEHIND : cells - limiter.AHEAD])


def test_a_piece_is_made_again_with_its_edits_or_not_at_all() -> None:
    entry = describe_input(Louder())
    assert entry == {"kind": "edit", "edit": "louder", "editor": "nobody"}
    machine = Machine("tensorflow", "float32", False, 1)
    recipe = PieceRecipe("tiny", "a", "b", 7, {}, 0, 100, 1000, machine, inputs=(entry,))
    model = tiny.make_model(tiny.SMALL)
    with pytest.raises(RecipeError, match=r"a\.wav was made of more than its recipe holds: edits"):
        make_piece(recipe, Path("a.wav"), model)
    assert make_piece(recipe, Path("a.wav"), model, (Louder(),)).edits == (Louder(),)
