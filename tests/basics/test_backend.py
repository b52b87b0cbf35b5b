"""Programs of finished layers and constants: `backend.compile_finished`, `backend.make_constants`."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from musika import backend

pytestmark = pytest.mark.backend


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_a_program_of_finished_layers_gives_what_the_layers_give(policy: str) -> None:
    layer = keras.layers.Conv1D(8, 3, padding="same", data_format="channels_last", dtype=policy)
    layer.build((None, None, 4))
    layer.kernel.assign(np.random.default_rng(0).standard_normal(layer.kernel.shape))
    inputs = np.random.default_rng(1).standard_normal((2, 16, 4)).astype(np.float32)

    def run(inputs: object) -> object:
        return keras.ops.cast(layer(inputs), "float32")

    finished = backend.compile_finished(run, [layer])
    expected = backend.to_numpy(backend.compile(run)(inputs))
    assert np.abs(expected).max() > 0.5
    for _ in range(2):  # later calls use weights in an order that the first one has made
        np.testing.assert_allclose(backend.to_numpy(finished(inputs)), expected, rtol=2e-2, atol=2e-2)


def test_a_program_of_finished_layers_keeps_the_weights_it_had() -> None:
    layer = keras.layers.Dense(3)
    layer.build((None, 3))
    layer.kernel.assign(np.eye(3))
    finished = backend.compile_finished(lambda inputs: layer(inputs), [layer])
    inputs = np.ones((1, 3), np.float32)
    assert backend.to_numpy(finished(inputs)).tolist() == [[1.0, 1.0, 1.0]]
    layer.kernel.assign(np.zeros((3, 3)))
    assert backend.to_numpy(finished(inputs)).tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_constants_are_the_arrays(dtype: str) -> None:
    values = {"a": keras.ops.cast(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), dtype)}
    product = backend.compile(lambda rows: keras.ops.matmul(rows, backend.make_constants(values)["a"]))
    found = backend.to_numpy(product(keras.ops.cast(np.eye(3), dtype)))
    np.testing.assert_array_equal(found, backend.to_numpy(values["a"]))
