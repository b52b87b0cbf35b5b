"""Work that takes long, in threads of its own: it tells how far it is, and it stops when nobody waits any more.

Loading and compiling a model cannot be interrupted. `SharedWork` does that once for all who ask, and each of them can
leave at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Report = Callable[[float | None], None]  # how far the work is, 0 to 1, or None; raises where it is to end
POLL = 0.1  # seconds between two reports
LOOK = 0.05  # seconds between two looks whether shared work is done
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


def ignore_report(share: float | None) -> None:
    """For work that is to be done to its end."""


class SharedWork(Generic[Result]):
    """Work that cannot be interrupted, by what it is about; who asks while it is being done waits for the same.

    Args:
        run: does it. It is called again for each request that comes after the work was done, and must then be quick.
    """

    def __init__(self, run: Callable[[Any], Result]) -> None:
        self._run = run
        self._jobs: dict[Hashable, _Job[Result]] = {}
        self._lock = threading.Lock()

    def start(self, key: Hashable) -> _Job[Result]:
        """Begins the work, unless it is being done; returns at once."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.is_done.is_set():
                job = self._jobs[key] = _Job()
                threading.Thread(target=self._call, args=(key, job), name="shared work", daemon=True).start()
            return job

    def get(self, key: Hashable, report: Report) -> Result:
        """What the work gives. What it raises is raised here.

        Args:
            report: is called often; what it raises ends the waiting, and the work goes on for others.
        """
        job = self.start(key)
        while not job.is_done.wait(LOOK):
            report(None)
        if job.error is not None:
            raise job.error
        return job.values[0]

    def _call(self, key: Hashable, job: _Job[Result]) -> None:
        try:
            job.values.append(self._run(key))
        except BaseException as error:
            job.error = error
        finally:
            job.is_done.set()
            with self._lock:  # nothing is kept alive by a job that is over
                if self._jobs.get(key) is job:
                    del self._jobs[key]


class _Job(Generic[Result]):
    """One run of shared work."""

    def __init__(self) -> None:
        self.is_done = threading.Event()
        self.values: list[Result] = []
        self.error: BaseException | None = None
