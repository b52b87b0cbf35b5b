"""Generator and critic: shapes, initial weights, precision, and checkpoints of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops

from musika import backend, checkpoint
from musika.config import GeneratorConfig
from musika.errors import CheckpointError, ConfigError
from musika.gan.coordinates import draw_training_coordinates
from musika.gan.critic import Critic, LocalCritic
from musika.gan.generator import Generator, generate_windows
from musika.gan.layers import average_pairs, draw_he_uniform, initialise, move_channels_to_time
from musika.gan.load import LoadedGenerator, describe_generator, load_generator
from musika.gan.noise import draw_rendering_noise, draw_training_noise
from musika.gan.rendering_coordinates import draw_rendering_coordinates

pytestmark = pytest.mark.backend

TINY = GeneratorConfig(channels=6, coordinate_depth=3, base_channels=2, critic_fields=())
GENERATOR_3, CRITIC_3 = "fd5af7ad23dc68bc", "8506179774a46142"  # identities of TINY ones with seed 3
TINY_SMALL = dataclasses.replace(TINY, small=True)
BOTH = pytest.mark.parametrize("config", [TINY, TINY_SMALL], ids=["default", "small"])


def to_array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor))


def compile_layer(layer: Any) -> Any:
    """The layer as a function to a NumPy array; compiled on JAX, which would else compile every operation by itself."""
    function = backend.compile(lambda *inputs: layer(*inputs)) if backend.NAME == "jax" else layer
    return lambda *inputs: to_array(function(*inputs))


def compute_fingerprint(layer: Any) -> str:
    return checkpoint.compute_identity({}, checkpoint.get_weights(layer))


def make_noisy_generator(config: GeneratorConfig) -> Generator:
    """A generator whose noise counts."""
    made = Generator(config, seed=1)
    arrays = checkpoint.get_weights(made)
    noise = {name: np.full(1, 0.3, np.float32) for name in arrays if name.endswith("noise_weight")}
    checkpoint.assign(made, arrays | noise)
    return made


def test_channels_move_into_time() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 6)
    found = to_array(move_channels_to_time(ops.convert_to_tensor(x)))
    assert found.shape == (1, 4, 3)
    for t in range(2):
        for k in range(6):
            assert found[0, 2 * t + k % 2, k // 2] == x[0, t, k]


@pytest.mark.backend
@pytest.mark.parametrize("field", [1, 3, 4, 16])
def test_a_local_critic_scores_each_patch_by_itself(field: int) -> None:
    critic = LocalCritic(3, field, 5)
    critic.build()
    initialise(critic, 1)
    latents = np.random.default_rng(0).normal(size=(2, 64, 3)).astype(np.float32)
    scores, stride = to_array(critic(latents)), max(1, field // 2 if field % 2 == 0 else 1)
    assert scores.shape == (2, critic.count_patches(64)) == (2, (64 - field) // stride + 1)
    assert scores.std() > 0.01
    for n in (0, 1, scores.shape[1] - 1):
        alone = to_array(critic(latents[:, n * stride : n * stride + field]))
        np.testing.assert_allclose(alone[:, 0], scores[:, n], rtol=1e-4, atol=1e-5)


def test_local_scores_count_as_much_as_the_windows() -> None:
    config = dataclasses.replace(TINY, critic_fields=(1, 4))
    critic, window = Critic(config, seed=1), np.ones((2, 256, 6), np.float32)
    assert critic.score_weights.sum() == pytest.approx(3.0) and critic.score_weights[0] == 1.0
    scores = to_array(critic(window))
    assert scores.shape == (2, 1 + 256 + 127) == (2, len(critic.score_weights))
    np.testing.assert_allclose(scores[:, :1], to_array(Critic(TINY, seed=1)(window)), rtol=1e-5)


@pytest.mark.parametrize("fields", [(0,), (257,), (4, 4), (True,), (1.5,)])
def test_critic_fields_that_cannot_be_are_refused(fields: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match="critic_fields"):
        dataclasses.replace(TINY, critic_fields=fields)


def test_pairs_are_averaged() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    np.testing.assert_array_equal(to_array(average_pairs(ops.convert_to_tensor(x)))[0], [[1, 2], [5, 6]])


@BOTH
def test_shapes(config: GeneratorConfig) -> None:
    made, critic = Generator(config), Critic(config)
    assert len({variable.path for variable in made.weights}) == len(made.weights)
    made, critic = compile_layer(made), compile_layer(critic)
    windows = generate_windows(
        made, draw_training_coordinates(config, 0, 0, 2, 2.0), draw_training_noise(config, 0, 0, 2)
    )
    assert tuple(windows.shape) == (2, config.window, 6)
    assert critic(windows).shape == (2, 1)


@BOTH
def test_the_halves_never_see_each_other(config: GeneratorConfig) -> None:
    made, half = compile_layer(Generator(config)), config.half_window
    coordinates = draw_training_coordinates(config, 0, 0, 2, 2.0)
    before = to_array(generate_windows(made, coordinates))
    coordinates[:, half:] = 0.5
    after = to_array(generate_windows(made, coordinates))
    np.testing.assert_array_equal(after[:, :half], before[:, :half])
    assert np.abs(after[:, half:] - before[:, half:]).max() > 0.01


@BOTH
def test_windows_are_half_windows_joined(config: GeneratorConfig) -> None:
    made, half = compile_layer(make_noisy_generator(config)), config.half_window
    coordinates = draw_rendering_coordinates(config, 0, 2.0, 0, config.window)
    noise = draw_rendering_noise(config, 0, 0, 2)
    window = to_array(generate_windows(made, coordinates[None], noise))[0]
    halves = made(coordinates.reshape(2, half, -1), noise)
    np.testing.assert_array_equal(window, halves.reshape(config.window, -1))


def test_noise_counts_only_by_its_weight() -> None:
    coordinates, noise = draw_rendering_coordinates(TINY, 0, 2.0, 0, 128)[None], draw_rendering_noise(TINY, 0, 0, 1)
    new, with_noise = compile_layer(Generator(TINY, seed=1)), compile_layer(make_noisy_generator(TINY))
    np.testing.assert_array_equal(new(coordinates, noise), new(coordinates))
    np.testing.assert_array_equal(with_noise(coordinates), new(coordinates))
    assert np.abs(with_noise(coordinates, noise) - new(coordinates)).max() > 0.01


def test_initial_weights_depend_on_the_seed_alone() -> None:
    """The same digits on both backends: a training begins alike everywhere."""
    assert [compute_fingerprint(Generator(TINY, seed=3)), compute_fingerprint(Critic(TINY, seed=3))] == [
        GENERATOR_3,
        CRITIC_3,
    ]
    assert compute_fingerprint(Generator(TINY, seed=4)) != GENERATOR_3
    assert all(np.all(weight == 0) for weight in checkpoint.get_weights(Generator(TINY, seed=None)).values())


def test_he_uniform() -> None:
    kernel = draw_he_uniform(0, "a", (4, 50, 60))
    limit = np.sqrt(6 / 200)
    assert np.abs(kernel).max() <= limit and kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert (
        hashlib.sha256(kernel.tobytes()).hexdigest()[:8]
        != hashlib.sha256(draw_he_uniform(0, "b", (4, 50, 60)).tobytes()).hexdigest()[:8]
    )


def test_constant_layers_do_not_break_gradients() -> None:
    """A layer without any variation along time has a standard deviation of zero, whose slope must not be infinite."""
    made = Generator(TINY)
    still = ops.zeros((1, 128, 6))  # and biases are zero, so everything is
    weights = [variable.value for variable in made.trainable_variables]

    def loss(values: Any) -> Any:
        return ops.sum(ops.square(made.stateless_call(values, [], still)[0])), ()

    _, _, gradients = backend.compile(lambda values: backend.value_and_gradient(loss, values))(weights)
    assert all(np.all(np.isfinite(to_array(gradient))) for gradient in gradients)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_close(policy: str) -> None:
    coordinates = draw_rendering_coordinates(TINY, 0, 2.0, 0, 128)[None]
    mixed = Generator(TINY, seed=1, dtype=policy)
    assert all(variable.dtype == "float32" for variable in mixed.weights)
    exact, found = compile_layer(Generator(TINY, seed=1))(coordinates), compile_layer(mixed)(coordinates)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
    window = np.tile(exact, (1, 2, 1))
    score = compile_layer(Critic(TINY, seed=1, dtype=policy))(window)
    assert score == pytest.approx(compile_layer(Critic(TINY, seed=1))(window), rel=0.1, abs=0.05)


def write_generator(folder: Path, config: GeneratorConfig = TINY, half: bool = True, **more: Any) -> Path:
    described = describe_generator(config, "0123456789abcdef", seed=4, licence="CC BY-SA 4.0", **more)
    checkpoint.write(folder, described, {"weights": checkpoint.get_weights(make_noisy_generator(config))}, half=half)
    return folder


def test_a_checkpoint_gives_the_generator_again(tmp_path: Path) -> None:
    write_generator(tmp_path / "a", half=False, trained={"samples": 12})
    loaded = load_generator(tmp_path / "a")
    assert isinstance(loaded, LoadedGenerator)
    assert loaded.config == TINY and loaded.codec_identity == "0123456789abcdef"
    assert (loaded.info["seed"], loaded.info["licence"], loaded.info["trained"]) == (4, "CC BY-SA 4.0", {"samples": 12})
    coordinates, noise = draw_rendering_coordinates(TINY, 0, 2.0, 0, 128)[None], draw_rendering_noise(TINY, 0, 0, 1)
    np.testing.assert_array_equal(
        compile_layer(loaded.generator)(coordinates, noise),
        compile_layer(make_noisy_generator(TINY))(coordinates, noise),
    )


def test_half_precision_is_close(tmp_path: Path) -> None:
    loaded = load_generator(write_generator(tmp_path / "a", TINY_SMALL))
    for name, weight in checkpoint.get_weights(make_noisy_generator(TINY_SMALL)).items():
        np.testing.assert_allclose(checkpoint.get_weights(loaded.generator)[name], weight, atol=1e-3)


def change_config(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.update(fields)
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "codec/stereo"}, "kind codec/stereo, not a generator"),
        ({"config": None}, "no sizes under 'config'"),
        ({"codec_identity": None}, "codec_identity"),
        ({"config": {"base_channels": -1}}, "base_channels -1"),
        ({"config": {"depth": 3}}, "no field 'depth'"),
        ({"config": {**TINY.to_dict(), "base_channels": 4096}}, "start/kernel.*but the configuration says"),
        ({"config": {**TINY.to_dict(), "channels": 7}}, "out/kernel"),
        ({"config": TINY_SMALL.to_dict()}, "stage_1"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    change_config(write_generator(tmp_path / "a"), **fields)
    with pytest.raises(CheckpointError, match=message) as raised:
        load_generator(tmp_path / "a")
    assert "\n" not in str(raised.value) and str(tmp_path / "a") in str(raised.value)
