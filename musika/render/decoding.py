"""Latents of any source to a waveform, block by block.

Blocks begin at absolute multiples of one size and have one shape, wherever rendering begins and however long it is. So
a whole file, a stream, a seek and one worker of many give the same samples, bit for bit on one machine, and the decoder
is compiled once.

Several blocks are decoded at the same time (`lanes.py`). Meanwhile a thread computes the latents of the blocks that
follow.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from musika.codec.base import Codec
from musika.errors import UsageError
from musika.render import lanes
from musika.render.lanes import Blocks, Decoders, Helpers, count_windows, decode_spans
from musika.render.latents import GroupedLatents, LatentSource


def count_block_samples(codec: Codec) -> int:
    """Samples in one whole block."""
    return count_windows(codec) * codec.block * codec.hop_total


def count_block_latents(codec: Codec) -> int:
    """Latents that decoding one block reads, context included."""
    return count_windows(codec) * codec.block + 2 * codec.context


def decode_samples(
    codec: Codec,
    latents: LatentSource,
    first: int,
    count: int | None = None,
    period: int = 0,
    helpers: Helpers | None = None,
) -> Iterator[np.ndarray]:
    """Waveform `[n, 2]` in blocks, from sample `first` on.

    Nothing is made before the first block is asked for. From then on, a few blocks are made ahead.

    Args:
        latents: they are read in a thread of their own, one span after the other.
        count: samples; None is without end.
        period: latents after which the piece begins again; the samples asked for lie before that.
        helpers: other processes that decode; None is this one alone.

    Raises:
        UsageError: a negative sample or count; or another process has ended by itself.
    """
    check_span(first, count)
    size = count_block_samples(codec)
    stop = None if count is None else first + count
    if count == 0:
        return
    index, end = first // size, None if stop is None else -(-stop // size)
    if end is not None and isinstance(latents, GroupedLatents):
        latents.announce_end(end * size // codec.hop_total + codec.context)
    for block in _decode_blocks(codec, latents, index, end, period, helpers):
        begin = max(first - index * size, 0)
        yield block[begin : None if stop is None else stop - index * size]
        index += 1


def _decode_blocks(
    codec: Codec, latents: LatentSource, first: int, stop: int | None, period: int, helpers: Helpers | None
) -> Iterator[np.ndarray]:
    """Blocks `first` to `stop`, in order; without end where `stop` is None."""
    if stop == first + 1 or (helpers is None and lanes.count_lanes() == 1):
        for index in itertools.count(first) if stop is None else range(first, stop):
            yield decode_block(codec, latents, index, period)
        return
    decoders = Decoders(codec, period, helpers)

    def submit(run: range) -> list[Future[Blocks]]:
        return decoders.submit([read_spans(codec, latents, index) for index in run], run.start)

    lanes.prepare_soon(codec)
    waiting: collections.deque[Future[list[Future[Blocks]]]] = collections.deque()
    with ThreadPoolExecutor(1, thread_name_prefix="latents") as reader:
        try:
            for run in _split_into_runs(first, stop, decoders.run):
                waiting.append(reader.submit(submit, run))
                while len(waiting) * decoders.run > decoders.count_ahead():
                    yield from decoders.join(waiting.popleft().result())
            while waiting:
                yield from decoders.join(waiting.popleft().result())
        finally:
            for future in waiting:
                if not future.cancel() and future.done() and future.exception() is None:
                    for decoded in future.result():
                        decoded.cancel()


def _split_into_runs(first: int, stop: int | None, size: int) -> Iterator[range]:
    """Numbers of blocks in runs of `size`, the last one perhaps shorter."""
    for start in itertools.count(first, size) if stop is None else range(first, stop, size):
        yield range(start, start + size if stop is None else min(start + size, stop))


def check_span(first: int, count: int | None) -> None:
    """Raises UsageError if a part of a piece begins before it, or has a negative length."""
    if first < 0:
        raise UsageError(f"sample {first} is before the piece, which begins with sample 0")
    if count is not None and count < 0:
        raise UsageError(f"a length of {count} samples is negative")


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
