"""Windows of a loop that see its seam, where the length of the loop is no multiple of a window.

Latents go around before they reach the decoder. Two things in it depend on absolute position and have to go around as
well: the cells in which phases of tones add up, and the random phases of frames. Cells begin at multiples of
`phase_cell` from the beginning of the loop, so the last one of each turn may be shorter.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np


@dataclasses.dataclass(frozen=True)
class SeamWindow:
    """A window with a seam in it.

    Attributes:
        first: number of its first latent in the loop, from 0 on.
        size: latents in it.
        period: latents in the loop.
    """

    first: int
    size: int
    period: int

    @property
    def numbers(self) -> np.ndarray:
        """The number of each latent in the loop, int `[size]`."""
        return (self.first + np.arange(self.size)) % self.period

    def count_frames(self, frames: int) -> np.ndarray:
        """The number of each frame in the loop, int32 `[size frames]`, with so many frames in a latent."""
        return (self.numbers[:, None] * frames + np.arange(frames)).ravel().astype(np.int32)

    def split_cells(self, cell: int, begin: int, end: int) -> list[tuple[int, int, int]]:
        """The cells of latents `begin` to `end` of the window, as runs (begin, end, latents in each cell).

        Those at either end may be parts of cells.
        """
        borders = [n for n in range(begin + 1, end) if self.numbers[n] % cell == 0]
        cells = list(itertools.pairwise([begin, *borders, end]))
        runs = []
        for length, run in itertools.groupby(cells, lambda ends: ends[1] - ends[0]):
            parts = list(run)
            runs.append((parts[0][0], parts[-1][1], length))
        return runs


def find_seam_window(number: int, block: int, context: int, period: int) -> SeamWindow | None:
    """Window `number` of a loop, if it has to be treated as one with a seam; None for all others.

    Args:
        number: it covers latents number block - context to (number + 1) block + context.
        period: latents in the loop.
    """
    first, size = number * block - context, block + 2 * context
    if period % block == 0 or number * block >= period:  # the latter are not part of the loop
        return None
    if first >= 0 and first + size <= period:
        return None
    return SeamWindow(first % period, size, period)
