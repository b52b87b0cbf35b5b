"""How loud a recording is for its notes: one number, the same for the whole piece."""

from __future__ import annotations

import numpy as np

TYPICAL = -18.0  # dB; what rendered pairs have on average
SPREAD = 10.0  # dB that are one unit


class LoudnessTrack:
    """The level of a piece, (dB - TYPICAL) / SPREAD.

    The level is the power of the audio less what its notes suggest, as `tools.data.render_pairs` measures it. Where it
    is not known, it counts as typical.
    """

    name = "loudness"
    width = 1

    def __init__(self, level: float | None) -> None:
        """Takes the level in dB; None where it is not known."""
        self.absent = np.zeros(1, np.float32)
        self._value = np.float32(0.0 if level is None else (level - TYPICAL) / SPREAD)

    def compute(self, first: int, count: int) -> np.ndarray:
        """The level, float32 `[count, 1]`."""
        del first
        return np.full((count, 1), self._value)
