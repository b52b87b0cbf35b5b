"""Processes that decode parts of a piece at the same time. The samples are those that one process gives.

Each process loads the model itself and decodes runs of blocks at absolute positions. Processes have as many threads as
the first one, since the number of threads decides bits. Levels are applied where the blocks come together.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np

from musika.errors import UsageError
from musika.render.decoding import count_block_samples, decode_block, share_cores
from musika.render.piece import Model, Piece, detach

RUN = 4  # blocks that a process decodes one after the other: neighbours share generated latents
AHEAD = 2  # runs of each process that are asked for before they are needed

REQUEST = "SIGUSR1"  # asks a worker process to end

_model: list[Model] = []  # of a worker process
_working: list[Callable[..., Any]] = []  # its task
_ending: list[int] = []  # signals that asked it to end


class Workers:
    """A number of processes, in a context: `with Workers(load, 2) as workers: piece.stream(workers=workers)`.

    Args:
        load: loads the model in each process; it is a function of a module, perhaps with arguments (`partial`).
        count: of processes.
    """

    def __init__(self, load: Callable[[], Model], count: int) -> None:
        self.count = count
        self._others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")  # frameworks do not survive a fork
        with _block_signals("SIGINT", "SIGHUP"):  # a closed terminal reaches this process of Python's, too
            resource_tracker.ensure_running()
        self._pool = ProcessPoolExecutor(count, context, _start, (load, count))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # what they are doing is not wanted any more
            for process in set(multiprocessing.active_children()) - self._others:
                if hasattr(signal, REQUEST) and process.pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, getattr(signal, REQUEST))
                else:  # Windows
                    process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def decode_samples(self, piece: Piece, first: int, count: int | None) -> Iterator[np.ndarray]:
        """As `decoding.decode_samples`, for a part of a piece within one turn of its loop.

        Raises:
            UsageError: a process has ended, perhaps because memory was short.
        """
        size = count_block_samples(piece.model.codec)
        stop = None if count is None else first + count
        end = None if stop is None else -(-stop // size)  # block
        starts = itertools.count(first // size, RUN) if end is None else iter(range(first // size, end, RUN))
        sent = detach(piece)
        waiting: collections.deque[tuple[int, Future[np.ndarray]]] = collections.deque()
        try:
            while True:
                for start in itertools.islice(starts, self.count * AHEAD - len(waiting)):
                    run = range(start, start + RUN if end is None else min(start + RUN, end))
                    waiting.append((start, self._submit(_decode_run, sent, run)))
                if not waiting:
                    return
                start, future = waiting.popleft()
                block = future.result()
                offset = start * size
                yield block[max(first - offset, 0) : None if stop is None else stop - offset]
        except BrokenProcessPool as error:
            raise UsageError("a worker process has ended by itself: use fewer jobs", about="jobs") from error
        finally:
            for _, future in waiting:
                future.cancel()

    def map(self, function: Callable[[Model, Any], Any], tasks: list[Any]) -> Iterator[Any]:
        """`function(model, task)` for each task, in the order of the tasks; `function` belongs to a module.

        Raises:
            UsageError: as `decode_samples` says; and whatever the function raises.
        """
        futures = [self._submit(function, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise UsageError("a worker process has ended by itself: use fewer jobs", about="jobs") from error
        finally:
            for future in futures:
                future.cancel()

    def _submit(self, function: Callable[..., Any], *values: Any) -> Future[Any]:
        """Asks for `function(model, *values)`, which may start a process: one that Ctrl-C does not reach."""
        with _block_signals("SIGINT"):
            return self._pool.submit(_call, function, *values)


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
    """Prepares a worker process: it ends with its parent, and an interrupt is its parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP", REQUEST):  # a closed terminal reaches all processes
        if (number := getattr(signal, name, None)) is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    share_cores(count)
    _model.append(load())


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the task of a worker process, so that what it writes is removed on the way out, and then the process.

    Between tasks it may be sending a result, and the first process would wait for the rest of that for ever. So it goes
    on then, to end with its next task; or at once, when its pool, which reads no more, ends it by a second SIGTERM.
    """
    del frame
    is_first = not _ending
    _ending.append(number)
    if _working and is_first:
        sys.exit(1)
    if not _working and not is_first and number == signal.SIGTERM:
        os._exit(1)


def _end_with(parent: Any) -> None:
    """Waits for the end of the parent, however it ends."""
    parent.join()
    os._exit(1)


def _decode_run(model: Model, piece: Piece, run: range) -> np.ndarray:
    """Blocks of a piece without its model, one after the other, before levels."""
    piece = dataclasses.replace(piece, model=model)
    latents = piece.open_latents()
    return np.concatenate([decode_block(model.codec, latents, index, piece.loop) for index in run])


def _call(function: Callable[..., Any], *values: Any) -> Any:
    """`function(model, *values)`. A process that was asked to end does so here: its pool would begin the next task."""
    if _ending:
        os._exit(1)
    _working.append(function)
    try:
        return function(_model[0], *values)
    finally:
        if _ending:
            os._exit(1)
        _working.clear()
