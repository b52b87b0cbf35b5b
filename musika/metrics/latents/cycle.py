"""Does what was decoded sound to the encoder as the original did? Latents of it beside those it was decoded from.

With z the latents of a piece, y those of what is decoded from z, and both less the outermost ones, which silence beyond
either end changes, over all pieces:

    cycle_error = sqrt(mean of (y - z)^2) / d
    cycle_shift = sqrt(mean over the C numbers of (mean of y - z)^2) / d

where d^2 is the variance of a number of z, mean over numbers. An error of 1 is as large as the differences within the
music. The shift is the part of it that is always the same: what music's distances to generated music
(`metrics/frechet.py`) would count, though no listener hears it from one piece to the next.
"""

from __future__ import annotations

import numpy as np


class Cycle:
    """Takes pieces one by one and holds sums alone.

    Args:
        channels: numbers in a latent.
        context: latents on either side that coding depends on. It is done twice, so twice as many at either end of a
            piece do not count.
    """

    def __init__(self, channels: int, context: int) -> None:
        self.ends, self.count, self.squares = 2 * context, 0, 0.0
        self.sums, self.own_sums, self.own_squares = (np.zeros(channels) for _ in range(3))

    def add(self, latents: np.ndarray, again: np.ndarray) -> None:
        """One piece: latents `[T, C]`, and those of what was decoded from them. Short ones have nothing that counts."""
        inside = slice(self.ends, max(self.ends, len(latents) - self.ends))
        z, y = latents[inside].astype(np.float64), again[inside].astype(np.float64)
        self.count += len(z)
        self.squares += float(np.square(y - z).sum())
        self.sums += (y - z).sum(axis=0)
        self.own_sums += z.sum(axis=0)
        self.own_squares += np.square(z).sum(axis=0)

    def result(self) -> dict[str, float]:
        """`cycle_error` and `cycle_shift`; {} where nothing counted or latents never change."""
        if not self.count:
            return {}
        variance = float((self.own_squares / self.count - (self.own_sums / self.count) ** 2).mean())
        if variance <= 1e-12:
            return {}
        error = self.squares / self.count / len(self.sums)
        shift = float(np.square(self.sums / self.count).mean())
        return {"cycle_error": (error / variance) ** 0.5, "cycle_shift": (shift / variance) ** 0.5}
