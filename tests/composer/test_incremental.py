"""The network note by note is the network."""

from __future__ import annotations

import numpy as np

from musika import backend, checkpoint
from musika.composer import vocabulary as v
from musika.composer.incremental import IncrementalComposer
from musika.composer.network import Composer
from musika.composer.network_sizes import INPUT_FEATURES, list_shapes
from musika.config import ComposerConfig

SMALL = ComposerConfig(width=12, heads=3, layers=2, head_width=8, theme_notes=4, section_notes=10)


def test_it_computes_what_the_network_computes():
    network = Composer(SMALL, seed=3)
    weights = checkpoint.get_weights(network)
    random = np.random.default_rng(0)
    weights = {name: array + 0.1 * random.normal(size=array.shape).astype("f4") for name, array in weights.items()}
    checkpoint.assign(network, weights)
    features = np.stack([random.integers(0, size, (2, 6)) for size in INPUT_FEATURES], -1).astype(np.int32)
    fields = np.stack([random.integers(0, size, (2, 6)) for size in v.FIELDS.values()], -1).astype(np.int32)
    places = np.stack([random.integers(0, size, (2, 6)) for size in v.PLACES.values()], -1).astype(np.int32)
    whole = backend.to_numpy(network({"features": features, "next_fields": fields, "next_places": places}))
    composer = IncrementalComposer(SMALL, weights)
    memory = composer.start(2, 8)
    for step in range(6):
        x = composer.step(memory, features[:, step], np.ones(2, bool))
        for n in range(len(v.FIELDS)):
            np.testing.assert_allclose(composer.compute_logits(x, n), whole[n][:, step], atol=2e-5)
            if n == 0:
                x = composer.add_time(x, fields[:, step, 0], places[:, step])
            elif n < len(v.FIELDS) - 1:
                x = composer.add_field(x, n, fields[:, step, n])


def test_steps_that_are_not_used_are_not_seen():
    composer = IncrementalComposer(SMALL, checkpoint.get_weights(Composer(SMALL, seed=3)))
    zeros = np.zeros((2, 24), int)
    outputs = []
    for first in (zeros, zeros + 1):
        memory = composer.start(2, 4)
        composer.step(memory, first, np.array([False, True]))
        outputs.append(composer.step(memory, zeros, np.ones(2, bool)))
    assert np.array_equal(outputs[0][0], outputs[1][0]) and not np.array_equal(outputs[0][1], outputs[1][1])


def test_reading_several_steps_at_once_is_reading_them_one_by_one():
    composer = IncrementalComposer(SMALL, checkpoint.get_weights(Composer(SMALL, seed=3)))
    random = np.random.default_rng(1)
    features = np.stack([random.integers(0, size, (3, 6)) for size in INPUT_FEATURES], -1)
    is_used = np.array([[False, False, True, True, True], [True] * 5, [False] * 5])
    one, many = composer.start(3, 8), composer.start(3, 8)
    for step in range(5):
        composer.step(one, features[:, step], is_used[:, step])
    composer.read(many, features[:, :5], is_used)
    after = [composer.step(memory, features[:, 5], np.ones(3, bool)) for memory in (one, many)]
    np.testing.assert_allclose(after[0], after[1], atol=1e-5)


def test_a_section_has_the_same_numbers_beside_others():
    composer = IncrementalComposer(SMALL, checkpoint.get_weights(Composer(SMALL, seed=3)))
    random = np.random.default_rng(1)
    features = np.stack([random.integers(0, size, (7, 6)) for size in INPUT_FEATURES], -1)
    is_used = random.random((7, 3)) < 0.7
    together = composer.start(7, 8)
    composer.read(together, features[:, :3], is_used)
    wanted = [composer.step(together, features[:, step], np.ones(7, bool)) for step in (3, 4)]
    together.select(np.array([1, 4, 6]))
    wanted.append(composer.step(together, features[[1, 4, 6], 5], np.ones(3, bool)))
    for row in range(7):
        alone = composer.start(1, 8)
        composer.read(alone, features[[row], :3], is_used[[row]])
        steps = [composer.step(alone, features[[row], step], np.ones(1, bool)) for step in (3, 4, 5)]
        assert np.array_equal(steps[1][0], wanted[1][row]) and np.array_equal(steps[0][0], wanted[0][row])
        if row in (1, 4, 6):
            assert np.array_equal(steps[2][0], wanted[2][[1, 4, 6].index(row)])
        logits = composer.compute_logits(wanted[1], 1)[row]
        assert np.array_equal(composer.compute_logits(steps[1], 1)[0], logits)


def test_shapes_are_those_of_the_network():
    weights = checkpoint.get_weights(Composer(SMALL, seed=None))
    assert list_shapes(SMALL) == {name: array.shape for name, array in weights.items()}
