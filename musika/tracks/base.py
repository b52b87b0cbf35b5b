"""What a track is: values on the latent grid as a function of position."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Track(Protocol):
    """Something that is known about the music, `width` numbers for each latent.

    Latent number t is from second t · seconds_per_latent on. Values depend on the number of the latent alone: any range
    of numbers gives the same values, bit for bit, however it is cut.

    Attributes:
        name: its kind, such as `notes` or `notes/strings`.
        width: K, numbers for each latent.
        absent: what the track says where nothing is known, float32 `[K]`; in training, a track that is left out
            says this.
    """

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def absent(self) -> np.ndarray: ...

    def compute(self, first: int, count: int) -> np.ndarray:
        """The values of latents first ... first + count, float32 `[count, K]`.

        Args:
            first: absolute number of a latent, which may be negative or beyond the end of the music.
            count: how many, at least 0.
        """
        ...
