"""Random numbers: known answers, distributions, and that no two draws share a number."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika import draws
from musika.errors import ConfigError

SEEDS = st.integers(-(2**70), 2**70)
INDICES = st.integers(0, 2**128 - 1)

KNOWN: dict[str, list[float]] = {
    "integers": [15005286833370529460, 15454705754631462501, 15393900188734506743],
    "next index": [4198482303371622626],
    "other purpose": [16425326364617729146],
    "other seed": [271780488923238480],
    "far index": [2230794506318696850, 15097828681985257840],
    "uniform": [0.8134381771087646, 0.8378012776374817, 0.8345049619674683],
    "normal": [0.8906377553939819, 0.9854614734649658, 0.9721217155456543],
    "truncated": [0.8386841416358948, 0.9246701002120972, 0.9126433730125427],
}


def test_known_answers() -> None:
    """These numbers are part of every piece: if they change, all music does."""
    assert draws.integers(0, "anchor", 0, 3).tolist() == KNOWN["integers"]
    assert draws.integers(0, "anchor", 1, 1).tolist() == KNOWN["next index"]
    assert draws.integers(0, "style", 0, 1).tolist() == KNOWN["other purpose"]
    assert draws.integers(1, "anchor", 0, 1).tolist() == KNOWN["other seed"]
    assert draws.integers(7, "noise/3", 2**100 + 5, 2).tolist() == KNOWN["far index"]
    assert draws.uniform(0, "anchor", 0, (3,)).tolist() == KNOWN["uniform"]
    np.testing.assert_allclose(draws.normal(0, "anchor", 0, (3,)), KNOWN["normal"], rtol=2e-7)
    np.testing.assert_allclose(draws.truncated_normal(0, "anchor", 0, (3,), 2.0), KNOWN["truncated"], rtol=2e-7)


@given(SEEDS, st.text(max_size=20), INDICES, st.integers(0, 40), st.integers(0, 40))
def test_a_longer_draw_begins_with_the_shorter(seed: int, purpose: str, index: int, count: int, more: int) -> None:
    longer = draws.integers(seed, purpose, index, count + more)
    assert longer.dtype == np.uint64
    np.testing.assert_array_equal(longer[:count], draws.integers(seed, purpose, index, count))


def test_draws_share_no_number() -> None:
    keys = [(seed, purpose, index) for seed in (0, 1, -1, 2**64) for purpose in ("a", "b", "") for index in range(20)]
    keys += [(0, "a", 2**64 + index) for index in range(20)] + [(0, "a", 2**127)]
    drawn = np.concatenate([draws.integers(*key, 257) for key in keys])
    assert len(np.unique(drawn)) == len(drawn)


def test_the_index_is_the_upper_half_of_the_counter() -> None:
    """So 2^128 blocks of four numbers come before the next index's first one."""
    seed, purpose = 3, "anchor"
    philox = np.random.Philox(counter=np.array([0, 0, 9, 1], np.uint64), key=_key(seed, purpose))
    np.testing.assert_array_equal(draws.integers(seed, purpose, 2**64 + 9, 50), philox.random_raw(50))
    last_block = np.random.Philox(counter=np.array([2**64 - 1, 2**64 - 1, 9, 1], np.uint64), key=_key(seed, purpose))
    np.testing.assert_array_equal(draws.integers(seed, purpose, 2**64 + 10, 50)[:4], last_block.random_raw(8)[4:])


def _key(seed: int, purpose: str) -> np.ndarray:
    import hashlib

    return np.frombuffer(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest(), "<u8")


def test_uniform() -> None:
    numbers = draws.uniform(5, "test", 0, (400, 500))
    assert numbers.shape == (400, 500) and numbers.dtype == np.float32
    assert numbers.min() >= 0 and numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 10_000).max() < 500  # five standard deviations
    assert draws._to_unit_interval(np.array([0, 2**64 - 1], np.uint64)).tolist() == [0.0, 1 - 2.0**-24]


def test_normal() -> None:
    numbers = draws.normal(5, "test", 0, (1000, 1000)).astype(np.float64)
    assert abs(numbers.mean()) < 0.005
    assert abs(numbers.var() - 1) < 0.008
    assert abs((numbers**3).mean()) < 0.02
    assert abs((numbers**4).mean() - 3) < 0.06
    neighbours = (numbers[:, 1:] * numbers[:, :-1]).mean()
    assert abs(neighbours) < 0.005


def test_normal_is_finite_at_the_ends() -> None:
    ends = draws._invert_normal(draws._center(np.array([0, 2**64 - 1, 2**63], np.uint64)))
    assert ends[0] == -ends[1] and 8 < ends[1] < 8.3
    assert 0 < ends[2] < 1e-15


def test_inverse_of_the_distribution_function() -> None:
    q = np.concatenate([np.linspace(-0.4999, 0.4999, 2001), 10.0 ** -np.arange(4, 16) - 0.5])
    found = draws._invert_normal(q)
    exact = [statistics.NormalDist().inv_cdf(0.5 + value) for value in q]
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-14)
    back = [0.5 * math.erf(value / math.sqrt(2)) for value in found]
    np.testing.assert_allclose(back, q, atol=1e-15)


@pytest.mark.parametrize(("bound", "deviation"), [(2.0, 0.87962), (1.0, 0.53956), (0.1, 0.05772), (10.0, 1.0)])
def test_truncated_normal(bound: float, deviation: float) -> None:
    numbers = draws.truncated_normal(5, "test", 0, (500, 1000), bound)
    assert numbers.dtype == np.float32
    assert np.abs(numbers).max() <= bound
    assert abs(numbers.mean(dtype=np.float64)) < 0.006 * deviation
    assert numbers.std(dtype=np.float64) == pytest.approx(deviation, rel=0.005)
    assert bound > 5 or np.abs(numbers).max() > 0.99 * bound


@given(SEEDS, INDICES, st.floats(1e-3, 20), st.floats(0.01, 0.99))
def test_a_smaller_bound_draws_nearer_to_zero(seed: int, index: int, bound: float, share: float) -> None:
    wide = draws.truncated_normal(seed, "anchor", index, (64,), bound)
    narrow = draws.truncated_normal(seed, "anchor", index, (64,), bound * share)
    assert np.all(np.abs(narrow) <= np.abs(wide))
    assert np.all(np.sign(narrow) == np.sign(wide))
    assert np.all(np.abs(narrow.astype(np.float64)) <= bound * share)


def test_a_wide_bound_changes_nothing() -> None:
    np.testing.assert_array_equal(
        draws.truncated_normal(1, "anchor", 0, (1000,), 40.0), draws.normal(1, "anchor", 0, (1000,))
    )


def test_scalar_and_empty_shapes() -> None:
    assert draws.uniform(0, "a", 0, ()).shape == ()
    assert draws.normal(0, "a", 0, ()).shape == ()
    assert draws.truncated_normal(0, "a", 0, (), 2.0).shape == ()
    assert draws.normal(0, "a", 0, (0, 3)).shape == (0, 3)


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="index -1"):
        draws.integers(0, "a", -1, 1)
    with pytest.raises(ConfigError, match="index"):
        draws.integers(0, "a", 2**128, 1)
    with pytest.raises(ConfigError, match="count -1"):
        draws.integers(0, "a", 0, -1)
    with pytest.raises(ConfigError, match="bound 0"):
        draws.truncated_normal(0, "a", 0, (1,), 0)
