"""Steps of training without files: random latents, noise for audio, one step after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from musika import draws

LENGTH = 4096  # latents


class RandomLatents:
    """A training set of one long file of random latents."""

    lengths = (LENGTH,)

    def __init__(self, channels: int) -> None:
        self.latents = draws.uniform(0, "benchmark", 1, (LENGTH, channels)) * 2 - 1

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents `[length, C]`."""
        return self.latents[offset : offset + length]


class RandomPairs(RandomLatents):
    """Random latents with random tracks."""

    styles = (0,)

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__(channels)
        self.widths = widths

    def compute_tracks(self, file_index: int, offset: int, length: int) -> list[np.ndarray]:
        """Tracks `[length, K]`."""
        return [draws.uniform(0, "benchmark", offset, (length, width)) for width in self.widths]

    def get_absent_values(self) -> list[np.ndarray]:
        """Of each track, `[K]`."""
        return [np.zeros(width, np.float32) for width in self.widths]

    def get_notes(self, file_index: int, offset: int, length: int) -> Any:
        """Not asked for: nothing is measured."""
        raise NotImplementedError


class NoisePool:
    """A pool of audio that is noise."""

    def crop(self, u: np.ndarray, length: int) -> np.ndarray:
        """Waveform `[length, 2]`."""
        return 0.1 * draws.normal(0, "benchmark", int(u[0] * 1000), (length, 2))


def make_stepper(stage: Any) -> Callable[[], None]:
    """A function that does the next step, on the same batch every time, and waits for its end."""
    from musika import backend

    state = stage.init_state(0)
    batch = stage.make_batch(0)

    def step() -> None:
        nonlocal state
        state, scalars = stage.step(state, batch)
        backend.to_numpy(scalars)

    return step
