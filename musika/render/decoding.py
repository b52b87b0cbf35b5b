"""Latents of any source to a waveform, block by block.

Blocks begin at absolute multiples of one size and have one shape, wherever rendering begins and however long it is. So
a whole file, a stream, a seek and one worker of many give the same samples, bit for bit on one machine, and the decoder
is compiled once.

Blocks need nothing of each other. So several are decoded at the same time, each by operations of one thread: that keeps
more cores busy than one block with operations of many threads. Meanwhile a thread computes the latents of the blocks
that follow. How many blocks are decoded at a time does not change a sample.
"""

from __future__ import annotations

import collections
import functools
import itertools
import os
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.errors import UsageError
from musika.render.latents import GroupedLatents, LatentSource

AT_ONCE = 64  # latents that the codec decodes at once: more do not fit in the caches of a processor
_sharing = [1]  # processes that the cores are for
MOST_LANES = 8  # blocks that are decoded at a time, at most: everything else keeps up with no more


def count_windows(codec: Codec) -> int:
    """Decoder windows in one block."""
    return max(1, AT_ONCE // codec.block)


def count_block_samples(codec: Codec) -> int:
    """Samples in one whole block."""
    return count_windows(codec) * codec.block * codec.hop_total


def count_block_latents(codec: Codec) -> int:
    """Latents that decoding one block reads, context included."""
    return count_windows(codec) * codec.block + 2 * codec.context


def decode_samples(
    codec: Codec, latents: LatentSource, first: int, count: int | None = None, period: int = 0
) -> Iterator[np.ndarray]:
    """Waveform `[n, 2]` in blocks, from sample `first` on.

    Nothing is made before the first block is asked for. From then on, a few blocks are made ahead.

    Args:
        latents: they are read in a thread of their own, one span after the other.
        count: samples; None is without end.
        period: latents after which the piece begins again; the samples asked for lie before that.

    Raises:
        UsageError: a negative sample or count.
    """
    check_span(first, count)
    size = count_block_samples(codec)
    stop = None if count is None else first + count
    if count == 0:
        return
    index, end = first // size, None if stop is None else -(-stop // size)
    if end is not None and isinstance(latents, GroupedLatents):
        latents.announce_end(end * size // codec.hop_total + codec.context)
    for block in _decode_blocks(codec, latents, index, end, period):
        begin = max(first - index * size, 0)
        yield block[begin : None if stop is None else stop - index * size]
        index += 1


def _decode_blocks(
    codec: Codec, latents: LatentSource, first: int, stop: int | None, period: int
) -> Iterator[np.ndarray]:
    """Blocks `first` to `stop`, in order; without end where `stop` is None."""
    indices = itertools.count(first) if stop is None else iter(range(first, stop))
    pool = get_pool()
    if pool is None or stop == first + 1:
        for index in indices:
            yield decode_block(codec, latents, index, period)
        return

    def send(index: int) -> Future[np.ndarray]:
        return pool.submit(decode_spans, codec, read_spans(codec, latents, index), index, period)

    pool.submit(codec.prepare_decoding)
    waiting: collections.deque[Future[Future[np.ndarray]]] = collections.deque()
    with ThreadPoolExecutor(1, thread_name_prefix="latents") as reader:
        try:
            for index in indices:
                waiting.append(reader.submit(send, index))
                if len(waiting) > count_lanes():
                    yield waiting.popleft().result().result()
            while waiting:
                yield waiting.popleft().result().result()
        finally:
            for future in waiting:
                if not future.cancel() and future.done() and future.exception() is None:
                    future.result().cancel()


def count_lanes() -> int:
    """Blocks that are decoded at the same time: as many as there are processor cores for."""
    from musika import backend

    return max(1, min(count_cores() // (backend.count_threads() * _sharing[0]), MOST_LANES))


def share_cores(processes: int) -> None:
    """Leaves cores to other processes, of which so many compute at the same time, this one included."""
    _sharing[0] = processes
    get_pool.cache_clear()


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def get_pool() -> ThreadPoolExecutor | None:
    """The threads that decode, of all pieces in this process; None where one block is decoded at a time."""
    lanes = count_lanes()
    return None if lanes == 1 else ThreadPoolExecutor(lanes, thread_name_prefix="decode")


def check_span(first: int, count: int | None) -> None:
    """Raises UsageError if a part of a piece begins before it, or has a negative length."""
    if first < 0 or (count is not None and count < 0):
        raise UsageError(f"samples {first} to {first} + {count} are not all from 0 on")


def decode_block(codec: Codec, latents: LatentSource, index: int, period: int = 0) -> np.ndarray:
    """Block `index` of the waveform, float32 `[count_block_samples, 2]`; nothing is clipped.

    Args:
        period: latents after which the piece begins again; 0 is never.
    """
    return decode_spans(codec, read_spans(codec, latents, index), index, period)


def read_spans(codec: Codec, latents: LatentSource, index: int) -> np.ndarray:
    """The latents that decoding block `index` needs, `[windows, block + 2 context, C]`."""
    count, context = count_windows(codec), codec.context
    starts = [window * codec.block for window in range(index * count, (index + 1) * count)]
    return np.stack([latents.get_span(start - context, start + codec.block + context) for start in starts])


def decode_spans(codec: Codec, spans: np.ndarray, index: int, period: int = 0) -> np.ndarray:
    """As `decode_block`, from the latents that `read_spans` gives."""
    waveform = codec.decode_window_at(index * count_windows(codec), spans, period)  # [windows, block hop_total, 2]
    return waveform.reshape(-1, AUDIO_CHANNELS)


def prefetch(blocks: Iterable[np.ndarray], stop: threading.Event | None = None) -> Generator[np.ndarray, None, None]:
    """The same blocks; a thread makes the next one while this one is used.

    Args:
        stop: is set when the reader leaves before the end, so that what makes the next block can give up.
    """
    iterator = iter(blocks)
    with ThreadPoolExecutor(1, thread_name_prefix="render") as worker:
        following = worker.submit(next, iterator, None)
        try:
            while (block := following.result()) is not None:
                following = worker.submit(next, iterator, None)
                yield block
        finally:
            if stop is not None:
                stop.set()
