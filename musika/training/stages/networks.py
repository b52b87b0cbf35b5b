"""Networks as pure functions of weights, as training steps need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from musika import checkpoint

Tensor = Any


def call_with_weights(network: keras.Layer, weights: Mapping[str, Tensor], *inputs: Any, **options: Any) -> Any:
    """What the network gives with these weights, by name, in place of its own."""
    ordered = [weights[name] for name in checkpoint.list_weight_names(network)]
    outputs, _ = network.stateless_call(ordered, [], *inputs, **options)
    return outputs
