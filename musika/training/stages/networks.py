"""Networks as pure functions of weights, as training steps need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from musika import backend, checkpoint

Tensor = Any


def call_with_weights(network: keras.Layer, weights: Mapping[str, Tensor], *inputs: Any, **options: Any) -> Any:
    """What the network gives with these weights, by name, in place of its own."""
    ordered = [weights[name] for name in checkpoint.list_weight_names(network)]
    outputs, _ = network.stateless_call(ordered, [], *inputs, **options)
    return outputs


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
