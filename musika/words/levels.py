"""Levels of the scales that words act on, as musical settings."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from musika.config.musical.levels import ARTICULATIONS, DENSITIES, DYNAMICS, REGISTERS, format_level, name_level

# beats a minute of the levels of `tempo`
_TEMPI = ((-2.0, 42), (-1.5, 50), (-1.0, 64), (-0.5, 82), (0.0, 100), (0.5, 120), (1.0, 144), (1.5, 172), (2.0, 196))
_DYNAMICS = (-2.0, -1.5, -1.0, -0.45, 0.4, 1.0, 1.5, 2.0)  # levels of the eight marks
_MARKS = dict(zip(_DYNAMICS, DYNAMICS, strict=True))
_CHANGE = 60  # seconds that a change takes
BANDS = ("dynamics", "register")  # may be asked for as a band
LEVELS = ("tempo", "dynamics", "density", "register", "articulation")


def describe_level(scale: str, level: float) -> str:
    """The text of the setting that a level of its scale means."""
    level = min(max(level, -2.0), 2.0)
    if scale == "tempo":
        return str(round(_interpolate(level)))
    if scale == "dynamics":
        return _MARKS[min(_MARKS, key=lambda other: abs(other - level))]
    if scale == "density":
        return format_level(round(min(max(0.5 + 0.35 * level, 0.0), 1.0), 2), DENSITIES)
    if scale == "register":
        return format_level(float(round(60 + 12 * level)), REGISTERS)
    return name_level({True: 1 + 0.3 * level, False: 1 + 0.6 * level}[level > 0], ARTICULATIONS)


def measure_level(scale: str, value: float) -> float:
    """The level, -2 to 2, of a value: the inverse of `describe_level`.

    Args:
        scale: one of LEVELS.
        value: beats a minute, velocity over 127, density from 0 to 1, mean MIDI key, or share of the written lengths.
    """
    if scale == "tempo":
        level = _interpolate_between([(float(tempo), level) for level, tempo in _TEMPI], value)
    elif scale == "dynamics":
        level = _interpolate_between(list(zip(DYNAMICS.values(), _DYNAMICS, strict=True)), value)
    elif scale == "density":
        level = (value - 0.5) / 0.35
    elif scale == "register":
        level = (value - 60.0) / 12.0
    else:
        level = (value - 1.0) / (0.3 if value > 1.0 else 0.6)
    return min(max(level, -2.0), 2.0)


def describe_change(scale: str, level: float | None, change: float) -> str:
    """The text of a setting that rises or falls in the first minute.

    Args:
        scale: `tempo`, `dynamics` or `density`.
        level: where it begins; None where nothing is said.
        change: its direction.
    """
    step = 1.0 if change > 0 else -1.0
    begin = -step if level is None else level
    end = min(max(begin + 2 * step, -2.0), 2.0)
    return f"0:00={describe_level(scale, begin)}, {_CHANGE // 60}:00={describe_level(scale, end)}"


def _interpolate(level: float) -> float:
    """Beats a minute of a level from -2 to 2."""
    return _interpolate_between(_TEMPI, level)


def _interpolate_between(points: Sequence[tuple[float, float]], place: float) -> float:
    """The value at a place, by straight lines between points; beyond the ends, as the nearest two go on."""
    index = min(max(bisect.bisect_right(points, place, key=lambda point: point[0]) - 1, 0), len(points) - 2)
    (low, first), (high, second) = points[index : index + 2]
    return first + (second - first) * (place - low) / (high - low)
