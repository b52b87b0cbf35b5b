"""Metrics of sets of pieces: known answers of Fréchet distance, density and coverage; copies."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from musika.metrics.sets import comparison, copies, frechet, manifold, spaces

RATE = 44_100


def draw_normal(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimensions))


def set_moments(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The same rows, transformed to exactly this mean and covariance."""
    rows = rows - rows.mean(axis=0)
    whitening = np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return rows @ whitening @ np.linalg.cholesky(covariance).T + mean


# ------------------------------------------------------------------------------------------------- Fréchet distance


def test_distance_of_two_normal_distributions() -> None:
    """With commuting covariances the trace is that of (√S1 - √S2)²."""
    one = set_moments(draw_normal(500, 3), np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    other = set_moments(draw_normal(400, 3, 1), np.array([1.0, 0.0, 2.0]), np.diag([4.0, 4.0, 1.0]))
    assert frechet.evaluate(one, other)["frechet"] == pytest.approx(5 + 1 + 0 + 4, rel=1e-9)


def test_distance_of_any_covariances_is_that_of_the_matrix_root() -> None:
    a, b = draw_normal(6, 6, 2), draw_normal(6, 6, 3)
    covariances = a @ a.T + np.eye(6), b @ b.T + np.eye(6)
    sets = [set_moments(draw_normal(300, 6, k), np.full(6, k * 0.1), c) for k, c in enumerate(covariances)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = 6 * 0.01 + np.trace(covariances[0] + covariances[1] - 2 * root)
    figures = frechet.evaluate(*sets)
    assert figures["frechet"] == pytest.approx(expected, rel=1e-6)
    assert figures == {**figures, "rank": 6.0, "dimensions": 6.0}


def test_distance_is_symmetric_zero_for_equal_sets_and_invariant_to_rotation() -> None:
    one, other = draw_normal(50, 8), 2 * draw_normal(60, 8, 1) + 1
    there = frechet.evaluate(one, other)["frechet"]
    assert frechet.evaluate(other, one)["frechet"] == pytest.approx(there, rel=1e-9)
    turn = scipy.linalg.qr(draw_normal(8, 8, 5))[0]
    assert frechet.evaluate(one @ turn, other @ turn)["frechet"] == pytest.approx(there, rel=1e-9)
    assert frechet.evaluate(one, one)["frechet"] == pytest.approx(0, abs=1e-9)
    assert frechet.evaluate(one, other, components=8)["frechet"] == pytest.approx(there, rel=1e-9)


def test_few_rows_have_a_finite_distance_and_a_low_rank() -> None:
    figures = frechet.evaluate(draw_normal(4, 100), draw_normal(9, 100, 1))
    assert np.isfinite(figures["frechet"]) and figures["rank"] == 3 and figures["dimensions"] == 100
    same = np.zeros((5, 10))
    assert frechet.evaluate(same, same + 1)["frechet"] == pytest.approx(10)
    with pytest.raises(ValueError, match="no Fréchet distance"):
        frechet.evaluate(draw_normal(1, 4), draw_normal(5, 4))
    with pytest.raises(ValueError, match="no Fréchet distance"):
        frechet.evaluate(draw_normal(5, 3), draw_normal(5, 4))


def test_the_distance_falls_with_more_rows_and_extrapolation_is_lower_still() -> None:
    one, other = draw_normal(400, 16), draw_normal(400, 16, 1)
    figures = frechet.measure_stability(one, other)
    assert figures["quarter"] > figures["half"] > figures["all"] > figures["extrapolated"] >= 0
    assert figures["stable"] is False and figures["rows"] == 400
    far = frechet.measure_stability(one, other + 5)
    assert far["stable"] is True and far["rows_needed"] < 400
    assert far["extrapolated"] == pytest.approx(16 * 25, rel=0.05)
    assert frechet.measure_stability(one, other + 5) == far


# ---------------------------------------------------------------------------------------------- density and coverage


def test_a_set_with_itself_has_one_and_one() -> None:
    rows = draw_normal(1500, 4)  # more than one block of distances
    assert manifold.evaluate(rows, rows) == {"density": 1.0, "coverage": 1.0}


def test_what_is_far_away_covers_nothing_and_a_part_covers_a_part() -> None:
    rows = draw_normal(300, 4)
    assert manifold.evaluate(rows, rows + 100) == {"density": 0.0, "coverage": 0.0}
    two = np.concatenate([rows, rows + 100])
    figures = manifold.evaluate(two, draw_normal(300, 4, 1))
    assert 0.4 < figures["coverage"] <= 0.5 and figures["density"] == pytest.approx(1, abs=0.15)


def test_density_of_the_same_distribution_is_near_one_and_crowds_are_dense() -> None:
    real = draw_normal(800, 8)
    assert manifold.evaluate(real, draw_normal(800, 8, 1))["density"] == pytest.approx(1, abs=0.15)
    crowd = manifold.evaluate(real, 0.3 * draw_normal(800, 8, 2))
    assert crowd["density"] > 1.3 and crowd["coverage"] < 0.7
    with pytest.raises(ValueError, match="are needed"):
        manifold.evaluate(real[:5], real)


# --------------------------------------------------------------------------------------------------------- comparison


def test_halves_have_similar_sizes() -> None:
    long, short = np.zeros((20, 3)), np.ones((1, 3))
    for rows in ([long, short], [short, long], [long]):
        one, other = (np.concatenate(half) for half in comparison.split_into_halves(rows))
        assert len(one) + len(other) == sum(map(len, rows)) and min(len(one), len(other)) >= 10
    one, other = comparison.split_into_halves([long, long + 1, long + 2, long + 3])
    assert len(one) == len(other) == 2


# ------------------------------------------------------------------------------------------------------------- copies


def make_walk(steps: int, seed: int) -> np.ndarray:
    """A sequence that moves, `[T, 6]`."""
    return np.cumsum(draw_normal(steps, 6, seed), axis=0).astype(np.float32) * 0.3


def test_a_copy_is_located() -> None:
    training = [make_walk(700, 1), make_walk(2500, 2)]
    generated, real = make_walk(96, 3), make_walk(200, 4)
    generated[32:64] = training[1][1777:1809]
    scale = copies.Scale.measure([real])
    clips = copies.Clips([generated], scale)
    held_out = copies.Clips([real], scale)
    for number, sequence in enumerate(training):
        for each in (clips, held_out):
            each.search(number, sequence)
    nearest = clips.list_nearest(2)
    assert nearest[0] == 1 and len(nearest) == 2
    assert (clips.neighbour[1], clips.place[1], clips.start[1]) == (1, 1777, 32)
    figures = copies.evaluate(clips, held_out)
    assert figures["nearest"] < 0.01 and figures["closer"] >= 1 and figures["shared"] == 0
    assert figures["clips"] == 3 and figures["held_out_clips"] == 6


def test_distances_are_those_of_every_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "STRETCHES_AT_ONCE", 50)
    monkeypatch.setattr(copies, "CLIPS_AT_ONCE", 2)
    training, generated = make_walk(333, 1), make_walk(170, 2)
    scale = copies.Scale.measure([training])
    clips = copies.Clips([generated], scale)
    clips.search(0, training[:10])  # too short
    assert np.isinf(clips.distance).all()
    clips.search(1, training)
    x, y = scale.normalize(training), scale.normalize(generated)
    for clip in range(5):
        part = y[32 * clip : 32 * clip + 32]
        every = [np.sqrt(np.mean((x[i : i + 32] - part) ** 2)) for i in range(len(x) - 31)]
        assert clips.distance[clip] == pytest.approx(min(every), abs=1e-3) and clips.place[clip] == np.argmin(every)


def test_shared_pieces_are_counted_and_silence_is_left_out() -> None:
    training = make_walk(400, 1)
    silence = np.ones((64, 6), np.float32)
    scale = copies.Scale.measure([training])
    held_out, generated = copies.Clips([training[10:138]], scale), copies.Clips([silence], scale)
    held_out.search(0, training)
    generated.search(0, training)
    figures = copies.evaluate(generated, held_out)
    assert figures["shared"] == 4 and figures["constant"] == 2 and figures["clips"] == 0
    assert np.isnan(figures["closer"]) and np.isnan(figures["nearest"]) and generated.list_nearest() == []


# ------------------------------------------------------------------------------------------------------------- spaces


def test_rows_of_clips() -> None:
    sequence = make_walk(70, 0)
    rows = spaces.describe_clips(sequence)
    assert rows.shape == (2, 18)
    part = sequence[32:64]
    np.testing.assert_allclose(rows[1, :6], part.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(rows[1, 6:12], part.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(rows[1, 12:], np.abs(np.diff(part, axis=0)).mean(axis=0), rtol=1e-5)
    assert spaces.describe_clips(sequence[:31]).shape == (0, 18)
    np.testing.assert_array_equal(spaces.pick_steps(sequence), sequence[::8])


def test_log_mel_does_not_depend_on_blocks() -> None:
    sound = np.random.default_rng(0).standard_normal((300_000, 2)).astype(np.float32) * 0.1
    sound[:, 1] = sound[:, 0]
    made = []
    for size in (300_000, 65_536, 10_001):
        listener = spaces.LogMel(RATE)
        passed = list(spaces.pass_through((sound[i : i + size] for i in range(0, len(sound), size)), [listener]))
        assert sum(map(len, passed)) == len(sound)
        made.append(listener.finish())
    assert made[0].shape == (73, 128)
    for other in made[1:]:
        np.testing.assert_allclose(other, made[0], atol=1e-4)
    np.testing.assert_allclose(made[0][:, 64:], -5, atol=1e-6)  # the side of mono is silence
    assert made[0][:, :64].min() > -4.9
    assert spaces.LogMel(RATE).finish().shape == (0, 128)
