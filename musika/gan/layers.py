"""What generator and critic share: how they are built, convolutions along time, moves between time and channels."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import draws
from musika.config import GeneratorConfig

Tensor = Any

ROOT_HALF = math.sqrt(0.5)  # keeps the variance of a sum of two branches
SLOPE = 0.2  # of every leaky ReLU


class SeededNetwork(keras.Layer):
    """A network that is built at once, with He-uniform weights that depend on `seed` alone.

    Subclasses make their layers in `_make_layers` and build them in `build`.

    Args:
        config: every size.
        seed: of the initial weights; None leaves them zero, for weights that are about to be assigned.
        dtype: Keras's dtype policy or its name ("float32", "mixed_bfloat16", "mixed_float16").
    """

    def __init__(self, config: GeneratorConfig, seed: int | None = 0, dtype: Any = "float32") -> None:
        super().__init__(dtype=dtype, name=type(self).__name__.lower())
        self.config = config
        self._make_layers()
        self.build()
        self.built = True
        if seed is not None:
            initialise(self, seed)

    def _make_layers(self) -> None:
        """Sets all layers as attributes, from `self.config`."""
        raise NotImplementedError


def initialise(network: keras.Layer, seed: int) -> None:
    """Gives every kernel of a built network its initial value, a function of seed and the kernel's path alone."""
    for variable in network.trainable_variables:
        if variable.name == "kernel":
            variable.assign(draw_he_uniform(seed, f"weights/{variable.path}", tuple(variable.shape)))


def draw_he_uniform(seed: int, purpose: str, shape: tuple[int, ...]) -> np.ndarray:
    """An initial kernel, uniform within ±sqrt(6 / fan_in), float32 (He et al. 2015).

    fan_in is the product of all sizes but the last, as Keras and the published networks have it: for a transposed
    convolution `[kernel, out, in]` that is kernel x out.
    """
    limit = math.sqrt(6.0 / math.prod(shape[:-1]))
    return ((2.0 * draws.uniform(seed, purpose, 0, shape) - 1.0) * limit).astype(np.float32)


def make_convolution(channels: int, kernel: int, owner: keras.Layer, name: str, stride: int = 1) -> keras.Layer:
    """A convolution along time, with weights of zero; one with kernel 1 is a dense layer at every step."""
    options = {"kernel_initializer": "zeros", "dtype": owner.dtype_policy, "name": name}
    if kernel == 1:
        return keras.layers.Dense(channels, **options)
    return keras.layers.Conv1D(channels, kernel, strides=stride, padding="same", data_format="channels_last", **options)


def make_upsampling_convolution(channels: int, owner: keras.Layer, name: str) -> keras.Layer:
    """A transposed convolution that doubles the number of steps, with weights of zero."""
    options = {"kernel_initializer": "zeros", "dtype": owner.dtype_policy, "name": name}
    options["data_format"] = "channels_last"
    return keras.layers.Conv1DTranspose(channels, 4, strides=2, padding="same", **options)


def average_pairs(x: Tensor) -> Tensor:
    """Means of neighbouring steps: `[B, T, K]` to `[B, T/2, K]`."""
    _, steps, channels = x.shape
    return ops.mean(ops.reshape(x, (-1, steps // 2, 2, channels)), axis=2)


def move_channels_to_time(x: Tensor) -> Tensor:
    """`[B, T, K]` to `[B, 2T, K/2]`: channel k of step t goes to channel k // 2 of step 2t + k % 2."""
    _, steps, channels = x.shape
    x = ops.reshape(x, (-1, steps, channels // 2, 2))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2)), (-1, 2 * steps, channels // 2))
