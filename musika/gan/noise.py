"""The generator's noise: one normal number for each step and noise layer, by seed and position. NumPy only."""

from __future__ import annotations

import numpy as np

from musika import draws
from musika.config import GeneratorConfig

BLOCKS = 5  # of the generator, each twice as long as the one before; `small` keeps the first one's length


def list_noise_lengths(config: GeneratorConfig) -> list[int]:
    """Steps of each noise layer of a half-window, in order: one at the start, two a block, one in the last block."""
    steps = [config.half_window >> (BLOCKS - 1 - n) for n in range(BLOCKS)]
    return [4, *(length for length in steps[:-1] for _ in range(2)), steps[-1]]


def draw_rendering_noise(config: GeneratorConfig, seed: int, start: int, count: int) -> list[np.ndarray]:
    """Noise of the half-windows `start` ... `start + count` of a piece: `[count, t, 1]` float32 for each layer."""
    return [
        np.stack([draws.normal(seed, f"noise/{layer}", j, (steps, 1)) for j in range(start, start + count)])
        for layer, steps in enumerate(list_noise_lengths(config))
    ]


def draw_training_noise(config: GeneratorConfig, seed: int, position: int, bs: int) -> list[np.ndarray]:
    """Noise of a batch of `bs` windows that begins after `position` samples: `[2 bs, t, 1]` float32 for each layer.

    All first halves of the windows come before all second ones, as `generator.generate_windows` takes them.
    """
    lengths = list_noise_lengths(config)
    ends = np.cumsum(lengths)
    samples = range(position, position + bs)
    drawn = np.stack([draws.normal(seed, "training/noise", i, (2, int(ends[-1]), 1)) for i in samples], axis=1)
    drawn = drawn.reshape(2 * bs, int(ends[-1]), 1)
    return np.split(drawn, ends[:-1], axis=1)
