"""Batches for the training loop, made a few ahead in threads."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Tree = Any


class Feeder:
    """Batches in order, made in threads of its own before they are needed.

    Args:
        make_batch: position in samples to batch.
        positions: of the batches.
        ahead: batches that wait at most.
        threads: that make them.
    """

    def __init__(self, make_batch: Callable[[int], Tree], positions: range, ahead: int, threads: int = 1) -> None:
        self._make_batch, self._positions = make_batch, iter(positions)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        self._waiting: collections.deque[Future[Tree]] = collections.deque()
        for _ in range(max(ahead, threads)):
            self._request_next()

    def _request_next(self) -> None:
        position = next(self._positions, None)
        if position is not None:
            self._waiting.append(self._threads.submit(self._make_batch, position))

    def __iter__(self) -> Iterator[Tree]:
        return self

    def __next__(self) -> Tree:
        if not self._waiting:
            raise StopIteration
        batch = self._waiting.popleft().result()
        self._request_next()
        return batch

    def close(self) -> None:
        """Ends the threads; waits for the batches that they are making."""
        self._threads.shutdown(cancel_futures=True)
