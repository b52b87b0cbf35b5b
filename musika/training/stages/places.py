"""Where examples are cropped: every place in every file is as likely as any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika import draws


def count_places(lengths: Sequence[int], window: int) -> np.ndarray:
    """Number of examples of `window` latents in all files up to and including each one, `[files]`."""
    return np.cumsum([length - window + 1 for length in lengths])


def choose_place(ends: np.ndarray, seed: int, sample: int) -> tuple[int, int]:
    """File and offset of an example, a function of seed and example number.

    Args:
        ends: as `count_places` gives them.
    """
    number = int(draws.integers(seed, "training/window", sample, 1)[0]) % int(ends[-1])
    file = int(np.searchsorted(ends, number, side="right"))
    return file, number - (int(ends[file - 1]) if file else 0)
