"""Networks as pure functions of weights, as training steps need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from musika import backend, checkpoint

Tensor = Any


def call_with_weights(network: keras.Layer, weights: Mapping[str, Tensor], *inputs: Any, **options: Any) -> Any:
    """What the network gives with these weights, by name, in place of its own."""
    ordered = [weights[name] for name in checkpoint.list_weight_names(network)]
    outputs, _ = network.stateless_call(ordered, [], *inputs, **options)
    return outputs


def match_weights(given: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The given weights in the order of a network's own ones, float32.

    Raises:
        CheckpointError: names or shapes differ from the network's own.
    """
    shapes, expected = ({name: tuple(array.shape) for name, array in arrays.items()} for arrays in (given, own))
    checkpoint.check_names("the checkpoint to start from", shapes, expected)
    return {name: np.asarray(given[name], np.float32) for name in own}


def differentiate(
    compute_loss: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], at: Tensor, name: str
) -> tuple[dict[str, Tensor], Tensor]:
    """Loss and gradient of a function.

    Args:
        compute_loss: gives the loss, and scalars to show.
        at: where.
        name: of the loss among the scalars.

    Returns:
        The scalars with the loss among them, and the loss's gradient.
    """
    loss, scalars, gradient = backend.value_and_gradient(compute_loss, at)
    return {**scalars, name: loss}, gradient
