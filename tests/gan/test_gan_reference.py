"""Coordinates, generator, critic and losses against tensors of the published implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from musika import backend, checkpoint
from musika.gan import losses
from musika.gan.coordinates import list_training_places, make_coordinates
from musika.gan.critic import Critic
from musika.gan.generator import Generator, generate_windows
from tests.helpers import reference
from tests.helpers.reference import (
    SIZES,
    assign_weights,
    make_config,
    measure_distance,
    needs_reference,
    read_our_weights,
    read_tensors,
)

pytestmark = [needs_reference, pytest.mark.backend, pytest.mark.parametrize("size", SIZES)]

CLOSE = 1e-5  # of each tensor's largest magnitude
GRADIENTS_CLOSE = 1e-3


def make_generator(size: str, network: str = "gen") -> Generator:
    return assign_weights(Generator(make_config(size), seed=None), read_our_weights(size, network))


def generate(made: Generator, coordinates: np.ndarray, noise: list[np.ndarray] | None = None) -> Any:
    return backend.compile(lambda x, noise: generate_windows(made, x, noise))(coordinates, noise)


def make_critic(size: str) -> Critic:
    return assign_weights(Critic(make_config(size), seed=None), read_our_weights(size, "critic"))


def make_stateless(layer: Any) -> Any:
    """The layer as a function of its weights and its input."""
    return lambda values, x: layer.stateless_call(values, [], x)[0]


def list_values(layer: Any) -> list[Any]:
    return [variable.value for variable in layer.trainable_variables]


def test_coordinates_in_training(size: str) -> None:
    sizes, t = make_config(size), read_tensors(size)
    places = np.arange(2 * sizes.anchor_distance)
    whole = make_coordinates(t["train_anchors"], t["train_style"], sizes.anchor_distance, places)
    assert measure_distance(whole, t["train_coords"]) < 1e-6
    for crop in range(3):
        window = make_coordinates(
            t["train_anchors"], t["train_style"], sizes.anchor_distance, list_training_places(sizes, crop)
        )
        assert measure_distance(window, t["train_crops"][crop]) < 1e-6


def test_coordinates_in_generation(size: str) -> None:
    sizes, t = make_config(size), read_tensors(size)
    places = np.arange(5 * sizes.window) + sizes.window // 4
    found = make_coordinates(t["gen_anchors"][:, 0], t["gen_style"][0], sizes.anchor_distance, places)
    assert measure_distance(found.reshape(5, sizes.window, -1), t["gen_coords"]) < 1e-6


def test_parameter_counts(size: str) -> None:
    import json

    counts = json.loads((reference.FOLDER / size / "config.json").read_text())["params"]
    assert Generator(make_config(size), seed=None).count_params() == counts["gen"]
    assert Critic(make_config(size), seed=None).count_params() == counts["critic"]


@pytest.mark.parametrize("network", ["gen", "gen_ema"])
def test_generator(size: str, network: str) -> None:
    found = generate(make_generator(size, network), read_tensors(size)["train_crops"][1])
    assert measure_distance(found, read_tensors(size)[f"{network}_out"][:, 0]) < CLOSE


def test_generator_with_noise(size: str) -> None:
    t = read_tensors(size)
    made = make_generator(size, "gen_ema_noisy")
    noise = [t[f"noisy_gen_ema_noise_{n:02d}"][:, 0] for n in range(len(made.noise_lengths))]
    assert [array.shape for array in noise] == [(2, steps, 1) for steps in made.noise_lengths]
    found = generate(made, t["noisy_gen_ema_in"], noise)
    assert measure_distance(found, t["noisy_gen_ema_out0"][:, 0]) < CLOSE
    assert measure_distance(generate(made, t["noisy_gen_ema_in"]), t["noisy_gen_ema_out0"][:, 0]) > 100 * CLOSE


def test_critic(size: str) -> None:
    t, judge = read_tensors(size), backend.compile(make_critic(size).call)
    assert measure_distance(judge(t["real"][:, 0]), t["critic_real"]) < CLOSE
    assert measure_distance(judge(t["gen_out"][:, 0]), t["critic_fake"]) < CLOSE


def test_switch_updates(size: str) -> None:
    for real, fake, before, after in read_tensors(size)["switch_updates"]:
        certain = losses.measure_certainty(ops.full((4, 1), real), ops.full((4, 1), fake))
        assert abs(float(losses.adapt_penalty_weight(ops.convert_to_tensor(-before), certain)) + after) < 1e-7


def differentiate_critic(judge: Critic, t: dict[str, np.ndarray]) -> tuple[Any, dict[str, Any], Any]:
    """The critic's loss of the reference step, its parts, and the gradients by its weights."""
    score, real = make_stateless(judge), ops.convert_to_tensor(t["real"][:, 0])

    def loss(weights: Any, real: Any) -> tuple[Any, dict[str, Any]]:
        def total(latents: Any) -> tuple[Any, Any]:
            scores = score(weights, latents)
            return ops.sum(scores), scores

        _, scores, slope = backend.value_and_gradient(total, real)
        fake, penalty = (
            score(weights, ops.convert_to_tensor(t["gen_out"][:, 0])),
            losses.compute_gradient_penalty(slope),
        )
        return losses.compute_critic_loss(scores, fake, penalty, 0.75, 10.0), {"r1": penalty}

    def step(weights: Any) -> Any:
        return backend.value_and_gradient(loss, weights, real)

    return backend.compile(step)(list_values(judge))


