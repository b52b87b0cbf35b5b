"""Chance inside the generator: one normal number a step and noise layer, by seed and position. NumPy only."""

from __future__ import annotations

import numpy as np

from musika import draws
from musika.config import GeneratorConfig

STAGES = 5  # of the generator, each twice as long as the one before; `small` keeps the first one's length


def noise_lengths(config: GeneratorConfig) -> list[int]:
    """Steps of each noise layer of a half-window, in order: one at the start, two a stage, one in the last stage."""
    stages = [config.half_window >> (STAGES - 1 - n) for n in range(STAGES)]
    return [4, *(steps for steps in stages[:-1] for _ in range(2)), stages[-1]]


def rendering_noise(config: GeneratorConfig, seed: int, start: int, count: int) -> list[np.ndarray]:
    """Noise of the half-windows `start` ... `start + count` of a piece: `[count, t, 1]` float32 for each layer."""
    return [
        np.stack([draws.normal(seed, f"noise/{layer}", j, (steps, 1)) for j in range(start, start + count)])
        for layer, steps in enumerate(noise_lengths(config))
    ]


def training_noise(config: GeneratorConfig, seed: int, position: int, bs: int) -> list[np.ndarray]:
    """Noise of a batch of `bs` windows that begins after `position` samples: `[2 bs, t, 1]` float32 for each layer.

    All first halves of the windows come before all second ones, as `generator.on_windows` takes them.
    """
    lengths = noise_lengths(config)
    ends = np.cumsum(lengths)
    samples = range(position, position + bs)
    drawn = np.stack([draws.normal(seed, "training/noise", i, (2, int(ends[-1]), 1)) for i in samples], axis=1)
    drawn = drawn.reshape(2 * bs, int(ends[-1]), 1)
    return np.split(drawn, ends[:-1], axis=1)
