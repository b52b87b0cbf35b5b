"""Critics: how real a window of latents is. All convolutions run along time.

The published critic gives one score to a window of 12 or 24 seconds. A few hours of music hold few such windows, which
it learns by heart, and one score says little about single latents. Local critics beside it score every patch of a few
latents by itself, as critics of patches do for images (Isola et al. 2017).

Shapes: B windows, L latents in one, C numbers in a latent, c the critic's base channels, K channels of a layer.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from musika.gan.layers import ROOT_HALF, SLOPE, SeededNetwork, average_pairs, make_convolution

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
        self.keep = make_convolution(width, kernel, self, "keep")
        self.shorten = make_convolution(channels, 4, self, "shorten", stride=2)
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
        y = ops.leaky_relu(self.shorten(y), SLOPE) * ROOT_HALF  # [B, T/2, K']
        around = average_pairs(x)  # [B, T/2, K]
        return y + (around if self.shortcut is None else self.shortcut(around))


class LocalCritic(keras.Layer):
    """Latents `[B, L, C]` to a score of each patch of them, `[B, N]` float32; patches overlap by half.

    Args:
        channels: C.
        field: F, latents in a patch.
        width: W, of its three layers.
    """

    def __init__(self, channels: int, field: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.field, self.width = channels, field, width
        self.stride = field // 2 if field % 2 == 0 else 1
        names = ("first", "second", "third")
        self.first, self.second, self.third = (make_convolution(width, 1, self, name) for name in names)
        self.score = make_convolution(1, 1, self, "score")

    def build(self) -> None:
        self.first.build((None, None, self.field * self.channels))
        for layer in (self.second, self.third, self.score):
            layer.build((None, None, self.width))

    def count_patches(self, window: int) -> int:
        """N, of a window of that many latents."""
        return window // self.stride - self.field // self.stride + 1

    def extract_patches(self, latents: Tensor) -> Tensor:
        """`[B, L, C]` to `[B, N, F C]`, so that every layer is a product of matrices."""
        stride, count = self.stride, latents.shape[1] // self.stride
        groups = ops.reshape(latents[:, : count * stride], (-1, count, stride * self.channels))
        shifts = self.field // stride
        return ops.concatenate([groups[:, k : count - shifts + 1 + k] for k in range(shifts)], axis=2)

    def call(self, latents: Tensor) -> Tensor:
        x = self.extract_patches(latents)
        for layer in (self.first, self.second, self.third):
            x = ops.leaky_relu(layer(x), SLOPE)  # [B, N, W]
        return ops.cast(self.score(x), "float32")[:, :, 0]


class Critic(SeededNetwork):
    """Latents `[B, L, C]` to scores `[B, S]`, float32: large for real ones. The first is the whole window's.

    The others are those of its patches, N of each length in `config.critic_fields`; without such, S is 1.

    Attributes:
        score_weights: `[S]`, how much each score counts: 1 for the window's, 1/N for a patch's.
    """

    def _make_layers(self) -> None:
        config, c = self.config, self.config.critic_unit
        self.first = make_convolution(3 * c, 4, self, "first", stride=2)
        sizes = [(3, 4, 4), (4, 5, 4), (5, 6, 4), (6, 7, 4)] + ([] if config.small else [(7, 7, 1)])
        self.blocks = [
            CriticBlock(k * c, m * c, kernel, dtype=self.dtype_policy, name=f"block_{n}")
            for n, (k, m, kernel) in enumerate(sizes, 1)
        ]
        self.last = make_convolution(7 * c, 3, self, "last")
        self.score = keras.layers.Dense(1, kernel_initializer="zeros", dtype=self.dtype_policy, name="score")
        self.local = [
            LocalCritic(config.channels, field, 3 * c, dtype=self.dtype_policy, name=f"local_{field}")
            for field in config.critic_fields
        ]
        counts = [1] + [critic.count_patches(config.window) for critic in self.local]
        self.score_weights = np.repeat(1.0 / np.array(counts), counts).astype(np.float32)

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

    def call(self, latents: Tensor) -> Tensor:
        """`[B, L, C]` to `[B, S]` float32."""
        x = ops.leaky_relu(self.first(latents), SLOPE)  # [B, L/2, 3c]
        for block in self.blocks:
            x = block(x)
        x = ops.leaky_relu(self.last(x), SLOPE)  # [B, 4, 7c]
        whole = ops.cast(self.score(ops.reshape(x, (-1, self.score.kernel.shape[0]))), "float32")  # [B, 1]
        return ops.concatenate([whole, *(critic(latents) for critic in self.local)], axis=1)
