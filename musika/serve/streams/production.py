"""Music for streams, made in threads of the worker while its event loop serves listeners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from musika.audio import LiveEncoder
from musika.audio.convert import rechunk
from musika.render import Piece
from musika.serve.streams.counters import Counters

PART = 0.25  # seconds of music that are encoded and sent at once
THREADS = 2  # one long block of one stream does not stop the others

Result = TypeVar("Result")


class Workshop:
    """The threads that render and encode."""

    def __init__(self, counters: Counters) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="stream")
        self.counters = counters

    async def run(self, action: Callable[[], Result]) -> Result:
        """Runs an action in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, action)

    async def make_part(self, parts: Iterator[np.ndarray], rate: int) -> np.ndarray | None:
        """The next part of a piece; None at its end."""
        started = time.perf_counter()
        part = await self.run(lambda: next(parts, None))
        self.counters.rendering.observe(time.perf_counter() - started)
        self.counters.rendered.inc(0 if part is None else len(part) / rate)
        return part

    def close(self) -> None:
        """Ends the threads; what they are making is thrown away."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def cut_parts(piece: Piece, first: int, count: int | None = None) -> Iterator[np.ndarray]:
    """A piece from sample `first` on, `[n, 2]` in parts of `PART` seconds; the first block may make it shorter.

    Args:
        count: samples; None is without end.
    """
    return rechunk(piece.stream_samples(first, count), round(PART * piece.model.sample_rate))


def make_live_encoder(kind: str, rate: int, tags: Mapping[str, str]) -> LiveEncoder:
    """An encoder of a stream of two channels."""
    return LiveEncoder(f".{kind}", rate, 2, tags)
