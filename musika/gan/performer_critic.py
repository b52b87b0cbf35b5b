"""Critics of a performance: how real a few latents are, for the notes that they should play.

They see latents and tracks side by side, a patch of a few latents at once. So latents that sound real but play other
notes do not satisfy them.

Shapes: B pieces, T latents, C numbers in a latent, K numbers of all tracks, N patches.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from musika.config import LOCAL_FIELDS, PerformerConfig
from musika.gan.critic import LocalCritic
from musika.gan.layers import initialise, make_convolution

Tensor = Any

TRACK_CHANNELS = 64  # that the tracks of a latent are projected to


class PerformerCritic(keras.Layer):
    """Latents `[B, T, C]` and tracks `[B, T, K]` to a score of each patch, `[B, N]` float32: large for real ones.

    Args:
        config: sizes of the performer, with `track_widths`.
        width: of each critic's layers.
        window: T of the latents that it will see.
        seed: of the initial weights; None leaves them zero.
        dtype: Keras's dtype policy or its name.

    Attributes:
        score_weights: `[N]`, how much each score counts: all patches of one length together count 1.
    """

    def __init__(
        self, config: PerformerConfig, width: int, window: int, seed: int | None = 0, dtype: Any = "float32"
    ) -> None:
        super().__init__(dtype=dtype, name="performercritic")
        self.config = config
        self.project = make_convolution(TRACK_CHANNELS, 1, self, "project")
        self.local = [
            LocalCritic(config.channels + TRACK_CHANNELS, field, width, dtype=self.dtype_policy, name=f"local_{field}")
            for field in LOCAL_FIELDS
            if field <= window
        ]
        counts = [critic.count_patches(window) for critic in self.local]
        self.score_weights = np.repeat(1.0 / np.array(counts), counts).astype(np.float32)
        self.build()
        self.built = True
        if seed is not None:
            initialise(self, seed)

    def build(self) -> None:
        self.project.build((None, None, self.config.input_width))
        for critic in self.local:
            critic.build()

    def call(self, latents: Tensor, tracks: Tensor) -> Tensor:
        """`[B, T, C]` and `[B, T, K]` to `[B, N]`."""
        both = ops.concatenate([ops.cast(latents, self.compute_dtype), self.project(tracks)], axis=2)
        return ops.concatenate([critic(both) for critic in self.local], axis=1)
