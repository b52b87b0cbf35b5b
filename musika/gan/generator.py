"""The published generator: from coordinates to latents, half a window at a time.

    coordinates ──dense──▶ [B, 4, 7c] ──four blocks──▶ [B, L/4, 3c] ──last block──▶ latents [B, L/2, C]

The two halves of a window never see each other; the critic sees them joined, and that alone teaches them to fit. So
music of any length is made of half-windows, each from its own stretch of coordinates.

All convolutions run along time. Shapes: B half-windows, L/2 latents in one, D coordinate depth, C numbers in a latent,
c base channels, K channels of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from musika.gan.layers import (
    ROOT_HALF,
    SeededNetwork,
    average_pairs,
    make_convolution,
    make_upsampling_convolution,
    move_channels_to_time,
)
from musika.gan.noise import list_noise_lengths

Tensor = Any

MIN_VARIANCE = 1e-20  # below which the root has no gradient; far below what any signal has


class Modulation(keras.Layer):
    """Noise, adaptive scale (AdaIN, Huang and Belongie 2017), swish: how coordinates and noise enter each layer.

    y = silu((x + w noise) / std(x + w noise) · A coordinates), where std is the population standard deviation along
    time, w a learned number and A a learned linear map. Unlike in AdaIN, no mean is subtracted.
    """

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.scale = keras.layers.Dense(channels, kernel_initializer="zeros", dtype=self.dtype_policy, name="scale")

    def build(self, depth: int) -> None:
        self.noise_weight = self.add_weight(shape=(1,), initializer="zeros", name="noise_weight")
        self.scale.build((None, None, depth))

    def call(self, x: Tensor, coordinates: Tensor, noise: Tensor | None = None) -> Tensor:
        """`[B, T, K]` with coordinates `[B, T, 2D]` and noise `[B, T, 1]` to `[B, T, K]`."""
        if noise is not None:
            x = x + ops.cast(self.noise_weight, x.dtype) * noise
        variance = ops.var(ops.cast(x, "float32"), axis=1, keepdims=True)  # [B, 1, K]
        deviation = ops.sqrt(ops.maximum(variance, MIN_VARIANCE)) + 1e-5
        return ops.silu(x * ops.cast(1.0 / deviation, x.dtype) * self.scale(coordinates))


class GeneratorBlock(keras.Layer):
    """Twice as many steps of fewer channels: two modulated convolutions and a shortcut around them.

    Args:
        channels: K', channels that come out.
        upsample: whether time doubles; if not, all kernels are 1 (the first block of small generators).
    """

    def __init__(self, channels: int, upsample: bool, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.upsample = channels, upsample
        self.up = (
            make_upsampling_convolution(channels, self, "up") if upsample else make_convolution(channels, 1, self, "up")
        )
        self.up_modulation = Modulation(channels, dtype=self.dtype_policy, name="up_modulation")
        self.refine = make_convolution(channels, 4 if upsample else 1, self, "refine")
        self.refine_modulation = Modulation(channels, dtype=self.dtype_policy, name="refine_modulation")
        self.shortcut = make_convolution(channels, 1, self, "shortcut")

    def build(self, width: int, depth: int) -> None:
        self.up.build((None, None, width))
        self.up_modulation.build(depth)
        self.refine.build((None, None, self.channels))
        self.refine_modulation.build(depth)
        self.shortcut.build((None, None, width // 2 if self.upsample else width))

    def call(self, x: Tensor, coordinates: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """`[B, T, K]` to `[B, 2T, K']`, with coordinates `[B, 2T, 2D]` and two noises `[B, 2T, 1]`."""
        y = self.up_modulation(self.up(x), coordinates, noise[0]) * ROOT_HALF  # [B, 2T, K']
        y = self.refine_modulation(self.refine(y), coordinates, noise[1]) * ROOT_HALF
        around = move_channels_to_time(x) if self.upsample else x  # [B, 2T, K/2]
        return y + self.shortcut(around)


class Generator(SeededNetwork):
    """Coordinates `[B, L/2, 2D]` and noise to latents `[B, L/2, C]`, float32. Noise has no effect at first."""

    def _make_layers(self) -> None:
        c, policy = self.config.base_channels, self.dtype_policy
        self.start = keras.layers.Dense(4 * 7 * c, kernel_initializer="zeros", dtype=policy, name="start")
        self.start_modulation = Modulation(7 * c, dtype=policy, name="start_modulation")
        self.blocks = [  # weights in checkpoints call them stages
            GeneratorBlock(k * c, upsample=not (self.config.small and k == 6), dtype=policy, name=f"stage_{number}")
            for number, k in enumerate((6, 5, 4, 3), start=1)
        ]
        self.last_up = make_upsampling_convolution(2 * c, self, "last_up")
        self.last_modulation = Modulation(2 * c, dtype=policy, name="last_modulation")
        self.out = make_convolution(self.config.channels, 4, self, "out")

    @property
    def noise_lengths(self) -> list[int]:
        """Steps of each noise layer, in the order that `call` takes them."""
        return list_noise_lengths(self.config)

    def build(self) -> None:
        depth, width = 2 * self.config.coordinate_depth, 7 * self.config.base_channels
        self.start.build((None, 2 * depth))
        self.start_modulation.build(depth)
        for block in self.blocks:
            block.build(width, depth)
            width = block.channels
        self.last_up.build((None, None, width))
        self.last_modulation.build(depth)
        self.out.build((None, None, 2 * self.config.base_channels))

    def call(self, coordinates: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Latents of half-windows.

        Args:
            coordinates: `[B, L/2, 2D]`.
            noise: standard normal `[B, t, 1]` for each t of `noise_lengths`; None is noise of zero.

        Returns:
            `[B, L/2, C]` float32, nominally in [-1, 1] but not bounded.
        """
        by_length = {coordinates.shape[1]: coordinates}  # averaged down to each length: [B, length, 2D]
        while min(by_length) > 2:
            by_length[min(by_length) // 2] = average_pairs(by_length[min(by_length)])
        lengths = self.noise_lengths
        noises = list(noise) if noise is not None else [None] * len(lengths)

        x = self.start(ops.reshape(by_length[2], (-1, 2 * by_length[2].shape[-1])))  # [B, 28c]
        x = ops.reshape(x, (-1, 4, 7 * self.config.base_channels))  # [B, 4, 7c]
        x = self.start_modulation(x, by_length[4], noises[0])
        for layer, block in zip((1, 3, 5, 7), self.blocks, strict=True):
            x = block(x, by_length[lengths[layer]], noises[layer : layer + 2])  # [B, L/4, 3c] after the last one
        x = self.last_modulation(self.last_up(x), coordinates, noises[-1])  # [B, L/2, 2c]
        return ops.cast(self.out(x), "float32")


def generate_windows(
    generate: Callable[[Tensor, Sequence[Tensor] | None], Tensor],
    coordinates: Tensor,
    noise: Sequence[Tensor] | None = None,
) -> Tensor:
    """Latents `[B, L, C]` of whole windows, by a function on half-windows.

    Args:
        generate: (coordinates `[2B, L/2, 2D]`, noise) to latents `[2B, L/2, C]`.
        coordinates: `[B, L, 2D]`.
        noise: `[2B, t, 1]` each: all first halves, then all second ones.
    """
    halves = generate(ops.concatenate(ops.split(coordinates, 2, axis=1), axis=0), noise)
    return ops.concatenate(ops.split(halves, 2, axis=0), axis=1)
