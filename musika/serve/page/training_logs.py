"""The scalars of a training run, from the log that it writes for TensorBoard; read while it is being written.

Only new records are read each time. A record that is not whole yet is left for the next time, and records with audio or
pictures, which are large, are skipped without reading them. Files are opened for reading only.
"""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np

HEADER = struct.Struct("<QI")  # length of a record and the checksum of that length
FOOTER = 4  # bytes of a record's checksum
LARGEST_RECORD = 1 << 16  # bytes of one with scalars only
MOST_POINTS = 8192  # of a curve in memory; beyond, every other one is given up
MOST_CURVES = 256
PATTERN = "events.out.tfevents.*"


class Curve:
    """A figure over the course of a training.

    Attributes:
        positions: examples seen, ascending.
        values: one at each position.
        times: seconds since 1970, when each was written.
    """

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.values: list[float] = []
        self.times: list[float] = []

    def add(self, position: int, value: float, time: float) -> None:
        """Adds a point. A training that went back writes earlier positions again; what it wrote before is dropped."""
        while self.positions and self.positions[-1] >= position:
            for column in (self.positions, self.values, self.times):
                column.pop()
        self.positions.append(position)
        self.values.append(value)
        self.times.append(time)
        if len(self.positions) > MOST_POINTS:
            for column in (self.positions, self.values, self.times):
                del column[1:-1:2]

    def thin(self, count: int) -> tuple[list[int], list[float | None]]:
        """At most `count` positions and values; each is the mean of its part of the curve, None where it is not finite.

        The last point stays as it is.
        """
        positions, values = np.array(self.positions, np.int64), np.array(self.values)
        if len(values) > count:
            edges = np.arange(count - 1) * (len(values) - 1) // (count - 1)
            sizes = np.diff(edges, append=len(values) - 1)
            with np.errstate(invalid="ignore", over="ignore"):
                means = np.add.reduceat(values[:-1], edges) / sizes
            positions, values = np.append(positions[edges], positions[-1]), np.append(means, values[-1])
        shown = [float(value) if np.isfinite(value) else None for value in values]
        return positions.tolist(), shown


class RunLog:
    """The scalars of one run.

    Args:
        folder: of the run's log; it may be missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offsets: dict[str, int] = {}
        self._ended: set[str] = set()  # files that have become unreadable
        self._curves: dict[str, Curve] = {}
        self._lock = threading.Lock()

    def read(self) -> dict[str, Curve]:
        """All curves by name, with what was written since the last call."""
        with self._lock:
            for path in sorted(self.folder.glob(PATTERN)):
                if path.name not in self._ended and path.is_file():
                    self._read_file(path)
            return dict(self._curves)

    @property
    def last_time(self) -> float:
        """Seconds since 1970 of the newest point; 0 where there is none."""
        return max((curve.times[-1] for curve in self._curves.values()), default=0.0)

    def _read_file(self, path: Path) -> None:
        offset = self._offsets.get(path.name, 0)
        try:
            size = path.stat().st_size
            with open(path, "rb") as file:
                while offset + HEADER.size <= size:
                    file.seek(offset)
                    length, _ = HEADER.unpack(file.read(HEADER.size))
                    end = offset + HEADER.size + length + FOOTER
                    if end > size:
                        break  # not whole yet, or damaged: nothing after it can be found
                    if length <= LARGEST_RECORD:
                        self._take_record(file.read(length))
                    offset = end
        except (OSError, ValueError, struct.error):
            self._ended.add(path.name)
        self._offsets[path.name] = offset

    def _take_record(self, data: bytes) -> None:
        """Keeps the scalars of a record.

        Raises:
            ValueError: it is no event.
        """
        event = parse_event(data)
        for value in event.summary.value:
            if not value.HasField("simple_value") or len(value.tag) > 200:
                continue
            if value.tag not in self._curves and len(self._curves) >= MOST_CURVES:
                continue
            self._curves.setdefault(value.tag, Curve()).add(event.step, value.simple_value, event.wall_time)


def parse_event(data: bytes) -> Any:
    """A TensorBoard event.

    Raises:
        ValueError: the bytes are none.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        return Event.FromString(data)
    except DecodeError:
        raise ValueError("no event") from None
