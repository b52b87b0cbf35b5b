"""The encoder of the `stereo` codec: features of spectra in, latents out.

Residual blocks at four rates, from the spectra's to the latents', each half the one before; a dense layer and tanh.
Between two rates, two neighbouring steps are joined into one vector, which a dense layer projects to the next width.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika.codec.layers import LayerStack
from musika.config import CodecConfig

Tensor = Any


class Encoder(LayerStack):
    """Features `[B, T frames, F]` to latents `[B, T, C]` in [-1, 1], float32."""

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(config, **options)
        channels = 4 * (config.fine_bins + config.bands)
        for rate, (width, blocks) in enumerate(zip(config.encoder_widths, config.encoder_blocks, strict=True)):
            self._add_dense(f"down_{rate}" if rate else "first", width, channels)
            self._add_residual_blocks(rate, blocks, width)
            channels = 2 * width
        self._add_dense("last", config.channels, width)

    def call(self, x: Tensor, bounded: bool = True) -> Tensor:
        """Latents, or what tanh makes latents of where `bounded` is False."""
        for layer, channels in self.stack:
            if layer.name.startswith("down"):  # [B, t, width] to [B, t / 2, 2 width]
                x = ops.reshape(x, (-1, x.shape[1] // 2, channels))
            x = layer(x)
        x = ops.cast(x, "float32")  # [B, T, C]
        return ops.tanh(x) if bounded else x
