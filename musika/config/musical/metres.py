"""Metres: `3/4`."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction

from musika.errors import ConfigError

METRE = re.compile(r"(\d{1,2})\s*/\s*(\d{1,2})")
DENOMINATORS = (1, 2, 4, 8, 16)
MOST_BEATS = 32


@dataclasses.dataclass(frozen=True)
class Metre:
    """A time signature.

    Attributes:
        numerator: number of its notes in a bar.
        denominator: which note: 4 is a quarter note.
    """

    numerator: int
    denominator: int

    @property
    def bar_length(self) -> Fraction:
        """Quarter notes in a bar."""
        return Fraction(4 * self.numerator, self.denominator)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


COMMON_TIME = Metre(4, 4)


def parse_metre(text: str) -> Metre:
    """The metre that a text names.

    Raises:
        ConfigError: it names none.
    """
    match = METRE.fullmatch(text.strip())
    metre = None if match is None else Metre(int(match[1]), int(match[2]))
    if metre is None or not 1 <= metre.numerator <= MOST_BEATS or metre.denominator not in DENOMINATORS:
        raise ConfigError(f"{text.strip()!r} is no metre: say beats and the note that a beat is, such as 3/4 or 6/8")
    return metre
