"""Several processes that render at the same time. The samples are those that one process gives.

This process is one of them. It computes all latents, gives blocks out, and applies levels where the blocks come
together again; the others decode. They are started first, so that they load the model while this process does so. What
they are not ready for in time is done here. All have as many threads, since the number of threads decides bits.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np

from musika.errors import UsageError
from musika.render.lanes import (
    ENDED,
    Blocks,
    Decoders,
    count_lanes,
    count_windows,
    decode_blocks,
    get_pool,
    share_cores,
)
from musika.render.piece import Model

REQUEST = "SIGUSR1"  # asks a worker process to end
GRACE = 2.0  # seconds that a process which is asked to end between tasks has for sending its result
WARNINGS = "PYTHONWARNINGS"  # a variable that a new process of Python reads

_load: list[Callable[[], Model]] = []  # what loads the model of a worker process
_model: list[Model] = []
_working: list[Callable[..., Any]] = []  # its task
_ending: list[int] = []  # signals that asked it to end


class Workers:
    """This process and others, in a context: `with Workers(load, 2) as workers: piece.stream(workers=workers)`.

    The others begin to load the model at once. One that cannot load it does nothing.

    Args:
        load: loads the model in each other process; it is a function of a module, perhaps with arguments (`partial`).
        count: processes, this one included; at least 2.
    """

    def __init__(self, load: Callable[[], Model], count: int) -> None:
        self.count = count
        self._neighbours = set(multiprocessing.active_children())  # others that are not started here
        context = multiprocessing.get_context("spawn")  # frameworks do not survive a fork
        _start_tracker()
        self._pool = ProcessPoolExecutor(count - 1, context, _start, (load, count))
        with _block_signals("SIGINT"):  # Ctrl-C does not reach what is started here
            self._loading = [self._pool.submit(_call, _prepare) for _ in range(count - 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in set(multiprocessing.active_children()) - self._neighbours:  # what they do is not wanted any more
            if hasattr(signal, REQUEST) and process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, getattr(signal, REQUEST))
            else:  # Windows
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wait(self) -> None:
        """Waits until the others have loaded the model. Nobody has to: until then, this process does the work alone."""
        futures.wait(self._loading)

    @property
    def run(self) -> int:
        """As `lanes.Helpers` says."""
        return count_lanes(self.count)

    def count_lanes(self) -> int:
        """As `lanes.Helpers` says."""
        return self.run * sum(_has_succeeded(future) for future in self._loading)

    def submit_blocks(self, spans: list[np.ndarray], first: int, period: int) -> Future[Blocks]:
        """As `lanes.Helpers` says.

        Raises:
            UsageError: a process has ended by itself.
        """
        try:
            return self._pool.submit(_call, _decode_run, spans, first, period)
        except BrokenProcessPool as error:
            raise UsageError(ENDED, about="jobs") from error

    def map(self, function: Callable[[Model, Any], Any], tasks: list[Any], here: Callable[[Any], Any]) -> Iterator[Any]:
        """Does all tasks, each in the process that is free first, and gives the results in no order.

        Args:
            function: does a task in another process, `function(model, task)`; it belongs to a module.
            here: does a task in this process, `here(task)`.

        Raises:
            UsageError: a process has ended by itself; and whatever the functions raise.
        """
        waiting, given, lock = collections.deque(tasks), collections.deque[Future[Any]](), threading.Lock()

        def give(free: Future[Any]) -> None:
            """Gives the next task to the process that has done another one. A thread of the pool calls this."""
            with lock, contextlib.suppress(RuntimeError):  # the pool has ended: this process does the rest
                if not waiting or not _has_succeeded(free):
                    return
                future = self._pool.submit(_call, function, waiting[0])
                given.append(future)
                waiting.popleft()
            future.add_done_callback(give)

        def take() -> list[Any]:
            with lock:
                return [waiting.popleft()] if waiting else []

        for future in self._loading:
            future.add_done_callback(give)
        try:
            while taken := take():
                yield here(*taken)
                while given and given[0].done():
                    yield given.popleft().result()
            while given:
                yield given.popleft().result()
        except BrokenProcessPool as error:
            raise UsageError(ENDED, about="jobs") from error
        finally:
            waiting.clear()
            for future in given:
                future.cancel()


def _has_succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _start_tracker() -> None:
    """Starts the process of Python's that removes what ended processes have left.

    A closed terminal does not end it. And it does not warn: where Ctrl-C comes in the middle of an import, this process
    ends at once and leaves things to it.
    """
    before = os.environ.get(WARNINGS)
    os.environ[WARNINGS] = "ignore"
    try:
        with _block_signals("SIGINT", "SIGHUP"):
            resource_tracker.ensure_running()
    finally:
        del os.environ[WARNINGS]
        if before is not None:
            os.environ[WARNINGS] = before


@contextlib.contextmanager
def _block_signals(*names: str) -> Iterator[None]:
    """Holds signals back in this thread, and for good in a process that is started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(load: Callable[[], Model], count: int) -> None:
    """Begins a worker process: it ends with its parent, and an interrupt is its parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP", REQUEST):  # a closed terminal reaches all processes
        if (number := getattr(signal, name, None)) is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    share_cores(count)
    _load.append(load)


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the task of a worker process, so that what it writes is removed on the way out, and then the process.

    Between tasks it may be sending a result, and the first process would wait for the rest of that for ever. So it goes
    on then, to end with its next task; or at once, when its pool, which reads no more, ends it by a second SIGTERM; or
    soon, since it may wait for a lock that a killed process held.
    """
    del frame
    is_first = not _ending
    _ending.append(number)
    if _working and is_first:
        sys.exit(1)
    if not _working and is_first:
        timer = threading.Timer(GRACE, os._exit, (1,))  # whatever is begun meanwhile ends the process, too
        timer.daemon = True
        timer.start()
    if not _working and not is_first and number == signal.SIGTERM:
        os._exit(1)


def _end_with(parent: Any) -> None:
    """Waits for the end of the parent, however it ends."""
    parent.join()
    os._exit(1)


def _prepare(model: Model) -> None:
    """Decodes silence, so that everything is compiled when the process is given its first blocks."""
    codec = model.codec
    shape = (count_windows(codec), codec.block + 2 * codec.context, codec.channels)
    get_pool().submit(codec.prepare_decoding)
    decode_blocks(codec, [np.zeros(shape, np.float32)], 0)


def _decode_run(model: Model, spans: list[np.ndarray], first: int, period: int) -> Blocks:
    """Neighbouring blocks, before levels; arguments as `lanes.Helpers` has them."""
    return list(Decoders.join(Decoders(model.codec, period).submit(spans, first)))


def _call(function: Callable[..., Any], *values: Any) -> Any:
    """`function(model, *values)`. A process that was asked to end does so here: its pool would begin the next task."""
    if _ending:
        os._exit(1)
    _working.append(function)
    try:
        if not _model:
            _model.append(_load[0]())
        return function(_model[0], *values)
    finally:
        if _ending:
            os._exit(1)
        _working.clear()
