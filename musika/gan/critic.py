"""The published critic: how real a window of latents is. All convolutions run along time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.config import GeneratorConfig
from musika.gan.layers import ROOT_HALF, SLOPE, convolution, halved, initialise

Tensor = Any


class CriticBlock(keras.Layer):
    """Half as many steps: two convolutions, plus the average of neighbouring steps around them.

    Args:
        width: K, channels that go in.
        channels: K', channels that come out.
        kernel: of the first convolution.
    """

    def __init__(self, width: int, channels: int, kernel: int, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.keep = convolution(width, kernel, self, "keep")
        self.shorten = convolution(channels, 4, self, "shorten", stride=2)
        self.shortcut = None
        if channels != width:
            self.shortcut = keras.layers.Dense(
                channels, use_bias=False, kernel_initializer="zeros", dtype=self.dtype_policy, name="shortcut"
            )

    def build(self) -> None:
        for layer in (self.keep, self.shorten, self.shortcut):
            if layer is not None:
                layer.build((None, None, self.width))

    def call(self, x: Tensor) -> Tensor:
        """`[B, T, K]` to `[B, T/2, K']`."""
        y = ops.leaky_relu(self.keep(x), SLOPE) * ROOT_HALF
        y = ops.leaky_relu(self.shorten(y), SLOPE) * ROOT_HALF
        around = halved(x)
        return y + (around if self.shortcut is None else self.shortcut(around))


class Critic(keras.Layer):
    """Latents `[B, L, C]` to scores `[B, 1]`, float32: large for real ones.

    Built at once, with He-uniform weights that depend on `seed` alone.

    Args:
        config: every size.
        seed: of the initial weights; None leaves them zero, for weights that are about to be assigned.
        dtype: Keras's dtype policy or its name ("float32", "mixed_bfloat16", "mixed_float16").
    """

    def __init__(self, config: GeneratorConfig, seed: int | None = 0, dtype: Any = "float32") -> None:
        super().__init__(dtype=dtype, name="critic")
        self.config = config
        c = config.critic_unit
        self.first = convolution(3 * c, 4, self, "first", stride=2)
        sizes = [(3, 4, 4), (4, 5, 4), (5, 6, 4), (6, 7, 4)] + ([] if config.small else [(7, 7, 1)])
        self.blocks = [
            CriticBlock(k * c, m * c, kernel, dtype=self.dtype_policy, name=f"block_{n}")
            for n, (k, m, kernel) in enumerate(sizes, 1)
        ]
        self.last = convolution(7 * c, 3, self, "last")
        self.score = keras.layers.Dense(1, kernel_initializer="zeros", dtype=self.dtype_policy, name="score")
        self.build()
        if seed is not None:
            initialise(self, seed)

    def build(self) -> None:
        c = self.config.critic_unit
        steps = self.config.window // 2 ** (1 + len(self.blocks))
        self.first.build((None, None, self.config.channels))
        for block in self.blocks:
            block.build()
        self.last.build((None, None, 7 * c))
        self.score.build((None, steps * 7 * c))
        self.built = True

    def call(self, latents: Tensor) -> Tensor:
        """`[B, L, C]` to `[B, 1]` float32."""
        x = ops.leaky_relu(self.first(latents), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = ops.leaky_relu(self.last(x), SLOPE)
        return ops.cast(self.score(ops.reshape(x, (-1, self.score.kernel.shape[0]))), "float32")
