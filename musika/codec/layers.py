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


class ResidualBlock(keras.layers.Layer):
    """x + dense(silu(convolution(norm(x)))), `[B, T, width]`.

    The norm is RMS normalisation (Zhang and Sennrich 2019). The convolution covers three steps of time that are
    `dilation` steps apart.
    """

    def __init__(self, width: int, dilation: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.norm = keras.layers.RMSNormalization(epsilon=1e-6, name="norm", dtype=self.dtype_policy)
        options = {"data_format": "channels_last", "dilation_rate": dilation, "dtype": self.dtype_policy}
        self.mix = keras.layers.Conv1D(width, 3, padding="same", name="mix", **options)
        self.out = Dense(width, name="out", dtype=self.dtype_policy)

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
        self._add(Dense(units, name=name, dtype=self.dtype_policy), channels)

    def _add_residual_blocks(self, rate: int, count: int, width: int) -> None:
        for number in range(count):
            self._add(ResidualBlock(width, name=f"block_{rate}_{number}", dtype=self.dtype_policy), width)

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        for layer, channels in self.stack:
            layer.build((None, None, channels))
