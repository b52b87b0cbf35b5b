"""Weights of Keras layers as named arrays, and the identity of a configuration with its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from musika.errors import CheckpointError

if TYPE_CHECKING:
    import keras


def check_names(what: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises CheckpointError unless both have the same names and shapes."""
    for name in expected:
        if name not in found:
            raise CheckpointError(f"{what} has no array {name!r}: it does not fit its configuration")
    for name, shape in found.items():
        if name not in expected:
            raise CheckpointError(f"{what} has an array {name[:80]!r} too many: it does not fit its configuration")
        if tuple(shape) != tuple(expected[name]):
            raise CheckpointError(f"{what}: array {name!r} is {list(shape)}, but {list(expected[name])} is expected")


def compute_identity(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """A short hash of a configuration and its weights in half precision: 16 hexadecimal digits.

    Half precision, so that a checkpoint keeps its identity when it is stored at half the size.
    """
    total = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
    for name in sorted(arrays):
        value = np.asarray(arrays[name], dtype="<f2", order="C") + np.float16(0)  # -0 counts as 0
        total.update(f"\n{name} {list(value.shape)}\n".encode())
        total.update(value.tobytes())
    return total.hexdigest()[:16]


def get_weights(layer: keras.Layer) -> dict[str, np.ndarray]:
    """Every weight of a built layer, by its path below the layer, in the order in which the layer lists them.

    Raises:
        ValueError: two weights have the same name.
    """
    return {name: np.asarray(_to_numpy(variable)) for name, variable in _list_variables(layer).items()}


def assign(layer: keras.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """Sets every weight of a built layer.

    Raises:
        CheckpointError: a name or shape is missing, too many, or differs; nothing is then changed.
    """
    variables = _list_variables(layer)
    check_names(
        layer.name,
        {name: tuple(np.shape(array)) for name, array in arrays.items()},
        {name: tuple(variable.shape) for name, variable in variables.items()},
    )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def list_weight_names(layer: keras.Layer) -> list[str]:
    """Names of a built layer's weights as `get_weights` gives them, without reading the weights."""
    return list(_list_variables(layer))


def _list_variables(layer: keras.Layer) -> dict[str, Any]:
    prefix = (getattr(layer, "path", None) or layer.name) + "/"
    variables: dict[str, Any] = {}
    for variable in layer.weights:
        name = variable.path.removeprefix(prefix)
        if name in variables:
            raise ValueError(f"{layer.name} has two weights named {name!r}: give its layers names of their own")
        variables[name] = variable
    return variables


def _to_numpy(variable: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)
