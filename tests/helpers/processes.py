"""Stands for `render.Workers`: threads of this process decode instead of other processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np

from musika.render import Model
from musika.render.lanes import Blocks, decode_blocks


class ThreadWorkers:
    """Threads that have loaded the model, in a context.

    Args:
        load: loads the model.
        count: of threads.
        run: blocks that each of them takes at once.

    Attributes:
        given: numbers of the blocks that they were asked for.
    """

    def __init__(self, load: Callable[[], Model], count: int = 2, run: int = 1) -> None:
        self.pool, self.model, self.count, self.run = ThreadPoolExecutor(count), load(), count, run
        self.given: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()

    def count_lanes(self) -> int:
        return self.count * self.run

    def submit_blocks(self, spans: list[np.ndarray], first: int, period: int) -> Future[Blocks]:
        self.given += range(first, first + len(spans))
        return self.pool.submit(decode_blocks, self.model.codec, spans, first, period)
