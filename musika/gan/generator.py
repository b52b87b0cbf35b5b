"""The published generator: from coordinates to latents, half a window at a time.

The two halves of a window never see each other; the critic sees them joined, and that alone teaches them to fit. So
music of any length is made of half-windows, each from its own stretch of coordinates.

All convolutions run along time. Shapes: B half-windows, L/2 latents in one, D coordinate depth, C latent channels,
c base channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from musika.config import GeneratorConfig
from musika.gan.layers import ROOT_HALF, channels_to_time, convolution, halved, initialise, lengthening
from musika.gan.noise import noise_lengths

Tensor = Any

_TINY = 1e-20  # variance below which its root has no gradient; far below what any signal has


class Modulation(keras.Layer):
    """Noise, adaptive scale (AdaIN), swish: how coordinates and chance enter each layer.

    AdaIN here is a scale alone: x over its population standard deviation along time, times a linear map of the
    coordinates of the same length. No mean is subtracted.
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
        deviation = ops.sqrt(ops.maximum(variance, _TINY)) + 1e-5
        return ops.silu(x * ops.cast(1.0 / deviation, x.dtype) * self.scale(coordinates))


class Stage(keras.Layer):
    """Twice as many steps of fewer channels: two modulated convolutions and a shortcut around them.

    Args:
        channels: K', channels that come out.
        lengthen: whether time doubles; if not, all kernels are 1 (the first stage of small generators).
    """

    def __init__(self, channels: int, lengthen: bool, **options: Any) -> None:
        super().__init__(**options)
        self.lengthen = lengthen
        self.up = lengthening(channels, self, "up") if lengthen else convolution(channels, 1, self, "up")
        self.up_modulation = Modulation(channels, dtype=self.dtype_policy, name="up_modulation")
        self.refine = convolution(channels, 4 if lengthen else 1, self, "refine")
        self.refine_modulation = Modulation(channels, dtype=self.dtype_policy, name="refine_modulation")
        self.shortcut = convolution(channels, 1, self, "shortcut")
        self.channels = channels

    def build(self, width: int, depth: int) -> None:
        self.up.build((None, None, width))
        self.up_modulation.build(depth)
        self.refine.build((None, None, self.channels))
        self.refine_modulation.build(depth)
        self.shortcut.build((None, None, width // 2 if self.lengthen else width))

    def call(self, x: Tensor, coordinates: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """`[B, T, K]` to `[B, 2T, K']`, with coordinates `[B, 2T, 2D]` and two noises `[B, 2T, 1]`."""
        y = self.up_modulation(self.up(x), coordinates, noise[0]) * ROOT_HALF
        y = self.refine_modulation(self.refine(y), coordinates, noise[1]) * ROOT_HALF
        return y + self.shortcut(channels_to_time(x) if self.lengthen else x)


class Generator(keras.Layer):
    """Coordinates `[B, L/2, 2D]` and noise to latents `[B, L/2, C]`, float32.

    Built at once, with He-uniform weights that depend on `seed` alone, and noise weights of zero.

    Args:
        config: every size.
        seed: of the initial weights; None leaves them zero, for weights that are about to be assigned.
        dtype: Keras's dtype policy or its name ("float32", "mixed_bfloat16", "mixed_float16").
    """

    def __init__(self, config: GeneratorConfig, seed: int | None = 0, dtype: Any = "float32") -> None:
        super().__init__(dtype=dtype, name="generator")
        self.config = config
        c, policy = config.base_channels, self.dtype_policy
        self.start = keras.layers.Dense(4 * 7 * c, kernel_initializer="zeros", dtype=policy, name="start")
        self.start_modulation = Modulation(7 * c, dtype=policy, name="start_modulation")
        self.stages = [
            Stage(k * c, lengthen=k < 6 or not config.small, dtype=policy, name=f"stage_{7 - k}") for k in (6, 5, 4, 3)
        ]
        self.last_up = lengthening(2 * c, self, "last_up")
        self.last_modulation = Modulation(2 * c, dtype=policy, name="last_modulation")
        self.out = convolution(config.channels, 4, self, "out")
        self.build()
        if seed is not None:
            initialise(self, seed)

    @property
    def noise_lengths(self) -> list[int]:
        """Steps of each noise layer, in the order that `call` takes them."""
        return noise_lengths(self.config)

    def build(self) -> None:
        depth, width = 2 * self.config.coordinate_depth, 7 * self.config.base_channels
        self.start.build((None, 2 * depth))
        self.start_modulation.build(depth)
        for stage in self.stages:
            stage.build(width, depth)
            width = stage.channels
        self.last_up.build((None, None, width))
        self.last_modulation.build(depth)
        self.out.build((None, None, 2 * self.config.base_channels))
        self.built = True

    def call(self, coordinates: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Latents of half-windows.

        Args:
            coordinates: `[B, L/2, 2D]`.
            noise: standard normal `[B, t, 1]` for each t of `noise_lengths`; None is noise of zero.

        Returns:
            `[B, L/2, C]` float32, nominally in [-1, 1] but not bounded.
        """
        at = {coordinates.shape[1]: coordinates}  # the coordinates averaged down to each length
        while min(at) > 2:
            at[min(at) // 2] = halved(at[min(at)])
        lengths = self.noise_lengths
        noises = list(noise) if noise is not None else [None] * len(lengths)

        x = self.start(ops.reshape(at[2], (-1, 2 * at[2].shape[-1])))
        x = ops.reshape(x, (-1, 4, 7 * self.config.base_channels))  # [B, 4, 7c]
        x = self.start_modulation(x, at[4], noises[0])
        for layer, stage in zip((1, 3, 5, 7), self.stages, strict=True):
            x = stage(x, at[lengths[layer]], noises[layer : layer + 2])
        x = self.last_modulation(self.last_up(x), coordinates, noises[-1])  # [B, L/2, 2c]
        return ops.cast(self.out(x), "float32")


def on_windows(
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
