"""Values that change over a piece: `0:00=90, 1:00=120`, or two columns of a CSV file.

A curve is a straight line between its points, and constant before the first and after the last. So its value, its
integral and the inverse of the integral at any second are closed formulas, whatever second was asked for before.
"""

from __future__ import annotations

import bisect
import csv
import dataclasses
import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from musika.errors import ConfigError
from musika.files import describe_error, format_path

T = TypeVar("T")
MOST_POINTS = 1000
MOST_BYTES = 1 << 20  # of a CSV file
LATEST = 360_000.0  # seconds: 100 hours
TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)|(\d{1,6}(?:\.\d+)?)\s*s?)")


@dataclasses.dataclass(frozen=True)
class Timeline(Generic[T]):
    """Values that hold from a time on, until the next. The first also holds before its time.

    Attributes:
        points: seconds, ascending, and the value from there on; one at least.
    """

    points: tuple[tuple[float, T], ...]

    def get_value(self, seconds: float) -> T:
        """What holds at a second."""
        return self.points[max(bisect.bisect_right(self.points, seconds, key=lambda point: point[0]) - 1, 0)][1]

    @property
    def values(self) -> tuple[T, ...]:
        """The values in order of time."""
        return tuple(value for _, value in self.points)

    @property
    def is_constant(self) -> bool:
        """Whether one value holds everywhere."""
        return all(value == self.points[0][1] for _, value in self.points)


class Curve(Timeline[float]):
    """A number that moves along straight lines between its points. Two points of one time are a jump."""

    def get_value(self, seconds: float) -> float:
        """The number at a second."""
        after = bisect.bisect_right(self.points, seconds, key=lambda point: point[0])
        if after in (0, len(self.points)):
            return self.points[max(after - 1, 0)][1]
        (begin, first), (end, last) = self.points[after - 1 : after + 1]
        return first + (last - first) * (seconds - begin) / (end - begin)

    def integrate(self, seconds: float) -> float:
        """The integral from 0 to a second. Of a tempo in beats a second, it is the beat at that second."""
        after = bisect.bisect_right(self.points, seconds, key=lambda point: point[0])
        if after == 0:
            return self.points[0][1] * seconds
        begin, first = self.points[after - 1]
        return self._sums[after - 1] + (seconds - begin) * (first + self.get_value(seconds)) / 2

    def find_second(self, integral: float) -> float:
        """Where the integral reaches a value, seconds: the inverse of `integrate`, for a curve of positive numbers."""
        after = bisect.bisect_right(self._sums, integral)
        if after == 0:
            return integral / self.points[0][1]
        begin, first = self.points[after - 1]
        rest = integral - self._sums[after - 1]
        if after == len(self._sums):
            return begin + rest / first
        end, last = self.points[after]
        slope = (last - first) / (end - begin)
        # rest = first t + slope t^2 / 2, solved without a difference of near numbers
        return begin + 2 * rest / (first + math.sqrt(max(first * first + 2 * slope * rest, 0.0)))

    def scale(self, factor: float) -> Curve:
        """The same curve, times a factor."""
        return Curve(tuple((time, value * factor) for time, value in self.points))

    @functools.cached_property
    def _sums(self) -> list[float]:
        """The integral from 0 to each point."""
        sums = [self.points[0][0] * self.points[0][1]]
        for (begin, first), (end, last) in itertools.pairwise(self.points):
            sums.append(sums[-1] + (end - begin) * (first + last) / 2)
        return sums


@dataclasses.dataclass(frozen=True)
class Band:
    """Two curves that values lie between, such as the softest and the loudest; the same curve where one is asked for.

    Attributes:
        low: lower bound.
        high: upper bound.
    """

    low: Curve
    high: Curve

    @property
    def is_single(self) -> bool:
        """Whether both bounds are the same."""
        return self.low.points == self.high.points

    def get_middle(self, seconds: float) -> float:
        """The middle between both bounds at a second."""
        return (self.low.get_value(seconds) + self.high.get_value(seconds)) / 2

    def get_value(self, seconds: float, place: float) -> float:
        """The value at a second; `place` 0 is the lower bound, 1 the upper."""
        low, high = self.low.get_value(seconds), self.high.get_value(seconds)
        return low + (high - low) * place


