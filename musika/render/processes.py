"""Other processes that call functions for this one, each through a pipe of its own.

Python's own pools of processes share queues and their locks. A process that is killed may hold a lock, and then all
others wait for ever, this one included. Here processes share nothing, so each may end at any time.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from musika import console

GRACE = 10.0  # seconds in which processes that are asked to end can remove what they have begun to write

Call = tuple[Callable[..., Any], tuple[Any, ...]]  # a function of a module, and its arguments


class ProcessEndedError(Exception):
    """A process has ended by itself, and what it was to do is not done."""


class Processes:
    """Processes, each of which loads a value once and then calls functions with it, one at a time.

    A process that cannot load the value does nothing.

    Args:
        load: gives the value; it is a function of a module, perhaps with arguments (`partial`).
        count: of processes.
    """

    def __init__(self, load: Callable[[], Any], count: int) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Call] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # held while tasks are added, or taken back at the end
        self._has_ended = False
        self._loading: list[Future[None]] = [Future() for _ in range(count)]
        with _block_signals("SIGINT", "SIGHUP"):  # a closed terminal reaches this process of Python's, too
            resource_tracker.ensure_running()
        with _block_signals("SIGINT"):  # Ctrl-C does not reach what is started here
            started = [_start_process(load) for _ in range(count)]
        self._processes = [process for process, _ in started]
        self._threads = [
            threading.Thread(target=self._serve, args=(connection, loading), name="worker", daemon=True)
            for (_, connection), loading in zip(started, self._loading, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Waits until all have loaded the value, or cannot."""
        futures.wait(self._loading)

    def count_loaded(self) -> int:
        """Processes that have loaded the value."""
        return sum(has_succeeded(future) for future in self._loading)

    def call_when_loaded(self, action: Callable[[Future[None]], None]) -> None:
        """Calls `action` for each process once it has loaded the value, or cannot; in a thread of this process."""
        for future in self._loading:
            future.add_done_callback(action)

    def submit(self, function: Callable[..., Any], *values: Any) -> Future[Any]:
        """Has the process that is free first call `function(value, *values)`; `function` belongs to a module.

        Asked for its result, the future raises what the function raises, or a `ProcessEndedError`.

        Raises:
            ProcessEndedError: a process has ended by itself before, or none can load the value.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._has_ended:
                raise ProcessEndedError
            self._tasks.put((future, (function, values)))
        return future

    def end(self) -> None:
        """Ends all processes, whatever they do, and waits for it."""
        self._give_up(None)
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()  # one that could not end, perhaps in the middle of C code
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, connection: Connection, loading: Future[None]) -> None:
        """Gives tasks to one process, one after the other. Runs in a thread of its own."""
        try:
            loading.set_result(connection.recv())
        except (EOFError, OSError) as error:
            loading.set_exception(error)
            if all(future.done() and not has_succeeded(future) for future in self._loading):
                self._give_up(ProcessEndedError())  # nobody else does what waits
            return
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                connection.send(call)
                result, raised = connection.recv()
            except (EOFError, OSError):
                self._give_up(ProcessEndedError())
                future.set_exception(ProcessEndedError())
                return
            except Exception as error:  # what cannot be sent
                future.set_exception(error)
                continue
            if raised is None:
                future.set_result(result)
            else:
                future.set_exception(raised)

    def _give_up(self, error: Exception | None) -> None:
        """Takes no more tasks. Those that nobody has begun fail with an error, or are cancelled where it is None."""
        left: list[Future[Any]] = []
        with self._lock, contextlib.suppress(queue.Empty):
            self._has_ended = True
            while (task := self._tasks.get_nowait()) is not None:
                left.append(task[0])
            self._tasks.put(None)  # the end has begun meanwhile
        for future in left:  # after the lock is free: this calls functions of others, which may submit more
            if error is None:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                future.set_exception(error)


def has_succeeded(future: Future[Any]) -> bool:
    """Whether there is a result."""
    return future.done() and not future.cancelled() and future.exception() is None


def _start_process(load: Callable[[], Any]) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """A process, and this end of its pipe."""
    context = multiprocessing.get_context("spawn")  # frameworks do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, load), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of what can be received
    return process, ours


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


def _work(connection: Connection, load: Callable[[], Any]) -> None:
    """What the process does: it ends with its parent, and an interrupt is its parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError), console.EndOnSignals():
        try:
            value = load()
        except Exception:  # the first process meets the same, and says so; or it goes on without this one
            return
        connection.send(None)
        while True:
            function, values = connection.recv()
            _answer(connection, function, (value, *values))


def _answer(connection: Connection, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
    """Sends the result of a function and None, or None and what it raises."""
    try:
        result, error = function(*values), None
    except Exception as raised:
        result, error = None, raised
    try:
        connection.send((result, error))
    except OSError:  # nobody receives it any more
        raise
    except Exception as unsent:  # it cannot be sent, which is found before anything is
        connection.send((None, RuntimeError(f"{type(error or result).__name__}: {error or unsent}")))


def _end_with_parent() -> None:
    """Waits for the end of the parent, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
