"""The performer: from tracks, what is known about the music, to latents. It plays the notes that it is given.

    tracks [B, T, K] ──dense──▶ [B, T, W] ──blocks──▶ [B, T, W] ──dense──▶ latents [B, T, C]
                                              ▲
                                    style [B, S]

Everything happens at latent rate. A block is a residual branch: normalise, convolve with a dilation, GELU, dense. An
output depends on `PerformerConfig.context` latents on either side, so a window with that much context gives the same
latents as the whole piece.

A style says what notes do not: which instrument plays, in which room. It is an embedding that is learned for each
group of training files with one sound, and it scales and shifts the channels of every block, as in FiLM (Perez et al.
2018). Noise can say what neither tells.

Shapes: B pieces, T latents, K numbers of all tracks, W width, S numbers in a style, Z of noise, C in a latent.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika import draws
from musika.config import PerformerConfig
from musika.gan.layers import draw_he_uniform, make_convolution

Tensor = Any

BRANCH_SCALE = 0.5  # of the last layer's initial weights in each residual branch
EMBEDDING_DEVIATION = 0.3  # of the initial styles


class PerformerBlock(keras.Layer):
    """A residual branch over a dilated convolution.

    Args:
        config: sizes.
        dilation: latents between two taps of the convolution.
    """

    def __init__(self, config: PerformerConfig, dilation: int, **options: Any) -> None:
        super().__init__(**options)
        self.config, policy = config, self.dtype_policy
        self.norm = keras.layers.LayerNormalization(dtype=policy, name="norm")
        self.modulation = make_convolution(2 * config.width, 1, self, "modulation") if config.style_size else None
        self.convolution = keras.layers.Conv1D(
            config.width,
            config.kernel,
            dilation_rate=dilation,
            padding="same",
            data_format="channels_last",
            kernel_initializer="zeros",
            dtype=policy,
            name="convolution",
        )
        self.out = make_convolution(config.width, 1, self, "out")

    def build(self) -> None:
        for layer in (self.norm, self.convolution, self.out):
            layer.build((None, None, self.config.width))
        if self.modulation is not None:
            self.modulation.build((None, None, self.config.style_size))

    def call(self, x: Tensor, style: Tensor | None) -> Tensor:
        """`[B, T, W]` and a style `[B, 1, S]` to `[B, T, W]`."""
        y = self.norm(x)
        if self.modulation is not None:
            scale, shift = ops.split(self.modulation(style), 2, axis=-1)  # [B, 1, W] each
            y = y * (1.0 + scale) + shift
        return x + self.out(ops.gelu(self.convolution(y), approximate=True))


class Performer(keras.Layer):
    """Tracks `[B, T, K]` and styles `[B, S]` to latents `[B, T, C]` float32.

    Args:
        config: sizes, with `track_widths`.
        seed: of the initial weights; None leaves them zero, for weights that are about to be assigned.
        dtype: Keras's dtype policy or its name.
    """

    def __init__(self, config: PerformerConfig, seed: int | None = 0, dtype: Any = "float32") -> None:
        super().__init__(dtype=dtype, name="performer")
        self.config, policy = config, self.dtype_policy
        self.first = make_convolution(config.width, 1, self, "first")
        self.noise = make_convolution(config.width, 1, self, "noise") if config.noise_size else None
        self.blocks = [
            PerformerBlock(config, dilation, dtype=policy, name=f"block_{number}")
            for number, dilation in enumerate(config.dilations, 1)
        ]
        self.norm = keras.layers.LayerNormalization(dtype=policy, name="norm")
        self.hidden = make_convolution(config.width, 1, self, "hidden")
        self.out = make_convolution(config.channels, 1, self, "out")
        self.build()
        self.built = True
        if seed is not None:
            initialise(self, seed)

    def build(self) -> None:
        config = self.config
        if config.style_size:
            self.styles = self.add_weight(shape=(config.styles, config.style_size), initializer="zeros", name="styles")
        self.first.build((None, None, config.input_width))
        if self.noise is not None:
            self.noise.build((None, None, config.noise_size))
        for block in self.blocks:
            block.build()
        for layer in (self.norm, self.hidden, self.out):
            layer.build((None, None, config.width))

    def call(self, tracks: Tensor, style: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """Latents.

        Args:
            tracks: `[B, T, K]`, all tracks side by side.
            style: `[B, S]`; not read where `style_size` is 0.
            noise: standard normal `[B, T, Z]`; not read where `noise_size` is 0.

        Returns:
            `[B, T, C]` float32, nominally in [-1, 1] but not bounded.
        """
        x = self.first(tracks)  # [B, T, W]
        if self.noise is not None:
            x = x + self.noise(noise)
        along_time = None if style is None else style[:, None]  # [B, 1, S]
        for block in self.blocks:
            x = block(x, along_time)
        x = ops.gelu(self.hidden(self.norm(x)), approximate=True)
        return ops.cast(self.out(x), "float32")


def initialise(network: Performer, seed: int) -> None:
    """Gives every weight of a built performer its initial value, a function of seed and the weight's path alone.

    Kernels are He-uniform, those that end a residual branch smaller. Styles begin different from each other, and
    modulations at zero, so that all styles sound the same at first.
    """
    for variable in network.trainable_variables:
        path, shape = variable.path, tuple(variable.shape)
        if path.endswith("/modulation/kernel"):
            variable.assign(0.0 * variable)
        elif variable.name == "kernel":
            scale = BRANCH_SCALE if path.endswith("/out/kernel") else 1.0
            variable.assign(scale * draw_he_uniform(seed, f"weights/{path}", shape))
        elif variable.name == "styles":
            variable.assign(EMBEDDING_DEVIATION * draws.normal(seed, f"weights/{path}", 0, shape))
