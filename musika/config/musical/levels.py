"""Density, dynamics, register and articulation: numbers that musicians have names for."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping

from musika.config.musical.curves import Band, Curve, format_number, format_timeline, parse_timeline
from musika.errors import ConfigError

MARKS = ("ppp", "pp", "p", "mp", "mf", "f", "ff", "fff")
# velocities of MIDI over 127
DYNAMICS = {mark: (8 + 16 * n) / 127 for n, mark in enumerate(MARKS)}
DENSITIES = {"sparse": 0.15, "medium": 0.5, "dense": 0.85}
REGISTERS = {"low": 48.0, "mid": 60.0, "high": 72.0}  # mean MIDI key
ARTICULATIONS = {"staccato": 0.4, "detached": 0.7, "normal": 1.0, "legato": 1.3}  # of the written lengths
# notes that begin in a beat (quarter note) at densities 0 to 1; between them it follows straight lines
DENSITY_STEPS = (0.6, 0.9, 1.4, 2.0, 2.7, 3.5, 4.6, 6.2, 8.0)


def get_notes_per_beat(density: float) -> float:
    """How many notes begin in a beat at a density of 0 to 1."""
    place = min(max(density, 0.0), 1.0) * (len(DENSITY_STEPS) - 1)
    index = min(int(place), len(DENSITY_STEPS) - 2)
    low, high = DENSITY_STEPS[index : index + 2]
    return low + (high - low) * (place - index)


def get_density(notes_per_beat: float) -> float:
    """The density, 0 to 1, of a number of notes in a beat: the inverse of `get_notes_per_beat`."""
    index = min(max(bisect.bisect_right(DENSITY_STEPS, notes_per_beat) - 1, 0), len(DENSITY_STEPS) - 2)
    low, high = DENSITY_STEPS[index : index + 2]
    return min(max((index + (notes_per_beat - low) / (high - low)) / (len(DENSITY_STEPS) - 1), 0.0), 1.0)


def name_level(value: float, names: Mapping[str, float]) -> str:
    """The name that is nearest to a value."""
    return min(names, key=lambda name: abs(names[name] - value))


def parse_level(text: str, names: Mapping[str, float], low: float, high: float) -> float:
    """A level by its name or as a number.

    Raises:
        ConfigError: it is neither, or out of range.
    """
    word = text.strip().lower()
    if word in names:
        return names[word]
    understood = f"say {', '.join(names)} or a number from {format_number(low)} to {format_number(high)}"
    try:
        value = float(word)
    except ValueError:
        raise ConfigError(f"{text.strip()!r} is not understood: {understood}") from None
    if not low <= value <= high:
        raise ConfigError(f"{text.strip()} is out of range: {understood}")
    return value


def format_level(value: float, names: Mapping[str, float]) -> str:
    """The name of a level that has one, else its number."""
    return next((name for name, level in names.items() if abs(level - value) < 1e-9), format_number(value))


def parse_curve(text: str, parse_value: Callable[[str], float]) -> Curve:
    """One number, or numbers by time.

    Raises:
        ConfigError: as `parse_timeline` says.
    """
    return Curve(parse_timeline(text, parse_value))


def parse_band(text: str, parse_value: Callable[[str], float]) -> Band:
    """One level, two with `..` between them, or either by time.

    Raises:
        ConfigError: as `parse_timeline` says, or the second of two is lower.
    """

    def parse_pair(part: str) -> tuple[float, float]:
        first, dots, last = part.partition("..")
        low = parse_value(first)
        high = parse_value(last) if dots else low
        if high < low:
            raise ConfigError(f"{part!r}: say the lower one first, such as {last.strip()}..{first.strip()}")
        return low, high

    points = parse_timeline(text, parse_pair)
    low, high = (Curve(tuple((time, pair[n]) for time, pair in points)) for n in range(2))
    return Band(low, high)


def format_band(band: Band, format_value: Callable[[float], str]) -> str:
    """The text that `parse_band` reads as this band."""
    pairs = [(time, (low, high)) for (time, low), high in zip(band.low.points, band.high.values, strict=True)]
    return format_timeline(
        pairs, lambda pair: f"{format_value(pair[0])}" + (f"..{format_value(pair[1])}" if pair[0] != pair[1] else "")
    )
