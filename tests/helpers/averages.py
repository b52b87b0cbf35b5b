"""A codec of a few lines of NumPy with the sizes of a real one, for tests of commands."""

from __future__ import annotations

import numpy as np

from musika.codec.base import Codec

RATE, HOP = 44_100, 4096


class Averages(Codec):
    """Each latent is the mean of its samples, left and right, and of those of its neighbours."""

    channels, hop_total, sample_rate, identity, block, context = 4, HOP, RATE, "averages", 8, 1

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        means = waveform.reshape(len(waveform), self.block + 2, HOP, 2).mean(axis=2)
        return np.concatenate([means[:, 1:-1], means[:, 2:] - means[:, :-2]], axis=2).astype(np.float32)

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return np.repeat(latents[:, 1:-1, :2], HOP, axis=1)
