"""A wider generator or critic that at first gives what a narrower one does: more capacity without starting over.

New channels begin with random kernels. The weights by which old channels would take from new ones begin at zero and
are trained. After Net2Net (Chen, Goodfellow and Shlens 2016), with new channels instead of copied ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from musika import checkpoint
from musika.config import GeneratorConfig
from musika.gan.critic import Critic
from musika.gan.generator import Generator
from musika.gan.layers import initialise

Arrays = dict[str, np.ndarray]


def widen_generator(weights: Mapping[str, np.ndarray], old: GeneratorConfig, new: GeneratorConfig, seed: int) -> Arrays:
    """Weights by name of a generator of the sizes `old`, as those of one of the sizes `new` with the same output.

    Args:
        weights: as `checkpoint.get_weights` gives them.
        new: sizes that widen the old ones (`GeneratorConfig.widens`).
        seed: of the kernels of new channels.

    Raises:
        CheckpointError: the weights do not fit the old sizes.
    """
    _check_shapes(weights, Generator(old, seed=None))
    network = Generator(new, seed=None)
    transposed = {f"{layer}/kernel" for layer in ("last_up", *(f"{b.name}/up" for b in network.blocks if b.upsample))}
    return _embed(weights, network, seed, {"start/kernel": 4, "start/bias": 4}, transposed)


def widen_critic(weights: Mapping[str, np.ndarray], old: GeneratorConfig, new: GeneratorConfig, seed: int) -> Arrays:
    """Weights by name of a critic, as those of a wider one with the same scores; arguments as of `widen_generator`.

    Local critics that are new begin with random weights.
    """
    _check_shapes(weights, Critic(old, seed=None))
    network = Critic(new, seed=None)
    steps = new.window // 2 ** (1 + len(network.blocks))
    return _embed(weights, network, seed, {"score/kernel": -steps}, set())


def _check_shapes(weights: Mapping[str, np.ndarray], network: Generator | Critic) -> None:
    found, own = ({name: a.shape for name, a in x.items()} for x in (weights, checkpoint.get_weights(network)))
    checkpoint.check_names("the checkpoint to start from", found, own)


def _embed(
    weights: Mapping[str, np.ndarray],
    network: Generator | Critic,
    seed: int,
    steps_of: Mapping[str, int],
    transposed: set[str],
) -> Arrays:
    """Initial weights of `network`, in which the old ones take the first channels; old outputs ignore new inputs.

    Args:
        steps_of: time steps that are flattened into a weight's last size, or with a minus its first.
        transposed: kernels `[k, out, in]` of transposed convolutions; the others are `[.., in, out]`.
    """
    initialise(network, seed)
    wide: Arrays = {}
    for name, array in checkpoint.get_weights(network).items():
        if name not in weights:
            wide[name] = np.array(array)
            continue
        new, old = (_split_steps(x, steps_of.get(name, 0)) for x in (np.array(array), np.asarray(weights[name])))
        corner = tuple(slice(size) for size in old.shape)
        if old.ndim > 1:
            outputs = new.ndim - (2 if name in transposed else 1)
            new[tuple(corner[axis] if axis == outputs else slice(None) for axis in range(new.ndim))] = 0.0
        new[corner] = old
        wide[name] = new.reshape(array.shape)
    return wide


def _split_steps(array: np.ndarray, steps: int) -> np.ndarray:
    """Adds an axis for time steps before that of the channels they are flattened with."""
    if steps > 0:
        return array.reshape(*array.shape[:-1], steps, -1)
    return array.reshape(-steps, -1, *array.shape[1:]) if steps < 0 else array
