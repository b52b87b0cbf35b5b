"""Several processes that render at the same time. The samples are those that one process gives.

This process is one of them. It computes all latents, gives blocks out, and applies levels where the blocks come
together again; the others decode. They are started first, so that they load the model while this process does so. What
they are not ready for in time is done here. All have as many threads, since the number of threads decides bits.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
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
from musika.render.processes import ProcessEndedError, Processes, has_succeeded


class Workers:
    """This process and others, in a context: `with Workers(load, 2) as workers: piece.stream(workers=workers)`.

    The others begin to load the model at once. One that cannot load it does nothing.

    Args:
        load: loads the model in each other process; it is a function of a module, perhaps with arguments (`partial`).
        count: processes, this one included.
    """

    def __init__(self, load: Callable[[], Model], count: int) -> None:
        self.count = count
        self._others = Processes(functools.partial(_prepare, load, count), count - 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._others.end()  # what they still do is not wanted any more

    def wait(self) -> None:
        """Waits until the others have loaded the model. Nobody has to: until then, this process does the work alone."""
        self._others.wait()

    @property
    def run(self) -> int:
        """As `lanes.Helpers` says."""
        return count_lanes(self.count)

    def count_lanes(self) -> int:
        """As `lanes.Helpers` says."""
        return self.run * self._others.count_loaded()

    def submit_blocks(self, spans: list[np.ndarray], first: int, period: int) -> Future[Blocks]:
        """As `lanes.Helpers` says.

        Raises:
            UsageError: a process has ended by itself.
        """
        try:
            return self._others.submit(_decode_run, spans, first, period)
        except ProcessEndedError as error:
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

        def hand_over() -> Future[Any] | None:
            with lock:
                if not waiting:
                    return None
                given.append(self._others.submit(function, waiting[0]))
                waiting.popleft()
                return given[-1]

        def give(free: Future[Any]) -> None:
            """Gives the next task to the process that has done another one. Another thread calls this."""
            with contextlib.suppress(ProcessEndedError):  # then this process does the rest
                if has_succeeded(free) and (future := hand_over()) is not None:
                    future.add_done_callback(give)

        def take() -> list[Any]:
            with lock:
                return [waiting.popleft()] if waiting else []

        self._others.call_when_loaded(give)
        try:
            while taken := take():
                yield here(*taken)
                while given and given[0].done():
                    yield given.popleft().result()
            while given:
                yield given.popleft().result()
        except ProcessEndedError as error:
            raise UsageError(ENDED, about="jobs") from error
        finally:
            with lock:  # `hand_over` may just be looking at it
                waiting.clear()
            for future in given:
                future.cancel()


def _prepare(load: Callable[[], Model], count: int) -> Model:
    """The model of one of several processes. It decodes silence, so that all is compiled when the first blocks come."""
    share_cores(count)
    model = load()
    codec = model.codec
    shape = (count_windows(codec), codec.block + 2 * codec.context, codec.channels)
    get_pool().submit(codec.prepare_decoding)
    decode_blocks(codec, [np.zeros(shape, np.float32)], 0)
    return model


def _decode_run(model: Model, spans: list[np.ndarray], first: int, period: int) -> Blocks:
    """Neighbouring blocks, before levels; arguments as `lanes.Helpers` has them."""
    return list(Decoders.join(Decoders(model.codec, period).submit(spans, first)))
