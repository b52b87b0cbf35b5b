"""Latents of any source to a waveform, block by block.

Blocks begin at absolute multiples of one size and have one shape, wherever rendering begins and however long it is. So
a whole file, a stream, a seek and one worker of many give the same samples, bit for bit on one machine, and the decoder
is compiled once.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.errors import UsageError
from musika.render.latents import LatentSource

AT_ONCE = 64  # latents that the codec decodes at once: more do not fit in the caches of a processor


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
    """Waveform `[n, 2]` in blocks, from sample `first` on; each block is made when it is asked for.

    Args:
        count: samples; None is without end.
        period: latents after which the piece begins again; the samples asked for lie before that.

    Raises:
        UsageError: a negative sample or count.
    """
    check_span(first, count)
    size = count_block_samples(codec)
    stop = None if count is None else first + count
    index = first // size
    while stop is None or (first < stop and index * size < stop):
        block = decode_block(codec, latents, index, period)
        begin = max(first - index * size, 0)
        end = size if stop is None else min(stop - index * size, size)
        yield block[begin:end]
        index += 1


def check_span(first: int, count: int | None) -> None:
    """Raises UsageError if a part of a piece begins before it, or has a negative length."""
    if first < 0 or (count is not None and count < 0):
        raise UsageError(f"samples {first} to {first} + {count} are not all from 0 on")


def decode_block(codec: Codec, latents: LatentSource, index: int, period: int = 0) -> np.ndarray:
    """Block `index` of the waveform, float32 `[count_block_samples, 2]`; nothing is clipped.

    Args:
        period: latents after which the piece begins again; 0 is never.
    """
    count = count_windows(codec)
    windows = range(index * count, (index + 1) * count)
    spans = [latents.get_span(w * codec.block - codec.context, (w + 1) * codec.block + codec.context) for w in windows]
    waveform = codec.decode_window_at(windows[0], np.stack(spans), period)  # [count, block hop_total, 2]
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
