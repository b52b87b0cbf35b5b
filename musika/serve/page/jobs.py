"""Work in a thread that can be followed, and stopped within a block of music."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

ASK_EVERY = 0.1  # seconds between two looks at the work


class Cancelled(Exception):
    """Nobody waits for the work any more."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far the work is.

    Attributes:
        share: 0 to 1.
        text: what is done now.
    """

    share: float
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Finished:
    """The work is done.

    Attributes:
        result: of the work.
    """

    result: Any


class Report:
    """What the work tells while it goes on."""

    def __init__(self) -> None:
        self.progress = Progress(0.0)
        self._stopped = threading.Event()

    def __call__(self, share: float, text: str = "") -> None:
        """Says how far the work is.

        Raises:
            Cancelled: it is to stop.
        """
        if self._stopped.is_set():
            raise Cancelled
        self.progress = Progress(min(max(share, 0.0), 1.0), text)

    def stop(self) -> None:
        """Stops the work at the next report."""
        self._stopped.set()


async def follow(work: Callable[[Report], Any]) -> AsyncGenerator[Progress | Finished, None]:
    """Runs work in a thread; gives its progress whenever it changes, and at the end its result.

    When the generator is closed, or its task is cancelled, the work stops at its next report.

    Args:
        work: is given the report that it has to call at least every second. What it raises is raised here.
    """
    report = Report()
    task = asyncio.ensure_future(asyncio.to_thread(work, report))
    shown: Progress | None = None
    try:
        while not task.done():
            if report.progress != shown:
                shown = report.progress
                yield shown
            await asyncio.wait([task], timeout=ASK_EVERY)
        yield Finished(task.result())
    finally:
        report.stop()
        if not task.done():
            task.add_done_callback(_ignore_end)


def _ignore_end(task: asyncio.Future[Any]) -> None:
    """Takes the exception of work that was stopped, so that nobody is told of it."""
    with contextlib.suppress(asyncio.CancelledError, Exception):
        task.exception()
