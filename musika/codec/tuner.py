"""The tuner: a small network that tells from latents how far the tone of each tuned bin is away.

It runs at the latents' rate, apart from the decoder. Where phases add up (`phases.py`) it also tells how loud each
bin is, sees further, and gives several frequencies for each latent, since a tone may glide.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.codec.features import LOG_DEVIATION, LOG_MEAN
from musika.codec.layers import ResidualBlock
from musika.config import CodecConfig

Tensor = Any

NEAR_REACH = 2  # latents on either side that its first layer sees


class Tuner(keras.layers.Layer):
    """Latents `[B, T, C]` to what is told of the tones of the R tuned bins.

    With fixed carriers: the distance of each bin to its tone, in bins, `[B, T, R]`. With phases that add up: this
    distance for each of V = `tuner_values` parts of a latent, `[B, T, V, R]`, and the logarithm of each bin's power,
    `[B, T, R]`.
    """

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        width, policy = config.tuner_width, self.dtype_policy
        self.near = keras.layers.Conv1D(
            width, 2 * NEAR_REACH + 1, padding="same", data_format="channels_last", name="near", dtype=policy
        )
        self.far = keras.layers.Dense(width, name="far", dtype=policy)
        self.blocks = [
            ResidualBlock(width, dilation, name=f"block_{number}", dtype=policy)
            for number, dilation in enumerate(config.tuner_dilations)
        ]
        self.offset = keras.layers.Dense(config.tuner_values * config.tuned_bins, name="offset", dtype=policy)
        self.power = keras.layers.Dense(config.tuned_bins, name="power", dtype=policy) if config.phase_cell else None

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.near.build(shape)
        hidden = (*shape[:-1], self.config.tuner_width)
        for layer in (self.far, *self.blocks, self.offset, self.power):
            if layer is not None:
                layer.build(hidden)
        self.built = True

    def call(self, latents: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        hidden = ops.silu(self.far(ops.silu(self.near(latents))))  # [B, T, width]
        for block in self.blocks:
            hidden = block(hidden)
        offset = self.offset(hidden)
        if self.power is None:
            return offset
        shape = (*offset.shape[:2], self.config.tuner_values, self.config.tuned_bins)
        log_power = ops.cast(self.power(hidden), "float32") * LOG_DEVIATION + LOG_MEAN
        return ops.reshape(ops.cast(offset, "float32"), shape), log_power


def compute_reach(config: CodecConfig) -> int:
    """Latents on either side that the tuner sees."""
    return NEAR_REACH + sum(config.tuner_dilations)
