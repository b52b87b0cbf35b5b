"""Adam, averages, loss scale, clipping and schedules against Keras, by hand, and inside compiled functions."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from musika import backend, draws
from musika.training import optim
from tests.helpers.backends import run_on_both_backends


def make_tree(index: int = 0, scale: float = 1.0):
    return {
        "a": draws.normal(0, "a", index, (3, 4)) * scale,
        "b": [draws.normal(0, "b", index, (5,)) * scale, {"c": draws.normal(0, "c", index, ()) * scale}],
    }


def assert_close(found, wanted, tolerance):
    found, wanted = optim.flatten(backend.to_numpy(found)), optim.flatten(wanted)
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        np.testing.assert_allclose(found[path], value, rtol=tolerance, atol=tolerance, err_msg=path)


# ---------------------------------------------------------------------------------------------------------- trees


def test_flatten_and_back():
    flat = optim.flatten(make_tree())
    assert list(flat) == ["a", "b/0", "b/1/c"]
    assert optim.flatten(optim.unflatten(make_tree(1), flat)).keys() == flat.keys()
    assert all(
        a is b for a, b in zip(keras.tree.flatten(optim.unflatten(make_tree(1), flat)), flat.values(), strict=True)
    )


def test_paths_that_read_the_same_are_refused():
    with pytest.raises(ValueError, match="same path"):
        optim.flatten({"a/b": np.zeros(1), "a": {"b": np.zeros(1)}})


@pytest.mark.parametrize("other", [{"a": 1}, {"a": 1, "b": [1]}, {"a": 1, "b": {"0": 1}}, {"a": 1, "c": [1, 2]}])
def test_trees_of_different_structure_are_refused(other):
    with pytest.raises((ValueError, TypeError)):
        optim.update_average({"a": 1.0, "b": [1.0, 2.0]}, other, 0.5)


# ----------------------------------------------------------------------------------------------------------- Adam


@pytest.mark.backend
@pytest.mark.parametrize("betas_and_decay", [(0.9, 0.999, 0), (0.5, 0.999, 0), (0, 0.99, 0), (0.9, 0.99, 0.1)])
@pytest.mark.parametrize("compiled", [False, True])
def test_adam_is_that_of_keras(betas_and_decay, compiled):
    beta1, beta2, decay = betas_and_decay
    weights = make_tree()
    flat = optim.flatten(weights)
    variables = [keras.Variable(value) for value in flat.values()]
    kind = keras.optimizers.AdamW if decay else keras.optimizers.Adam
    more = {"weight_decay": decay} if decay else {}
    keras_adam = kind(1e-3, beta_1=beta1, beta_2=beta2, epsilon=1e-7, **more)

    def step(weights, gradients, moments):
        return optim.apply_adam(weights, gradients, moments, 1e-3, beta1, beta2, weight_decay=decay)

    step = backend.compile(step) if compiled else step
    moments = optim.init_adam(weights)
    for index in range(1, 21):
        gradients = make_tree(index, 10.0 ** (index % 5 - 3))
        weights, moments = step(weights, gradients, moments)
        keras_adam.apply([keras.ops.convert_to_tensor(g) for g in keras.tree.flatten(gradients)], variables)
    wanted = dict(zip(flat, [keras.ops.convert_to_numpy(v.value) for v in variables], strict=True))
    assert_close(weights, optim.unflatten(make_tree(), wanted), 1e-6)
    assert int(backend.to_numpy(moments["step"])) == 20


def test_adam_of_half_precision_gradients_keeps_float32():
    weights = {"w": np.ones(3, np.float32)}
    gradients = {"w": keras.ops.cast(np.ones(3), "bfloat16")}
    weights, moments = optim.apply_adam(weights, gradients, optim.init_adam(weights), 0.1)
    assert backend.to_numpy(weights)["w"].dtype == np.float32
    np.testing.assert_allclose(backend.to_numpy(weights)["w"], 0.9, atol=1e-5)
    assert backend.to_numpy(moments)["m"]["w"].dtype == np.float32


def test_the_moving_average_follows():
    averaged = optim.update_average({"w": np.zeros(2, np.float32)}, {"w": np.array([1.0, 2.0], np.float32)}, 0.75)
    assert_close(averaged, {"w": np.array([0.25, 0.5])}, 1e-7)


# ----------------------------------------------------------------------------------------------------- loss scale


@pytest.mark.backend
def test_loss_scale_falls_on_overflow_and_grows_after_a_while():
    state = optim.init_loss_scale(1024.0)
    update = backend.compile(lambda state, good: optim.update_loss_scale(state, good, interval=3))
    seen = []
    for good in (True, True, False, True, True, True, True, False, False):
        state = update(state, np.asarray(good))
        seen.append(float(backend.to_numpy(state["scale"])))
    assert seen == [1024, 1024, 512, 512, 512, 1024, 1024, 512, 256]
    assert backend.to_numpy(state["good"]).dtype == np.int32


def test_loss_scale_stays_in_its_range():
    state = optim.init_loss_scale(1.0)
    assert float(backend.to_numpy(optim.update_loss_scale(state, np.asarray(False))["scale"])) == 1.0
    state = optim.init_loss_scale(2.0**24)
    assert float(backend.to_numpy(optim.update_loss_scale(state, np.asarray(True), 1)["scale"])) == 2.0**24


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_seen(bad):
    found = make_tree()
    assert bool(backend.to_numpy(optim.is_finite(found)))
    found["b"][1]["c"] = np.float32(bad)
    assert not bool(backend.to_numpy(optim.is_finite(found)))


def test_a_step_that_overflowed_changes_nothing():
    old, new = make_tree(), keras.tree.map_structure(lambda leaf: leaf + np.float32(np.nan), make_tree(1))
    assert_close(optim.select(optim.is_finite(new), new, old), old, 0)
    assert_close(optim.select(optim.is_finite(old), old, new), old, 0)


def test_unscale():
    gradients = {"w": keras.ops.cast(np.full(2, 512.0), "float16")}
    found = backend.to_numpy(optim.unscale(gradients, optim.init_loss_scale(1024.0)))["w"]
    assert found.dtype == np.float32 and np.all(found == 0.5)


# ------------------------------------------------------------------------------------------- clipping, schedules


def test_clipping_changes_long_gradients_only():
    length = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in keras.tree.flatten(make_tree())))
    clipped, norm = optim.clip_by_global_norm(make_tree(), 1.0)
    assert float(backend.to_numpy(norm)) == pytest.approx(length, rel=1e-6)
    assert float(backend.to_numpy(optim.compute_global_norm(clipped))) == pytest.approx(1.0, rel=1e-6)
    assert_close(optim.clip_by_global_norm(make_tree(), 100.0)[0], make_tree(), 1e-7)
    assert_close(optim.clip_by_global_norm({"w": np.zeros(2, np.float32)}, 1.0)[0], {"w": np.zeros(2)}, 0)


def test_the_learning_rate_rises_then_falls():
    rates = [float(backend.to_numpy(optim.compute_learning_rate(np.int32(t), 1.0, 10, 110, 0.1))) for t in range(130)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.55) and rates[110] == pytest.approx(0.1) and rates[129] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:])) and max(rates) <= 1.0 + 1e-6


# ------------------------------------------------------------------------------------------------------- backends

BOTH = """
    import json
    from tests.training.test_optim import make_tree
    from musika import backend
    from musika.training import optim
    from keras import ops
    import keras
    def loss(weights, target):
        pairs = zip(keras.tree.flatten(weights), keras.tree.flatten(target))
        return sum(ops.sum(ops.tanh(a - b) ** 2) for a, b in pairs), None
    def step(state, target):
        value, _, gradients = backend.value_and_gradient(loss, state["w"], target)
        gradients, norm = optim.clip_by_global_norm(gradients, 1.0)
        lr = optim.compute_learning_rate(state["adam"]["step"], 0.01, 3, 20)
        weights, adam = optim.apply_adam(state["w"], gradients, state["adam"], lr, 0.5)
        return {"w": weights, "adam": adam, "average": optim.update_average(state["average"], weights, 0.9)}, value
    step = backend.compile(step)
    state = {"w": make_tree(), "adam": optim.init_adam(make_tree()), "average": make_tree()}
    losses = []
    for index in range(20):
        state, value = step(state, make_tree(index + 1))
        losses.append(float(value))
    flat = optim.flatten(backend.to_numpy(state))
    print(json.dumps({"losses": losses, **{path: leaf.tolist() for path, leaf in sorted(flat.items())}}))
"""


def test_both_backends_agree():
    one, other = run_on_both_backends(BOTH)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=2e-6, atol=1e-6, err_msg=name)
