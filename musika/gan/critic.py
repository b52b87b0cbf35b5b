"""Critics: how real a window of latents is. All convolutions run along time.

The published critic gives one score to a window of 12 or 24 seconds: few examples in a few hours of music, which it
comes to know by heart, and a faint voice on what single latents should be. Local critics beside it score every stretch
of a few latents by itself, as critics of patches do for images (Isola et al. 2017).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
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


class LocalCritic(keras.Layer):
    """Latents `[B, L, C]` to a score of each stretch of them, `[B, N]` float32; stretches overlap by half.

    Args:
        channels: C.
        field: F, latents in a stretch.
        width: W, of its three layers.
    """

    def __init__(self, channels: int, field: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.field, self.width = channels, field, width
        self.stride = field // 2 if field % 2 == 0 else 1
        names = ("first", "second", "third")
        self.first, self.second, self.third = (convolution(width, 1, self, name) for name in names)
        self.score = convolution(1, 1, self, "score")

    def build(self) -> None:
        self.first.build((None, None, self.field * self.channels))
        for layer in (self.second, self.third, self.score):
            layer.build((None, None, self.width))

    def stretches(self, window: int) -> int:
        """N, of a window of that many latents."""
        return window // self.stride - self.field // self.stride + 1

    def unfolded(self, latents: Tensor) -> Tensor:
        """`[B, L, C]` to `[B, N, F C]`, so that every layer is a product of matrices."""
        stride, count = self.stride, latents.shape[1] // self.stride
        groups = ops.reshape(latents[:, : count * stride], (-1, count, stride * self.channels))
        shifts = self.field // stride
        return ops.concatenate([groups[:, k : count - shifts + 1 + k] for k in range(shifts)], axis=2)

    def call(self, latents: Tensor) -> Tensor:
        x = self.unfolded(latents)
        for layer in (self.first, self.second, self.third):
            x = ops.leaky_relu(layer(x), SLOPE)  # [B, N, W]
        return ops.cast(self.score(x), "float32")[:, :, 0]


class Critic(keras.Layer):
    """Latents `[B, L, C]` to scores `[B, S]`, float32: large for real ones. The first is the whole window's.

    The others are of its stretches, N of each length in `config.critic_fields`; without such, S is 1. `shares` `[S]`
    says how much each score counts: 1 for the window's, 1/N for a stretch's.

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
        self.local = [
            LocalCritic(config.channels, field, 3 * c, dtype=self.dtype_policy, name=f"local_{field}")
            for field in config.critic_fields
        ]
        counts = [1] + [critic.stretches(config.window) for critic in self.local]
        self.shares = np.repeat(1.0 / np.array(counts), counts).astype(np.float32)
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
        for critic in self.local:
            critic.build()
        self.built = True

    def call(self, latents: Tensor) -> Tensor:
        """`[B, L, C]` to `[B, S]` float32."""
        x = ops.leaky_relu(self.first(latents), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = ops.leaky_relu(self.last(x), SLOPE)
        whole = ops.cast(self.score(ops.reshape(x, (-1, self.score.kernel.shape[0]))), "float32")
        return ops.concatenate([whole, *(critic(latents) for critic in self.local)], axis=1)
