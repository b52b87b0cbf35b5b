"""What stands around the training loop: batches from a thread, looks at scalars, interrupts."""

from __future__ import annotations

import collections
import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

Tree = Any
THROUGHPUT = "audio_seconds_per_second"


class Feeder:
    """Batches in order, prepared a few ahead in threads of their own.

    Args:
        make: position in samples to batch.
        positions: of the batches.
        ahead: batches that wait at most.
        threads: that make them.
    """

    def __init__(self, make: Callable[[int], Tree], positions: range, ahead: int, threads: int = 1) -> None:
        self._make, self._positions = make, iter(positions)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        self._waiting: collections.deque[Future[Tree]] = collections.deque()
        for _ in range(max(ahead, threads)):
            self._ask()

    def _ask(self) -> None:
        position = next(self._positions, None)
        if position is not None:
            self._waiting.append(self._threads.submit(self._make, position))

    def __iter__(self) -> Iterator[Tree]:
        return self

    def __next__(self) -> Tree:
        if not self._waiting:
            raise StopIteration
        batch = self._waiting.popleft().result()
        self._ask()
        return batch

    def close(self) -> None:
        """Ends the threads; waits for the batches that they are making."""
        self._threads.shutdown(cancel_futures=True)


class Looks:
    """Scalars that came back from the device and have not been looked at yet.

    Args:
        every: steps between two looks, at most.
        seconds: after which it is time sooner.
        host: a device's scalar to a number.
    """

    def __init__(self, every: int, seconds: float, host: Callable[[Any], Any]) -> None:
        self.every, self.seconds, self.host = every, seconds, host
        self.kept: list[Mapping[str, Any]] = []
        self.last = time.monotonic()
        self.bad = 0  # looks in a row with values that were not finite
        self.text = ""  # the means of the last look, to show

    def add(self, scalars: Mapping[str, Any]) -> None:
        """Keeps one step's scalars, unseen."""
        self.kept.append(scalars)

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() - self.last >= self.seconds or len(self.kept) >= self.every

    def take(self, seconds: float = 0.0) -> dict[str, float]:
        """Means since the last look; empty when there was no step. Waits for the device.

        Args:
            seconds: of audio that was seen since then, for the throughput.
        """
        rows, self.kept = self.kept, []
        if not rows:
            self.last = time.monotonic()
            return {}
        seen: dict[str, list[float]] = {}
        for row in rows:
            for name, value in row.items():
                seen.setdefault(name, []).append(float(self.host(value)))
        values = {name: float(np.mean(found)) for name, found in seen.items()}
        before, self.last = self.last, time.monotonic()  # the device has been waited for
        if seconds and self.last > before:
            values[THROUGHPUT] = seconds / (self.last - before)
        self.bad = 0 if all(math.isfinite(value) for value in values.values()) else self.bad + 1
        self.text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        return values


class Interrupts:
    """The first Ctrl-C, SIGTERM or SIGHUP asks the loop to save and leave, the second one interrupts at once.

    Args:
        patient: False lets the first one interrupt at once, too, for the time before there is anything to save.
    """

    def __init__(self, patient: bool = True) -> None:
        self.asked = False
        self.patient = patient
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
            for number in _signals():
                self._before[number] = signal.signal(number, self._on)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on(self, number: int, frame: object) -> None:
        del number, frame
        self._leave_lost_terminals()
        if self.asked or not self.patient:
            raise KeyboardInterrupt
        self.asked = True
        # print may be what was interrupted, and is not to be entered twice
        with contextlib.suppress(OSError):
            os.write(2, b"\nfinishing this step, then saving (once more: leave at once)\n")

    def _leave_lost_terminals(self) -> None:
        """Lets lines for a terminal that was closed go nowhere, so that none of them fails before all is saved."""
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
        self._terminals = [descriptor for descriptor in self._terminals if os.isatty(descriptor)]


def _signals() -> list[int]:
    """What asks a training to end; a hang-up only where nobody (such as `nohup`) has said that it is to be ignored."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Windows has none
        numbers.append(signal.SIGHUP)
    return numbers
