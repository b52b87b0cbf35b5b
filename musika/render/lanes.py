"""Where blocks are decoded: threads of this process and, where a piece is given them, other processes.

Blocks need nothing of each other. So several are decoded at the same time, each by operations of one thread: that keeps
more cores busy than one block with operations of many threads. How many are decoded at a time, and where, does not
change a sample.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.errors import UsageError
from musika.render.processes import ProcessEndedError

AT_ONCE = 64  # latents that the codec decodes at once: more do not fit in the caches of a processor
MOST_LANES = 8  # blocks that a process decodes at a time, at most: everything else keeps up with no more
AHEAD = 2  # blocks for each lane that are given out before they are needed, where other processes help

ENDED = "a worker process has ended by itself, perhaps because memory was short: use fewer jobs"

_sharing = [1]  # processes that the cores are for

Blocks = list[np.ndarray]  # neighbours, each `[count_block_samples, 2]`


class Helpers(Protocol):
    """Other processes with the same model."""

    @property
    def run(self) -> int:
        """Neighbouring blocks that one of them takes at once."""

    def count_lanes(self) -> int:
        """Blocks that they can decode at the same time; 0 as long as none of them has loaded the model."""

    def submit_blocks(self, spans: list[np.ndarray], first: int, period: int) -> Future[Blocks]:
        """Asks one of them for `decode_blocks`."""


class Decoders:
    """The threads and processes that decode the blocks of one piece.

    Args:
        period: latents after which the piece begins again; 0 is never.
        helpers: None is this process alone.
    """

    def __init__(self, codec: Codec, period: int, helpers: Helpers | None = None) -> None:
        self.codec, self.period, self.helpers = codec, period, helpers
        self.run = 1 if helpers is None else helpers.run
        self._here: list[Future[Blocks]] = []  # blocks that threads of this process decode, or have decoded
        self._there: list[Future[Blocks]] = []  # runs of other processes

    def count_ahead(self) -> int:
        """Blocks that are to be given out before the first of them is needed."""
        return count_lanes() if self.helpers is None else AHEAD * (count_lanes() + self.helpers.count_lanes())

    def submit(self, spans: list[np.ndarray], first: int) -> list[Future[Blocks]]:
        """Has neighbouring blocks decoded where there is least to do for each lane.

        Args:
            spans: what `decode_spans` takes, for each block.
            first: number of the first block.
        """
        self._here = [future for future in self._here if not future.done()]
        self._there = [future for future in self._there if not future.done()]
        lanes = 0 if self.helpers is None else self.helpers.count_lanes()
        if self.helpers is not None and lanes and len(self._there) * self.run / lanes < len(self._here) / count_lanes():
            self._there.append(self.helpers.submit_blocks(spans, first, self.period))
            return self._there[-1:]
        pool = get_pool()
        futures = [
            pool.submit(decode_blocks, self.codec, [span], number, self.period)
            for number, span in enumerate(spans, first)
        ]
        self._here += futures
        return futures

    @staticmethod
    def join(submitted: list[Future[Blocks]]) -> Iterator[np.ndarray]:
        """The blocks of what `submit` gave, in order.

        Raises:
            UsageError: another process has ended.
        """
        for future in submitted:
            try:
                yield from future.result()
            except ProcessEndedError as error:
                raise UsageError(ENDED, about="jobs") from error


def decode_blocks(codec: Codec, spans: Sequence[np.ndarray], first: int, period: int = 0) -> Blocks:
    """Neighbouring blocks from number `first` on, one after the other; arguments as `Decoders` has them."""
    return [decode_spans(codec, span, number, period) for number, span in enumerate(spans, first)]


def decode_spans(codec: Codec, spans: np.ndarray, index: int, period: int = 0) -> np.ndarray:
    """Block `index` of the waveform, float32 `[count_block_samples, 2]`; nothing is clipped.

    Args:
        spans: the latents that it needs, `[windows, block + 2 context, C]`.
        period: latents after which the piece begins again; 0 is never.
    """
    waveform = codec.decode_window_at(index * count_windows(codec), spans, period)  # [windows, block hop_total, 2]
    return waveform.reshape(-1, AUDIO_CHANNELS)


def count_windows(codec: Codec) -> int:
    """Decoder windows in one block."""
    return max(1, AT_ONCE // codec.block)


def count_lanes(processes: int | None = None) -> int:
    """Blocks that a process decodes at the same time: as many as there are processor cores for.

    Args:
        processes: that compute at the same time; None is as `share_cores` was told.
    """
    from musika import backend

    return max(1, min(count_cores() // (backend.count_threads() * (processes or _sharing[0])), MOST_LANES))


def share_cores(processes: int) -> None:
    """Leaves cores to other processes, of which so many compute at the same time, this one included."""
    _sharing[0] = processes
    get_pool.cache_clear()


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def get_pool() -> ThreadPoolExecutor:
    """The threads that decode, of all pieces in this process."""
    return ThreadPoolExecutor(count_lanes(), thread_name_prefix="decode")


def prepare_soon(codec: Codec) -> None:
    """Compiles what a codec decodes with in a thread, where several threads decode. Meanwhile other things can load."""
    if count_lanes() > 1:
        get_pool().submit(codec.prepare_decoding)
