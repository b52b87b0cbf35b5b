"""Drafts: music from elsewhere in the same sound, where it fits both sides of a gap."""

from __future__ import annotations

import numpy as np
import pytest

from musika import draws
from musika.gan.context import make_example_draft
from musika.gan.drafts import CHOICES, JOIN, draft_detail, draft_gap

CHANCES = draws.uniform(0, "chances", 0, (32,))
BEST = np.zeros(1)
PERIOD = 40
TIME = np.arange(300)[:, None]
WAVE = np.sin(2 * np.pi * TIME / PERIOD + np.arange(4)).astype(np.float32)
WAVE += 0.02 * draws.normal(0, "noise", 0, WAVE.shape)


@pytest.mark.parametrize(
    ("first", "last", "known"),
    [(120, 160, 300), (60, 160, 60), (60, 160, 220), (120, 121, 300), (0, 30, 300), (30, 299, 300), (8, 9, 12)],
)
def test_what_repeats_is_found(first: int, last: int, known: int) -> None:
    right = WAVE[last:known] if known > last else WAVE[:0]
    materials = [part for part in (WAVE[:first], right) if len(part)]
    draft = draft_gap(materials, WAVE[max(first - JOIN, 0) : first], right[:JOIN], last - first, BEST)
    assert draft.shape == (last - first, 4)
    if max(len(part) for part in materials) > PERIOD and last - first < 250:
        assert np.abs(draft - WAVE[first:last]).mean() < 0.1


def test_seeds_choose_among_places_that_fit() -> None:
    noise = draws.normal(0, "more noise", 0, (400, 4))
    drafts = [
        draft_gap([noise[:200], noise[220:]], noise[196:200], noise[220:224], 20, np.array([chance]))
        for chance in np.linspace(0, 0.999, 12)
    ]
    assert 2 <= len({draft.tobytes() for draft in drafts}) <= CHOICES
    rows = {row.tobytes() for row in noise}
    assert all(row.tobytes() in rows for draft in drafts for row in draft), "nothing is mixed"


@pytest.mark.parametrize("count", [1, 3, 9])
def test_little_material_is_repeated(count: int) -> None:
    draft = draft_gap([WAVE[:count]], WAVE[:count][-JOIN:], WAVE[:0], 50, CHANCES)
    assert draft.shape == (50, 4) and {row.tobytes() for row in draft} <= {row.tobytes() for row in WAVE[:count]}


def test_detail_comes_from_similar_places_and_what_is_known_stays() -> None:
    kept = np.full(300, 2)
    kept[100:140], kept[200:210] = 4, 0
    draft = draft_detail(WAVE, kept, 5, CHANCES)
    np.testing.assert_array_equal(draft[:, :2], WAVE[:, :2])
    np.testing.assert_array_equal(draft[100:140], WAVE[100:140])
    assert 0.0 < np.abs(draft[:100, 2:] - WAVE[:100, 2:]).mean() < 0.2


def test_an_example_has_drafts_in_all_its_gaps() -> None:
    detail = np.ones(300, np.float32)
    detail[:20] = detail[100:150] = detail[280:] = 0.0
    detail[200:220] = 0.6
    draft = make_example_draft(WAVE, detail, BEST)
    np.testing.assert_array_equal(draft[detail == 1.0], WAVE[detail == 1.0])
    assert np.abs(draft - WAVE)[detail < 1.0].mean() < 0.1
    assert not make_example_draft(WAVE, 0 * detail, CHANCES).any(), "nothing is known"
