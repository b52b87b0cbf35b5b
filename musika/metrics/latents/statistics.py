"""Statistics of latents: are they bounded, of unit scale and smooth, as a generator needs them?

For the values z[t] of one of the C numbers: mean m, standard deviation s, saturation (the share with |z| > 0.99) and
autocorrelation at a lag of k latents, the mean of (z[t] - m)(z[t+k] - m) over s², with m and s of all pieces and
products within a piece: 1 for a constant, 0 for noise. A generator learns best without saturation, from deviations of
similar size and from autocorrelations that fall slowly. The autocorrelation of a constant number is NaN.
"""

from __future__ import annotations

import dataclasses

import numpy as np

LAGS = (1, 2, 4, 8, 16)  # latents
SATURATED = 0.99
MIN_DEVIATION = 1e-6  # less is a constant number


@dataclasses.dataclass(frozen=True)
class LatentStatistics:
    """Statistics of each number, `[C]`; autocorrelation `[len(LAGS), C]`."""

    count: int
    mean: np.ndarray
    deviation: np.ndarray
    saturation: np.ndarray
    autocorrelation: np.ndarray

    def summarize(self) -> dict[str, float]:
        """Figures over all numbers of a latent; `autocorrelation_k` leave out constant numbers."""
        figures = {
            "largest_mean": float(np.abs(self.mean).max()),
            "mean_deviation": float(self.deviation.mean()),
            "smallest_deviation": float(self.deviation.min()),
            "largest_deviation": float(self.deviation.max()),
            "saturation": float(self.saturation.mean()),
            "largest_saturation": float(self.saturation.max()),
        }
        for lag, values in zip(LAGS, self.autocorrelation, strict=True):
            defined = values[np.isfinite(values)]
            figures[f"autocorrelation_{lag}"] = float(defined.mean()) if defined.size else float("nan")
        return figures


class StatisticsSum:
    """Sums over pieces that are added one by one."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.sums, self.squares, self.saturated = (np.zeros(channels) for _ in range(3))
        # of pairs z[t], z[t+k]: their number, the sums of first and second, the sum of products
        self.pairs = np.zeros(len(LAGS), int)
        self.firsts, self.seconds, self.products = (np.zeros((len(LAGS), channels)) for _ in range(3))

    def add(self, latents: np.ndarray) -> None:
        """Adds one piece `[T, C]`."""
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

    def compute(self) -> LatentStatistics:
        """The statistics of all latents so far.

        Raises:
            ValueError: there are none.
        """
        if not self.count:
            raise ValueError("statistics of no latents")
        mean = self.sums / self.count
        variance = np.maximum(0, self.squares / self.count - mean**2)
        pairs = np.maximum(1, self.pairs)[:, None]
        covariance = (self.products - mean * (self.firsts + self.seconds)) / pairs + mean**2
        with np.errstate(divide="ignore", invalid="ignore"):
            autocorrelation = np.where(variance > MIN_DEVIATION**2, covariance / variance, np.nan)
        autocorrelation[self.pairs == 0] = np.nan
        return LatentStatistics(self.count, mean, np.sqrt(variance), self.saturated / self.count, autocorrelation)
