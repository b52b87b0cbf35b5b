"""The basis that networks are trained in: invertible, of the strength asked for, and folded into the outer layers."""

from __future__ import annotations

import numpy as np
import pytest

from musika import backend, checkpoint
from musika.config import GanTrainConfig, GeneratorConfig
from musika.gan import basis
from musika.gan.critic import Critic
from musika.gan.generator import Generator
from musika.training.stages.gan import GanStage, Start

SIZES = GeneratorConfig(channels=4, coordinate_depth=4, base_channels=4, small=True, critic_fields=(1, 4))
MIX = np.random.default_rng(5).normal(size=(4, 4)) * np.array([3.0, 1.0, 0.3, 0.03])[:, None]


class Files:
    """Noise whose directions differ a hundredfold in deviation, around a mean that is not zero."""

    lengths = (5000, 300)

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        drawn = np.random.default_rng(file_index).normal(size=(self.lengths[file_index], 4))[offset : offset + length]
        return (drawn @ MIX + np.arange(4)).astype(np.float32)


def read_latents() -> np.ndarray:
    return np.concatenate([Files().crop(file, 0, length) for file, length in enumerate(Files.lengths)])


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_variances_become_more_equal_and_their_sum_stays(strength: float) -> None:
    found = basis.fit_basis(Files(), strength)
    before, after = (np.linalg.eigvalsh(np.cov(x.T)) for x in (read_latents(), found.transform(read_latents())))
    assert after.sum() == pytest.approx(before.sum(), rel=1e-3)
    assert after[-1] / after[0] == pytest.approx((before[-1] / before[0]) ** (1 - strength), rel=0.01)
    assert np.abs(found.transform(read_latents()).mean(axis=0)).max() < 1e-3
    np.testing.assert_allclose(found.invert(found.transform(read_latents())), read_latents(), atol=1e-4)


def test_latents_that_never_change_have_a_basis() -> None:
    class Still(Files):
        def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
            return np.ones((length, 4), np.float32)

    found = basis.fit_basis(Still(), 0.5)
    assert np.isfinite(found.matrix).all() and np.isfinite(found.inverse).all()
    np.testing.assert_allclose(found.invert(found.transform(np.ones((3, 4)))), 1.0, atol=1e-6)


def test_swapped_channels_share_one_basis() -> None:
    """The second half nearly silent: without its other order, what is swapped into it would be blown up."""

    class Left(Files):
        def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
            return super().crop(file_index, offset, length) * np.array([1, 1, 1e-4, 1e-4], np.float32)

    swapped = np.roll(Left().crop(0, 0, 5000), 2, axis=1)
    alone, both = (
        basis.fit_basis(Left(), 1.0, swap_halves=choice).transform(swapped).std() for choice in (False, True)
    )
    assert both < 3 * swapped.std() < 0.1 * alone


def test_outer_layers_contain_the_basis() -> None:
    found = basis.fit_basis(Files(), 0.5)
    generator, critic = Generator(SIZES, seed=1), Critic(SIZES, seed=1)
    coordinates = np.random.default_rng(0).normal(size=(2, SIZES.half_window, 8)).astype(np.float32)
    plain = backend.to_numpy(generator(coordinates))
    weights = checkpoint.get_weights(generator)
    inside = found.transform_generator(weights)
    checkpoint.assign(generator, inside)
    np.testing.assert_allclose(backend.to_numpy(generator(coordinates)), found.transform(plain), atol=1e-3)
    for name, value in found.invert_generator(inside).items():
        np.testing.assert_allclose(value, weights[name], atol=1e-5)

    windows = Files().crop(0, 0, 256).reshape(2, 128, 4)
    weights = checkpoint.get_weights(critic)
    first, local = backend.to_numpy(critic.first(windows)), backend.to_numpy(critic(windows))[:, 1:]
    inside = found.transform_critic(weights)
    checkpoint.assign(critic, inside)
    mapped = backend.to_numpy(critic.first(found.transform(windows)))
    np.testing.assert_allclose(mapped[:, 1:-1], first[:, 1:-1], rtol=1e-3, atol=1e-3)  # edges see another zero
    assert np.abs(local).max() > 0.1
    np.testing.assert_allclose(backend.to_numpy(critic(found.transform(windows)))[:, 1:], local, rtol=1e-3, atol=1e-3)
    for name, value in found.invert_critic(inside).items():
        np.testing.assert_allclose(value, weights[name], rtol=1e-4, atol=1e-4)


@pytest.mark.backend
def test_a_stage_trains_in_the_basis_and_leaves_plain_weights() -> None:
    train = GanTrainConfig(bs=2, totsamples=4, lr=1e-3, whitening=0.5)
    generator, critic = (checkpoint.get_weights(kind(SIZES, seed=2)) for kind in (Generator, Critic))
    start = Start({name: np.array(value) for name, value in generator.items()}, critic)
    whitened, plain = (
        GanStage(SIZES, GanTrainConfig(**{**train.to_dict(), "whitening": strength}), Files(), "abc", start=start)
        for strength in (0.5, 0.0)
    )
    np.testing.assert_allclose(
        whitened.make_batch(2)["real"], whitened.basis.transform(plain.make_batch(2)["real"]), atol=1e-5
    )
    state = whitened.init_state(0)
    assert np.abs(state["generator"]["out/kernel"] - generator["out/kernel"]).max() > 0.01
    left = whitened.export_weights(state)[1]
    for kept, given in ((left["weights"], generator), (left["critic"], critic)):
        for name, value in kept.items():
            np.testing.assert_allclose(value, given[name], rtol=1e-4, atol=1e-4)
    before, after = (stage.measure(stage.init_state(0)) for stage in (whitened, plain))
    assert before["deviation"] == pytest.approx(after["deviation"], rel=1e-4)
    state, scalars = whitened.step(state, whitened.make_batch(0))
    assert np.isfinite(float(backend.to_numpy(scalars["loss_critic"])))
    moved = whitened.export_weights(backend.to_numpy(state))[1]["weights"]["out/kernel"]
    assert np.abs(moved - generator["out/kernel"]).max() > 0
