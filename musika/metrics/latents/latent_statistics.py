"""Do latents suit a generator: bounded, roughly of unit scale, smooth? Figures of each number, and over all.

Of the values z[t] of one of the C numbers: mean m, standard deviation s, saturation (share with |z| > 0.99), and
autocorrelation at a lag of k latents, mean of (z[t] - m)(z[t+k] - m) over s², with m and s of all pieces and products
within a piece only: 1 where nothing changes, 0 for noise. A generator wants no saturation, deviations of one order, and
autocorrelations that fall slowly. A number that never changes has an autocorrelation of NaN.
"""

from __future__ import annotations

import dataclasses

import numpy as np

LAGS = (1, 2, 4, 8, 16)  # latents
SATURATED = 0.99
STILL = 1e-6  # deviation of a number that says nothing


@dataclasses.dataclass(frozen=True)
class Latents:
    """Each number's figures, `[C]`; autocorrelation `[len(LAGS), C]`."""

    count: int
    mean: np.ndarray
    deviation: np.ndarray
    saturation: np.ndarray
    autocorrelation: np.ndarray


class Statistics:
    """Takes pieces one by one and holds sums alone."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.sums, self.squares, self.saturated = (np.zeros(channels) for _ in range(3))
        # of pairs z[t], z[t+k]: their number, the sums of first and second, the sum of products
        self.pairs = np.zeros(len(LAGS), int)
        self.firsts, self.seconds, self.products = (np.zeros((len(LAGS), channels)) for _ in range(3))

    def add(self, latents: np.ndarray) -> None:
        """One piece `[T, C]`."""
        z = latents.astype(np.float64)
        self.count += len(z)
        self.sums += z.sum(axis=0)
        self.squares += (z * z).sum(axis=0)
        self.saturated += (np.abs(z) > SATURATED).sum(axis=0)
        for index, lag in enumerate(LAGS):
            if len(z) > lag:
                first, second = z[:-lag], z[lag:]
                self.pairs[index] += len(first)
                self.firsts[index] += first.sum(axis=0)
                self.seconds[index] += second.sum(axis=0)
                self.products[index] += (first * second).sum(axis=0)

    def result(self) -> Latents:
        """What they are like.

        Raises:
            ValueError: there were none.
        """
        if not self.count:
            raise ValueError("statistics of no latents")
        mean = self.sums / self.count
        variance = np.maximum(0, self.squares / self.count - mean**2)
        pairs = np.maximum(1, self.pairs)[:, None]
        covariance = (self.products - mean * (self.firsts + self.seconds)) / pairs + mean**2
        with np.errstate(divide="ignore", invalid="ignore"):
            autocorrelation = np.where(variance > STILL**2, covariance / variance, np.nan)
        autocorrelation[self.pairs == 0] = np.nan
        return Latents(self.count, mean, np.sqrt(variance), self.saturated / self.count, autocorrelation)


def evaluate(latents: Latents) -> dict[str, float]:
    """Figures over all numbers of a latent; `autocorrelation_k` are means over those that change."""
    found = {
        "largest_mean": float(np.abs(latents.mean).max()),
        "mean_deviation": float(latents.deviation.mean()),
        "smallest_deviation": float(latents.deviation.min()),
        "largest_deviation": float(latents.deviation.max()),
        "saturation": float(latents.saturation.mean()),
        "largest_saturation": float(latents.saturation.max()),
    }
    for lag, values in zip(LAGS, latents.autocorrelation, strict=True):
        known = values[np.isfinite(values)]
        found[f"autocorrelation_{lag}"] = float(known.mean()) if known.size else float("nan")
    return found
