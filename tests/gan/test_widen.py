"""Networks made wider: the same output, and new channels that can learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from musika import backend, checkpoint
from musika.config import GeneratorConfig
from musika.gan import widen
from musika.gan.critic import Critic
from musika.gan.generator import Generator
from musika.gan.noise import list_noise_lengths

SIZES: dict[str, Any] = {"channels": 3, "coordinate_depth": 2, "base_channels": 4, "critic_fields": ()}


def set_to_noise(network: Any) -> Any:
    """The network, with no weight left at zero."""
    rng = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 0.3, tuple(variable.shape)).astype(np.float32))
    return network


def set_weights(network: Any, weights: dict[str, np.ndarray]) -> Any:
    checkpoint.assign(network, weights)
    return network


def draw_inputs(config: GeneratorConfig) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(2, config.half_window, 2 * config.coordinate_depth)).astype(np.float32)
    return coordinates, [rng.normal(size=(2, steps, 1)).astype(np.float32) for steps in list_noise_lengths(config)]


@pytest.mark.parametrize("small", [True, False])
def test_a_wider_generator_makes_the_same(small: bool) -> None:
    old, new = GeneratorConfig(small=small, **SIZES), GeneratorConfig(small=small, **{**SIZES, "base_channels": 6})
    narrow = set_to_noise(Generator(old))
    weights = widen.widen_generator(checkpoint.get_weights(narrow), old, new, 0)
    coordinates, noise = draw_inputs(old)
    before, after = (backend.to_numpy(g(coordinates, noise)) for g in (narrow, set_weights(Generator(new), weights)))
    assert np.abs(before).max() > 0.1
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())


@pytest.mark.parametrize("small", [True, False])
def test_a_wider_critic_gives_the_same_scores(small: bool) -> None:
    old, new = GeneratorConfig(small=small, **SIZES), GeneratorConfig(small=small, critic_channels=7, **SIZES)
    narrow = set_to_noise(Critic(old))
    wide = set_weights(Critic(new), widen.widen_critic(checkpoint.get_weights(narrow), old, new, 0))
    latents = np.random.default_rng(0).normal(size=(2, old.window, 3)).astype(np.float32)
    before, after = (backend.to_numpy(critic(latents)) for critic in (narrow, wide))
    assert np.abs(before).max() > 0.1
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())


@pytest.mark.parametrize("unit", [4, 6])
def test_local_critics_are_added_and_widened(unit: int) -> None:
    old = GeneratorConfig(small=True, **SIZES)
    new = GeneratorConfig(small=True, critic_channels=unit, **{**SIZES, "critic_fields": (1, 4)})
    wider = GeneratorConfig(small=True, critic_channels=8, **{**SIZES, "critic_fields": (1, 4, 16)})
    assert wider.widens(new) and new.widens(old) and not old.widens(new)
    first = set_to_noise(Critic(old))
    second = set_weights(Critic(new), widen.widen_critic(checkpoint.get_weights(first), old, new, 0))
    third = set_weights(Critic(wider), widen.widen_critic(checkpoint.get_weights(second), new, wider, 1))
    latents = np.random.default_rng(0).normal(size=(2, old.window, 3)).astype(np.float32)
    one, two, three = (backend.to_numpy(critic(latents)) for critic in (first, second, third))
    np.testing.assert_allclose(two[:, :1], one, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(three[:, : two.shape[1]], two, rtol=1e-4, atol=1e-4)
    assert two[:, 1:].std() > 0.01 and three[:, two.shape[1] :].std() > 0.01


@pytest.mark.backend
def test_what_is_new_can_learn() -> None:
    old, new = GeneratorConfig(small=True, **SIZES), GeneratorConfig(small=True, **{**SIZES, "base_channels": 6})
    wide = set_weights(
        Generator(new), widen.widen_generator(checkpoint.get_weights(Generator(old, seed=3)), old, new, 0)
    )
    coordinates, noise = draw_inputs(old)
    weights = checkpoint.get_weights(wide)
    names = list(weights)

    def loss_of(weights: Any) -> tuple[Any, tuple[()]]:
        made, _ = wide.stateless_call([weights[name] for name in names], [], coordinates, noise)
        return ops.mean(ops.square(made - 1.0)), ()

    gradient = backend.to_numpy(backend.compile(lambda w: backend.value_and_gradient(loss_of, w)[2])(weights))
    listening = gradient["out/kernel"][:, 8:]  # to the new ones of 2 c = 12 channels
    assert not weights["out/kernel"][:, 8:].any()
    assert np.abs(listening).max() > 0.01 * np.abs(gradient["out/kernel"]).max()
