"""Tracks that are left out in training, so that any of them may be missing afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika import draws


def choose_dropped_tracks(seed: int, sample: int, count: int, probability: float) -> np.ndarray:
    """Which of `count` tracks an example goes without, bool `[count]`: a function of the arguments alone.

    Args:
        seed: of the training.
        sample: number of the example.
        probability: that a track is left out, 0 to 1.
    """
    return draws.uniform(seed, "training/dropout", sample, (count,)) < probability


def drop_tracks(values: Sequence[np.ndarray], absent: Sequence[np.ndarray], dropped: np.ndarray) -> list[np.ndarray]:
    """The values of tracks, `[T, K]` each, with those of dropped tracks replaced by their `absent` ones.

    Args:
        values: of each track, `[T, K]`.
        absent: what each track says where nothing is known, `[K]`.
        dropped: which tracks are left out, bool, one for each.
    """
    return [
        np.broadcast_to(unknown, given.shape) if left_out else given
        for given, unknown, left_out in zip(values, absent, dropped, strict=True)
    ]
