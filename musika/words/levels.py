"""Levels of the scales that words act on, as musical settings."""

from __future__ import annotations

import bisect

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
    index = min(max(bisect.bisect_right(_TEMPI, level, key=lambda point: point[0]) - 1, 0), len(_TEMPI) - 2)
    (low, slow), (high, fast) = _TEMPI[index : index + 2]
    return slow + (fast - slow) * (level - low) / (high - low)
