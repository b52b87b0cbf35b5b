"""The tuner: a small network that tells from latents how far the tone of each tuned bin is away.

It runs at the latents' rate, apart from the decoder: a frequency that changes within a latent would be no tone.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.config import CodecConfig

Tensor = Any

WIDTH = 320  # of its hidden layers
REACH = 2  # latents on either side that it sees


class Tuner(keras.layers.Layer):
    """Latents `[B, T, C]` to the distance of each tuned bin to its tone, in bins, `[B, T, R]`."""

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        self.near = keras.layers.Conv1D(
            WIDTH, 2 * REACH + 1, padding="same", data_format="channels_last", name="near", dtype=self.dtype_policy
        )
        self.far = keras.layers.Dense(WIDTH, name="far", dtype=self.dtype_policy)
        self.offset = keras.layers.Dense(config.tuned_bins, name="offset", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.near.build(shape)
        for layer in (self.far, self.offset):
            layer.build((*shape[:-1], WIDTH))
        self.built = True

    def call(self, latents: Tensor) -> Tensor:
        hidden = ops.silu(self.near(latents))  # [B, T, WIDTH]
        return self.offset(ops.silu(self.far(hidden)))
