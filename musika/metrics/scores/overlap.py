"""How alike two sets of numbers are distributed: overlapping area and divergence of kernel densities of distances.

As L.-C. Yang and A. Lerch, "On the evaluation of generative models in music" (Neural Computing and Applications 32,
2020): the distances of each pair within the reference, and those of each pair of one generated and one reference
number, each as a kernel density. Their overlapping area is 1 where a generated number is to the reference as another
reference number is.
"""

from __future__ import annotations

import dataclasses

import numpy as np

POINTS = 1000  # of the densities' grid
MOST = 400  # numbers of a set; more are thinned out evenly


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Two densities compared.

    Attributes:
        area: overlapping area, 0 to 1.
        divergence: Kullback-Leibler divergence of the reference's density from the other, nats, at least 0.
    """

    area: float
    divergence: float


def compare_numbers(generated: np.ndarray, reference: np.ndarray) -> Overlap:
    """Compares two sets of numbers; both need two different ones at least, or the result is NaN."""
    generated, reference = _thin(generated), _thin(reference)
    if len(generated) < 2 or len(reference) < 2:
        return Overlap(np.nan, np.nan)
    rows, columns = np.triu_indices(len(reference), 1)
    within = np.abs(reference[rows] - reference[columns])
    between = np.abs(generated[:, None] - reference[None, :]).ravel()
    if within.std() == 0 or between.std() == 0:
        return Overlap(np.nan, np.nan)
    widths = _choose_width(within), _choose_width(between)
    low = min(within.min(), between.min()) - 4 * max(widths)
    high = max(within.max(), between.max()) + 4 * max(widths)
    grid = np.linspace(low, high, POINTS)
    one, other = _estimate_density(within, widths[0], grid), _estimate_density(between, widths[1], grid)
    step = grid[1] - grid[0]
    area = float(np.minimum(one, other).sum() * step)
    tiny = 1e-12
    divergence = float(np.sum(one * np.log((one + tiny) / (other + tiny))) * step)
    return Overlap(min(area, 1.0), max(divergence, 0.0))


def _thin(numbers: np.ndarray) -> np.ndarray:
    numbers = np.asarray(numbers, float)
    return numbers[np.linspace(0, len(numbers) - 1, MOST).astype(int)] if len(numbers) > MOST else numbers


def _choose_width(numbers: np.ndarray) -> float:
    """Scott's rule: the standard deviation times n^(-1/5)."""
    return float(numbers.std() * len(numbers) ** -0.2)


def _estimate_density(numbers: np.ndarray, width: float, grid: np.ndarray) -> np.ndarray:
    """A Gaussian kernel density at the points of a grid, from a histogram as fine as the grid."""
    step = grid[1] - grid[0]
    edges = np.append(grid - step / 2, grid[-1] + step / 2)
    counts = np.histogram(numbers, edges)[0] / len(numbers)
    reach = np.arange(-(len(grid) - 1), len(grid)) * step
    kernel = np.exp(-0.5 * np.square(reach / width)) / (width * np.sqrt(2 * np.pi))
    size = len(grid) + len(kernel) - 1
    spectrum = np.fft.rfft(counts, size) * np.fft.rfft(kernel, size)
    return np.maximum(np.fft.irfft(spectrum, size)[len(grid) - 1 : 2 * len(grid) - 1], 0.0)
