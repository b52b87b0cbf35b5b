"""Layers that the codec's networks share: the dense layer, the residual block, a stack of layers one after another."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.config import CodecConfig

Tensor = Any


class Dense(keras.layers.Dense):
    """A dense layer of `[B, T, width]` that has all steps as rows of one matrix.

    So TensorFlow adds the bias within the product, and does not go over its result once more.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        rows = super().call(ops.reshape(inputs, (-1, inputs.shape[-1])), training=training)
        return ops.reshape(rows, (-1, inputs.shape[1], self.units))


def make_dense(units: int, owner: keras.layers.Layer, name: str) -> keras.layers.Layer:
    """A dense layer. Its kernel is zero until `weights.initialise` or a checkpoint sets it."""
    return Dense(units, kernel_initializer="zeros", name=name, dtype=owner.dtype_policy)


def make_convolution(
    channels: int, kernel: int, owner: keras.layers.Layer, name: str, dilation: int = 1
) -> keras.layers.Layer:
    """A convolution along time, of steps that are `dilation` steps apart. Its kernel is zero at first, as above."""
    return keras.layers.Conv1D(
        channels,
        kernel,
        padding="same",
        data_format="channels_last",
        dilation_rate=dilation,
        kernel_initializer="zeros",
        name=name,
        dtype=owner.dtype_policy,
    )


class ResidualBlock(keras.layers.Layer):
    """x + dense(silu(convolution(norm(x)))), `[B, T, width]`.

    The norm is RMS normalisation (Zhang and Sennrich 2019). The convolution covers three steps of time that are
    `dilation` steps apart.
    """

    def __init__(self, width: int, dilation: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.norm = keras.layers.RMSNormalization(epsilon=1e-6, name="norm", dtype=self.dtype_policy)
        self.mix = make_convolution(width, 3, self, "mix", dilation)
        self.out = make_dense(width, self, "out")

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in (self.norm, self.mix, self.out):
            layer.build(shape)

    def call(self, x: Tensor) -> Tensor:
        return x + self.out(ops.silu(self.mix(self.norm(x))))


class LayerStack(keras.layers.Layer):
    """Layers one after another. Subclasses add them in their constructor and apply them in `call`.

    A layer is also an attribute by its name, which is the beginning of its weights' names in a checkpoint.
    """

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        self.stack: list[tuple[keras.layers.Layer, int]] = []  # each layer and the channels of its input

    def _add(self, layer: keras.layers.Layer, channels: int) -> None:
        setattr(self, layer.name, layer)
        self.stack.append((layer, channels))

    def _add_dense(self, name: str, units: int, channels: int) -> None:
        self._add(make_dense(units, self, name), channels)

    def _add_residual_blocks(self, rate: int, count: int, width: int) -> None:
        for number in range(count):
            self._add(ResidualBlock(width, name=f"block_{rate}_{number}", dtype=self.dtype_policy), width)

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        for layer, channels in self.stack:
            layer.build((None, None, channels))