def test_critic_step(size: str) -> None:
    t, judge = read_tensors(size), make_critic(size)
    value, parts, gradients = differentiate_critic(judge, t)
    assert measure_distance(parts["r1"], t["r1_penalty"]) < CLOSE
    assert measure_distance(value, t["loss_critic"]) < CLOSE
    assert (
        measure_distance(
            losses.compute_hinge_loss(t["critic_real"], np.full((4, 1), -9.0, np.float32)), t["loss_real"] / 2
        )
        < CLOSE
    )
    assert (
        measure_distance(
            losses.compute_hinge_loss(np.full((4, 1), 9.0, np.float32), t["critic_fake"]), t["loss_fake"] / 2
        )
        < CLOSE
    )
    check_gradients(judge, gradients, t, "critic", reference.map_critic_names(size))


def test_generator_step(size: str) -> None:
    t, judge, made = read_tensors(size), make_critic(size), make_generator(size)

    def loss(weights: Any, coordinates: Any) -> tuple[Any, Any]:
        fake = generate_windows(lambda x, noise: make_stateless(made)(weights, x), coordinates)
        return losses.compute_generator_loss(judge(fake)), fake

    def step(weights: Any, coordinates: Any) -> Any:
        return backend.value_and_gradient(loss, weights, coordinates)

    value, _, gradients = backend.compile(step)(list_values(made), ops.convert_to_tensor(t["train_crops"][1]))
    scale = np.abs(t["critic_fake"]).max()  # a mean of scores that nearly cancel
    assert abs(float(value) - float(t["loss_generator"])) < CLOSE * scale
    check_gradients(made, gradients, t, "gen", reference.map_generator_names(size))


def check_gradients(layer: Any, gradients: Any, t: dict[str, np.ndarray], network: str, names: dict[str, str]) -> None:
    """The norm of every variable's gradient, but noise weights', whose noise was not kept."""
    found = {
        name: float(np.linalg.norm(ops.convert_to_numpy(gradient)))
        for name, gradient in zip(checkpoint.list_weight_names(layer), gradients, strict=True)
    }
    published = dict(zip(t[f"{network}_grad_names"], t[f"{network}_grad_norms"], strict=True))
    assert len(published) == len(found)
    for name, norm in published.items():
        if not name.endswith("noise_weight:0"):
            assert found[reference.rename(name, names)] == pytest.approx(norm, rel=GRADIENTS_CLOSE), name
