"""How audibly themes return: sections with the same theme are more alike than others.

The figure is the mean similarity of pairs of sections with the same theme, less that of pairs with different themes
(`composer/similarity.py`). A composed piece knows its themes. In a real work nobody does: there, two sections that are
more alike than SAME count as the same theme, whatever their distance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from musika.composer.similarity import compare_sections
from musika.composer.works import Work

SAME = 0.5  # similarity from which two sections of a real work count as one theme
BARS = 8


@dataclasses.dataclass(frozen=True)
class ThemeFigures:
    """Mean similarities.

    Attributes:
        same: of pairs of sections with the same theme.
        different: of the other pairs.
    """

    same: float
    different: float

    @property
    def contrast(self) -> float:
        """The difference; NaN where either is missing."""
        return self.same - self.different


def compare_themes(work: Work, themes: Sequence[int] | None = None, bars: int = BARS) -> ThemeFigures:
    """Compares the sections of a work that follow one another.

    Args:
        themes: number of the theme of each section; None decides by SAME.
        bars: of a section.
    """
    similarities = compare_sections(work, bars)[::bars, ::bars]
    rows, columns = np.triu_indices(len(similarities), 1)
    values = similarities[rows, columns]
    if themes is None:
        same = values >= SAME
    else:
        numbers = np.asarray(themes)[: len(similarities)]
        same = numbers[rows] == numbers[columns]
    return ThemeFigures(_average(values[same]), _average(values[~same]))


def average_themes(figures: Sequence[ThemeFigures]) -> ThemeFigures:
    """Means over works that have both kinds of pairs."""
    whole = [part for part in figures if np.isfinite(part.contrast)]
    return ThemeFigures(
        _average(np.array([part.same for part in whole])), _average(np.array([part.different for part in whole]))
    )


def _average(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
