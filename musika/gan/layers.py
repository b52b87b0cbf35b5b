"""What generator and critic share: convolutions along time, initial weights, moves between time and channels."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import draws

ROOT_HALF = math.sqrt(0.5)  # keeps the variance of a sum of two branches
SLOPE = 0.2  # of every leaky ReLU


def he_uniform(seed: int, purpose: str, shape: tuple[int, ...]) -> np.ndarray:
    """Initial kernel, uniform within ±sqrt(6 / fan_in), float32.

    fan_in is the product of all sizes but the last, as Keras and the published networks have it: for a transposed
    convolution `[kernel, out, in]` that is kernel x out.
    """
    limit = math.sqrt(6.0 / math.prod(shape[:-1]))
    return ((2.0 * draws.uniform(seed, purpose, 0, shape) - 1.0) * limit).astype(np.float32)


def initialise(layer: keras.Layer, seed: int) -> None:
    """Gives every kernel of a built layer its initial value, a function of seed and the kernel's path alone."""
    for variable in layer.trainable_variables:
        if variable.name == "kernel":
            variable.assign(he_uniform(seed, f"weights/{variable.path}", tuple(variable.shape)))


def convolution(channels: int, kernel: int, owner: keras.Layer, name: str, stride: int = 1) -> keras.Layer:
    """A convolution along time, with weights of zero; one with kernel 1 is a dense layer at every step."""
    options = {"kernel_initializer": "zeros", "dtype": owner.dtype_policy, "name": name}
    if kernel == 1:
        return keras.layers.Dense(channels, **options)
    return keras.layers.Conv1D(channels, kernel, strides=stride, padding="same", data_format="channels_last", **options)


def lengthening(channels: int, owner: keras.Layer, name: str) -> keras.Layer:
    """A transposed convolution that doubles the number of steps."""
    options = {"kernel_initializer": "zeros", "dtype": owner.dtype_policy, "name": name}
    options["data_format"] = "channels_last"
    return keras.layers.Conv1DTranspose(channels, 4, strides=2, padding="same", **options)


def halved(x: Any) -> Any:
    """Means of neighbouring steps: `[B, T, K]` to `[B, T/2, K]`."""
    _, steps, channels = x.shape
    return ops.mean(ops.reshape(x, (-1, steps // 2, 2, channels)), axis=2)


def channels_to_time(x: Any) -> Any:
    """`[B, T, K]` to `[B, 2T, K/2]`: channel k of step t goes to channel k // 2 of step 2t + k % 2."""
    _, steps, channels = x.shape
    x = ops.reshape(x, (-1, steps, channels // 2, 2))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2)), (-1, 2 * steps, channels // 2))