def parse_time(text: str) -> float:
    """Seconds of `7:00:00`, `1:30`, `1:30.5`, `90` or `90s`.

    Raises:
        ConfigError: it is no such time, or beyond 100 hours.
    """
    match = TIME.fullmatch(text.strip())
    if not match or float(match[3] or 0) >= 60 or (match[1] and int(match[2]) >= 60):
        raise ConfigError(f"{text.strip()!r} is no time: say minutes and seconds, such as 1:30")
    hours, minutes, seconds, plain = match.groups()
    time = float(plain) if plain else 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    if time > LATEST:
        raise ConfigError(f"{text.strip()} is beyond {LATEST / 3600:.0f} hours")
    return time


def format_time(seconds: float) -> str:
    """`1:30` or `1:02:03.5`; `parse_time` reads it."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}{fraction}" if hours else f"{minutes}:{whole:02d}{fraction}"


def format_number(value: float) -> str:
    """A number without zeros behind it, to six digits."""
    return f"{value:.6g}"


def parse_timeline(text: str, parse_value: Callable[[str], T]) -> tuple[tuple[float, T], ...]:
    """The points of one value, or of `TIME=VALUE, TIME=VALUE`.

    Raises:
        ConfigError: no value, a time without one, times that do not ascend, too many, or what `parse_value` raises.
    """
    parts = [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
    if not parts:
        raise ConfigError("it is empty")
    if not any("=" in part for part in parts):
        return ((0.0, parse_value(text.strip())),)
    if len(parts) > MOST_POINTS:
        raise ConfigError(f"{len(parts)} times are too many: at most {MOST_POINTS}")
    points = []
    for part in parts:
        time, sign, value = part.partition("=")
        if not sign:
            raise ConfigError(f"{part!r} has no time: say 0:00={part}")
        points.append((_round_time(parse_time(time)), parse_value(value.strip())))
    for (before, _), (after, _) in itertools.pairwise(points):
        if after < before:
            raise ConfigError(f"{format_time(after)} comes after {format_time(before)}: times must ascend")
    return tuple(points)


def format_timeline(points: Sequence[tuple[float, T]], format_value: Callable[[T], str]) -> str:
    """The text that `parse_timeline` reads as these points; a single value is written without its time."""
    if len(points) == 1:
        return format_value(points[0][1])
    return ", ".join(f"{format_time(time)}={format_value(value)}" for time, value in points)


def read_curve(path: Path | str) -> str:
    """The text of a curve in a CSV file: times and values in two columns; a line of headings may come first.

    Raises:
        ConfigError: the file cannot be read, is too large, or has other columns.
    """
    path = Path(path)
    name = format_path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"{name} is larger than {MOST_BYTES >> 20} MiB: it is no curve")
        rows = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {describe_error(error)}") from error
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{name} is no CSV file: it needs two columns, times and values") from None
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if rows and len(rows[0]) == 2 and not TIME.fullmatch(rows[0][0]):
        rows = rows[1:]  # headings
    if not rows:
        raise ConfigError(f"{name} has no times: it needs two columns, times and values")
    if len(rows) > MOST_POINTS:
        raise ConfigError(f"{name} has {len(rows)} times: at most {MOST_POINTS} can be used")
    wrong = next((row for row in rows if len(row) != 2 or not TIME.fullmatch(row[0])), None)
    if wrong is not None:
        raise ConfigError(f"{name}: {','.join(wrong)[:60]!r} is not a time and a value, such as 1:30,120")
    return ", ".join(f"{time}={value}" for time, value in rows)


def _round_time(seconds: float) -> float:
    """To whole milliseconds, so that the text of a time is exact."""
    return round(seconds * 1000) / 1000
