"""The composer's network: causal, sized as its configuration says, told apart by conditions."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from musika import backend
from musika.composer import vocabulary as v
from musika.composer.network import Composer
from musika.composer.network_sizes import INPUT_FEATURES, compute_slopes
from musika.config import ComposerConfig
from musika.errors import ConfigError

SMALL = ComposerConfig(width=12, heads=3, layers=2, head_width=8, theme_notes=4, section_notes=10)


@pytest.fixture(scope="module")
def network() -> Composer:
    return Composer(SMALL, seed=1)


def make_inputs(length: int = 8) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    features = np.stack([random.integers(0, size, (2, length)) for size in INPUT_FEATURES], -1)
    fields = np.stack([random.integers(0, size, (2, length)) for size in v.FIELDS.values()], -1)
    places = np.stack([random.integers(0, size, (2, length)) for size in v.PLACES.values()], -1)
    arrays = {"features": features, "next_fields": fields, "next_places": places}
    return {name: array.astype(np.int32) for name, array in arrays.items()}


@pytest.mark.backend
def test_logits_have_the_sizes_of_the_fields_and_are_small_at_first(network):
    logits = backend.to_numpy(network(make_inputs()))
    assert [part.shape for part in logits] == [(2, 8, size) for size in v.FIELDS.values()]
    assert max(np.abs(part).max() for part in logits) < 1


def test_no_step_sees_a_later_one(network):
    inputs = make_inputs()
    changed = {name: array.copy() for name, array in inputs.items()}
    for array in changed.values():
        array[:, 5:] = 0
    one, other = backend.to_numpy(network(inputs)), backend.to_numpy(network(changed))
    for before, after in zip(one, other, strict=True):
        np.testing.assert_allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert np.abs(one[0][:, 5:] - other[0][:, 5:]).max() > 1e-4


def test_a_field_depends_on_the_fields_before_it_alone(network):
    inputs = make_inputs()
    logits = backend.to_numpy(network(inputs))
    for n in range(len(v.FIELDS)):
        changed = inputs["next_fields"].copy()
        changed[..., n] = (changed[..., n] + 1) % list(v.FIELDS.values())[n]
        others = backend.to_numpy(network({**inputs, "next_fields": changed}))
        for k, (before, after) in enumerate(zip(logits, others, strict=True)):
            assert np.array_equal(before, after) == (k <= n), (n, k)


def test_dropout_of_ones_changes_nothing_and_of_zeros_does(network):
    inputs = make_inputs()
    ones = np.ones((2, 2 * SMALL.layers + 1, SMALL.width), np.float32)
    plain = backend.to_numpy(network(inputs)[0])
    np.testing.assert_allclose(plain, backend.to_numpy(network({**inputs, "dropout": ones})[0]), atol=1e-6)
    assert np.abs(plain - backend.to_numpy(network({**inputs, "dropout": 0 * ones})[0])).max() > 1e-3


def test_weights_depend_on_the_seed_alone():
    kernels = [Composer(SMALL, seed=seed).blocks[0].merge.kernel for seed in (1, 1, 2)]
    first, same, other = (keras.ops.convert_to_numpy(kernel) for kernel in kernels)
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_every_second_head_sees_any_distance_alike():
    slopes = compute_slopes(5)
    assert (slopes[1::2] == 0).all() and (np.diff(slopes[::2]) < 0).all() and slopes[0] == 0.5


def test_heads_divide_the_width():
    with pytest.raises(ConfigError, match="not a multiple of heads"):
        ComposerConfig(width=10, heads=3)
