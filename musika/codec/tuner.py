"""The tuner: a small network that estimates from latents the frequency of the tone in each tuned bin.

It runs at the latents' rate, apart from the decoder. Where its frequencies are summed up to phases (`phases.py`), it
also estimates the power of each bin, sees more latents, and gives several frequencies for each latent, since a tone
may glide.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.codec.features import LOG_DEVIATION, LOG_MEAN
from musika.codec.layers import ResidualBlock, make_convolution, make_dense
from musika.config import CodecConfig

Tensor = Any

NEAR_REACH = 2  # latents on either side that its first layer sees


class Tuner(keras.layers.Layer):
    """Latents `[B, T, C]` to estimates of the tones in the R tuned bins.

    With fixed carriers (`phase_cell` 0): the distance of each bin to its tone, in bins, `[B, T, R]`. Else: this
    distance for each of V = `tuner_values` parts of a latent, `[B, T, V, R]`, and the natural logarithm of each bin's
    power, `[B, T, R]`.
    """

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        width, policy = config.tuner_width, self.dtype_policy
        self.near = make_convolution(width, 2 * NEAR_REACH + 1, self, "near")
        self.far = make_dense(width, self, "far")
        self.blocks = [
            ResidualBlock(width, dilation, name=f"block_{number}", dtype=policy)
            for number, dilation in enumerate(config.tuner_dilations)
        ]
        self.offset = make_dense(config.tuner_values * config.tuned_bins, self, "offset")
        self.power = make_dense(config.tuned_bins, self, "power") if config.phase_cell else None

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
