"""Work that takes long, in a thread of its own: it tells how far it is, and it stops when nobody waits any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Result = TypeVar("Result")
Report = Callable[[float | None], None]  # how far the work is, 0 to 1, or None; raises where it is to end
POLL = 0.1  # seconds between two reports
PATIENCE = 10.0  # seconds without anybody who asks, after which work stops by itself


class Stopped(Exception):
    """Nobody waits for the work any more."""


class Work(Generic[Result]):
    """A function that runs in a thread.

    for share in work.wait(): ...    # how far it is, 0 to 1, every 0.1 s
    work.result

    Leaving the loop, by an exception or because its generator is closed, stops the work within a moment.

    Args:
        run: does it. It is given a function that takes how far the work is, 0 to 1, or None where that is not known,
            and that raises `Stopped` once the work is to end. It has to be called often.
    """

    def __init__(self, run: Callable[[Report], Result]) -> None:
        self.share = 0.0
        self._run = run
        self._stop = threading.Event()
        self._asked = time.monotonic()
        self._values: list[Result] = []
        self._error: BaseException | None = None

    @property
    def result(self) -> Result:
        """What the function returned."""
        return self._values[0]

    def wait(self) -> Iterator[float]:
        """Runs the work; how far it is, again and again until it has ended. What it raises is raised here.

        Raises:
            Stopped: nobody asked how far it is for too long.
        """
        thread = threading.Thread(target=self._call, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self._asked = time.monotonic()
                yield self.share
                thread.join(POLL)
        finally:
            self._stop.set()
        if self._error is not None:
            raise self._error

    def _call(self) -> None:
        try:
            self._values.append(self._run(self._report))
        except BaseException as error:
            self._error = error

    def _report(self, share: float | None) -> None:
        if share is not None:
            self.share = share
        if self._stop.is_set() or time.monotonic() - self._asked > PATIENCE:
            raise Stopped
