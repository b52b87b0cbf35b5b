"""Losses by hand, and the adaptive weight of the critic's penalty at the ends of its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from musika import backend
from musika.config import GeneratorConfig
from musika.gan import losses
from musika.gan.critic import Critic

pytestmark = pytest.mark.backend


def make_scores(*values: float) -> Any:
    return ops.convert_to_tensor(np.array(values, np.float32)[:, None])


def to_tensor(value: float) -> Any:
    return ops.convert_to_tensor(np.float32(value))


def test_generator_loss() -> None:
    assert float(losses.compute_generator_loss(make_scores(1.0, 2.0, -6.0))) == 1.0


def test_hinge_loss() -> None:
    assert float(losses.compute_hinge_loss(make_scores(1.0, 7.0), make_scores(-1.0, -2.0))) == 0.0
    assert float(losses.compute_hinge_loss(make_scores(0.5, 3.0), make_scores(1.0, -3.0))) == pytest.approx(
        (0.25 + 1.0) / 2
    )


def test_scores_count_by_their_weights() -> None:
    real = ops.convert_to_tensor(np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]], np.float32))
    fake, weights = ops.zeros((1, 3)), np.array([1.0, 0.5, 0.5], np.float32)
    assert float(losses.compute_generator_loss(real, weights)) == pytest.approx(-(2.5 + 0.5) / 2)
    assert float(losses.compute_hinge_loss(real, fake, weights)) == pytest.approx(((0.5 + 1.5) / 2 + 2.0) / 2)
    assert float(losses.measure_certainty(real, fake)) == pytest.approx(0.5 / 2)  # of the window's scores alone
    together = losses.compute_critic_loss(real, fake, to_tensor(3.0), to_tensor(0.5), 10.0, weights)
    assert float(together) == pytest.approx(1.5 + 15.0)


def test_critic_loss_is_hinge_plus_weighted_penalty() -> None:
    real, fake = make_scores(0.5, 0.0), make_scores(0.0, 0.25)
    plain = float(losses.compute_hinge_loss(real, fake))
    assert float(losses.compute_critic_loss(real, fake, to_tensor(3.0), to_tensor(0.0), 10.0)) == pytest.approx(plain)
    assert float(losses.compute_critic_loss(real, fake, to_tensor(3.0), to_tensor(0.5), 10.0)) == pytest.approx(
        plain + 15.0
    )


def test_r1_is_the_mean_squared_norm() -> None:
    gradient = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    assert float(losses.compute_gradient_penalty(ops.convert_to_tensor(gradient))) == float((gradient**2).sum()) / 2


def test_r1_of_a_critic_is_that_of_each_window_alone() -> None:
    critic = Critic(GeneratorConfig(channels=3, coordinate_depth=2, base_channels=2, small=True, critic_fields=()))
    windows = np.random.default_rng(0).normal(size=(3, 128, 3)).astype(np.float32)

    slope = backend.compile(lambda x: backend.value_and_gradient(lambda x: (ops.sum(critic(x)), ()), x)[2])

    together = float(losses.compute_gradient_penalty(slope(ops.convert_to_tensor(windows))))
    alone = [float(losses.compute_gradient_penalty(slope(ops.convert_to_tensor(windows[i : i + 1])))) for i in range(3)]
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
    assert min(alone) > 0


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=4), st.floats(-100, 100, width=32))
def test_certainty_lies_between_0_and_1(real: list[float], fake: float) -> None:
    found = float(losses.measure_certainty(make_scores(*real), make_scores(fake)))
    assert found == pytest.approx(min(max(np.mean(real) - fake, 0), 2) / 2, abs=1e-4)
    assert 0 <= found <= 1


@pytest.mark.parametrize(
    ("weight", "certain", "after"),
    [
        (0.5, 0.95, 0.5001),
        (0.5, 0.9, 0.4999),  # certain means more than 0.9
        (0.5, 0.0, 0.4999),
        (1.0, 1.0, 1.0),
        (0.99995, 1.0, 1.0),
        (1.0, 0.5, 0.9999),
        (0.0, 0.5, 0.0),
        (0.00005, 0.5, 0.0),
        (0.0, 0.95, 0.0001),
    ],
)
def test_the_adaptive_weight(weight: float, certain: float, after: float) -> None:
    found = float(losses.adapt_penalty_weight(to_tensor(weight), to_tensor(certain)))
    assert found == pytest.approx(after, abs=1e-7)
    assert 0.0 <= found <= 1.0


def test_the_adaptive_weight_rises_and_falls() -> None:
    weight = to_tensor(losses.FIRST_PENALTY_WEIGHT)
    for _ in range(3):
        weight = losses.adapt_penalty_weight(weight, to_tensor(0.2))
    for _ in range(5):
        weight = losses.adapt_penalty_weight(weight, to_tensor(1.0))
    assert float(weight) == 1.0
