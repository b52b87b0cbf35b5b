"""Notes as arrays, in order of their onsets."""

from __future__ import annotations

import dataclasses

import numpy as np

PERCUSSION = 9  # the MIDI channel whose keys are drums, counted from 0


@dataclasses.dataclass(frozen=True)
class Notes:
    """Notes of a piece, ascending by onset.

    Attributes:
        onsets: seconds, float64 `[n]`.
        pitches: MIDI keys, 0 to 127, int `[n]`.
        velocities: 1 to 127, int `[n]`.
        is_drum: whether a note is of the percussion channel, bool `[n]`.
    """

    onsets: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    is_drum: np.ndarray

    def __len__(self) -> int:
        return len(self.onsets)

    def select(self, chosen: np.ndarray) -> Notes:
        """The notes where `chosen`, bool `[n]`, is True."""
        return Notes(self.onsets[chosen], self.pitches[chosen], self.velocities[chosen], self.is_drum[chosen])
