"""Cycle consistency: how much latents change when they are decoded and encoded again. 0 is right.

Let z be the latents of a piece and y the latents of what is decoded from z, both without the outermost ones, which
depend on the silence beyond either end. Over all pieces:

    cycle_error = sqrt(mean of (y - z)^2) / d
    cycle_shift = sqrt(mean over the C numbers of (mean of y - z)^2) / d

where d^2 is the variance of one number of z, averaged over the numbers. An error of 1 is as large as the differences
within the music. The shift is the constant part of the error: Fréchet distances of generated music (`sets/frechet.py`)
contain it, although no listener notices it from one piece to the next.
"""

from __future__ import annotations

import numpy as np

MIN_VARIANCE = 1e-12  # of latents; with less they are constant


class CycleConsistency:
    """Sums over pieces that are added one by one.

    Args:
        channels: numbers in a latent.
        context: latents on either side that coding depends on. Decoding and encoding take that many each, so twice as
            many at either end of a piece are left out.
    """

    def __init__(self, channels: int, context: int) -> None:
        self.margin, self.count, self.squared_errors = 2 * context, 0, 0.0
        self.errors, self.sums, self.squares = (np.zeros(channels) for _ in range(3))

    def add(self, latents: np.ndarray, recoded: np.ndarray) -> None:
        """Adds one piece: its latents `[T, C]`, and those of what was decoded from them. Short pieces add nothing."""
        inside = slice(self.margin, max(self.margin, len(latents) - self.margin))
        z, y = latents[inside].astype(np.float64), recoded[inside].astype(np.float64)
        self.count += len(z)
        self.squared_errors += float(np.square(y - z).sum())
        self.errors += (y - z).sum(axis=0)
        self.sums += z.sum(axis=0)
        self.squares += np.square(z).sum(axis=0)

    def compute(self) -> dict[str, float]:
        """`cycle_error` and `cycle_shift`; {} if no latents count, or if they are constant."""
        if not self.count:
            return {}
        variance = float((self.squares / self.count - (self.sums / self.count) ** 2).mean())
        if variance <= MIN_VARIANCE:
            return {}
        error = self.squared_errors / self.count / len(self.errors)
        shift = float(np.square(self.errors / self.count).mean())
        return {"cycle_error": (error / variance) ** 0.5, "cycle_shift": (shift / variance) ** 0.5}
