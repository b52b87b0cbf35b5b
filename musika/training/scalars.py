"""The scalars of training steps, averaged over many steps so that the device is seldom waited for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from musika.checkpoint.runs import THROUGHPUT


class ScalarReports:
    """Collects the scalars of steps and reports their means now and then.

    Args:
        every: steps between two reports, at most.
        seconds: after which a report is due earlier.
        to_host: a device's scalar to a number.

    Attributes:
        bad_reports: how many of the last reports, in a row, had values that are not finite.
        text: the means of the last report, to show.
    """

    def __init__(self, every: int, seconds: float, to_host: Callable[[Any], Any]) -> None:
        self.every, self.seconds, self.to_host = every, seconds, to_host
        self.bad_reports = 0
        self.text = ""
        self._steps: list[Mapping[str, Any]] = []
        self._last = time.monotonic()

    def add(self, scalars: Mapping[str, Any]) -> None:
        """Keeps one step's scalars on the device."""
        self._steps.append(scalars)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a report."""
        return time.monotonic() - self._last >= self.seconds or len(self._steps) >= self.every

    def restart_clock(self) -> None:
        """Leaves the time since the last report out of the throughput."""
        self._last = time.monotonic()

    def report(self, seconds: float = 0.0) -> dict[str, float]:
        """Means since the last report; empty when there was no step. Waits for the device.

        Args:
            seconds: of audio that was seen since then, for the throughput.
        """
        steps, self._steps = self._steps, []
        if not steps:
            self.restart_clock()
            return {}
        collected: dict[str, list[float]] = {}
        for scalars in steps:
            for name, value in scalars.items():
                collected.setdefault(name, []).append(float(self.to_host(value)))
        means = {name: float(np.mean(values)) for name, values in collected.items()}
        before, self._last = self._last, time.monotonic()  # the device has been waited for
        if seconds and self._last > before:
            means[THROUGHPUT] = seconds / (self._last - before)
        is_finite = all(math.isfinite(mean) for mean in means.values())
        self.bad_reports = 0 if is_finite else self.bad_reports + 1
        self.text = ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())
        return means
