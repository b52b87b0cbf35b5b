"""Tracks that are left out in training, so that any of them may be missing afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika import draws


def choose_dropped(seed: int, sample: int, count: int, probability: float) -> np.ndarray:
    """Which of `count` tracks an example goes without, bool `[count]`: a function of the arguments alone.

    Args:
        seed: of the training.
        sample: number of the example.
        probability: that a track is left out, 0 to 1.
    """
    return draws.uniform(seed, "training/dropout", sample, (count,)) < probability


def drop_tracks(values: Sequence[np.ndarray], absent: Sequence[np.ndarray], dropped: np.ndarray) -> list[np.ndarray]:
    """The values of tracks, `[T, K]` each, where those that are dropped say what they say when nothing is known."""
    return [
        np.broadcast_to(unknown, given.shape) if left_out else given
        for given, unknown, left_out in zip(values, absent, dropped, strict=True)
    ]
