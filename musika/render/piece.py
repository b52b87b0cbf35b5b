"""Music as a pure function of position: what sounds at second t depends on (generator, codec, seed, truncation, t).

A piece has no end. Its latents are generated in groups of half-windows, its waveform is decoded in batches of decoder
windows. Both begin at absolute multiples of one size and have one shape, wherever rendering begins and however long it
is. So a whole file, a stream, a seek and one worker of many give the same samples, bit for bit on one machine, and each
network is compiled once. Latents before the first are zero, as when the codec decodes a whole piece.

A model does not change while it is used: a call caches its latest groups of latents, and drops them at its end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from musika.codec.base import AUDIO_CHANNELS
from musika.errors import CheckpointError, UsageError
from musika.gan.coordinates import draw_rendering_coordinates
from musika.gan.noise import draw_rendering_noise
from musika.render.model import GROUP, Model

TRUNCATION = 2.0  # bound of the truncated normal that anchors and style are drawn from


def render(model: Model, seed: int, start: float, duration: float, truncation: float = TRUNCATION) -> np.ndarray:
    """A part of the piece of a seed.

    Args:
        start: seconds from the beginning of the piece, at least 0, without an upper limit.
        duration: seconds.

    Returns:
        Waveform `[round(duration * sample_rate), 2]` float32 in [-1, 1], from sample round(start * sample_rate) on.

    Raises:
        UsageError: a negative start or duration.
        CheckpointError: the networks give no finite numbers.
    """
    return render_samples(model, seed, model.count_samples(start), model.count_samples(duration), truncation)


def render_samples(model: Model, seed: int, first: int, count: int, truncation: float = TRUNCATION) -> np.ndarray:
    """`render`, in samples: `[count, 2]` from sample `first` on."""
    waveform = np.empty((max(count, 0), AUDIO_CHANNELS), np.float32)
    position = 0
    for block in stream_samples(model, seed, first, count, truncation):
        waveform[position : position + len(block)] = block
        position += len(block)
    return waveform


def stream(
    model: Model, seed: int, start: float = 0.0, truncation: float = TRUNCATION, duration: float | None = None
) -> Generator[np.ndarray, None, None]:
    """`render` in blocks `[n, 2]`, without end unless a duration (seconds) is given; one block ahead of its reader.

    The memory it takes does not depend on the duration.
    """
    count = None if duration is None else model.count_samples(duration)
    return prefetch(stream_samples(model, seed, model.count_samples(start), count, truncation))


def stream_samples(
    model: Model, seed: int, first: int, count: int | None = None, truncation: float = TRUNCATION
) -> Iterator[np.ndarray]:
    """`stream`, in samples, each block made when it is asked for."""
    if first < 0 or (count is not None and count < 0):
        raise UsageError(f"samples {first} to {first} + {count} are not all from 0 on")
    size = count_block_samples(model)
    stop = None if count is None else first + count
    latents = _Latents(model, seed, truncation)
    index = first // size
    while stop is None or (first < stop and index * size < stop):
        block = _decode_block(model, latents, index)
        begin = max(first - index * size, 0)
        end = size if stop is None else min(stop - index * size, size)
        yield block[begin:end]
        index += 1


def count_block_samples(model: Model) -> int:
    """Samples in one whole block of a stream."""
    return model.batch * model.codec.block * model.codec.hop_total


def measure_clipping(block: np.ndarray) -> float:
    """Share of a rendered block's numbers that are at full scale because they were clipped, 0 to 1."""
    return float(np.mean(np.abs(block) >= 1.0)) if block.size else 0.0


def prefetch(blocks: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """The same blocks; a thread makes the next one while this one is used."""
    iterator = iter(blocks)
    with ThreadPoolExecutor(1, thread_name_prefix="render") as worker:
        following = worker.submit(next, iterator, None)
        while (block := following.result()) is not None:
            following = worker.submit(next, iterator, None)
            yield block


def _decode_block(model: Model, latents: _Latents, index: int) -> np.ndarray:
    """Block `index` of the waveform, `[count_block_samples, 2]`, clipped to [-1, 1] sample by sample."""
    codec = model.codec
    windows = range(index * model.batch, (index + 1) * model.batch)
    spans = [latents.get_span(w * codec.block - codec.context, (w + 1) * codec.block + codec.context) for w in windows]
    waveform = codec.decode_window_at(windows[0], np.stack(spans))  # [batch, block hop_total, 2]
    if not np.isfinite(waveform).all():
        raise CheckpointError(f"{model.name} gives numbers that are not finite: its training has failed, take another")
    return np.clip(waveform, -1.0, 1.0).reshape(-1, AUDIO_CHANNELS)


class _Latents:
    """Latents of one piece by absolute number; the latest groups are cached."""

    def __init__(self, model: Model, seed: int, truncation: float) -> None:
        self.model, self.seed, self.truncation = model, seed, truncation
        self.size = GROUP * model.config.half_window  # latents in a group
        span = model.batch * model.codec.block + 2 * model.codec.context
        self.capacity = span // self.size + 2  # groups in the cache
        self.cache: OrderedDict[int, np.ndarray] = OrderedDict()

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """Latents `[stop - start, C]` from number `start` on; those before 0 are zero."""
        parts = [np.zeros((max(min(stop, 0) - start, 0), self.model.config.channels), np.float32)]
        start = max(start, 0)
        for index in range(start // self.size, -(-max(stop, 0) // self.size)):
            offset = index * self.size
            parts.append(self._get_group(index)[max(start - offset, 0) : stop - offset])
        return np.concatenate(parts)

    def _get_group(self, index: int) -> np.ndarray:
        """Group `index`, `[GROUP L/2, C]`."""
        if index not in self.cache:
            self.cache[index] = self._generate_group(index)
            if len(self.cache) > self.capacity:
                self.cache.popitem(last=False)
        return self.cache[index]

    def _generate_group(self, index: int) -> np.ndarray:
        config = self.model.config
        coordinates = draw_rendering_coordinates(config, self.seed, self.truncation, index * self.size, self.size)
        coordinates = coordinates.reshape(GROUP, config.half_window, -1)  # [GROUP, L/2, 2D]
        noise = draw_rendering_noise(config, self.seed, index * GROUP, GROUP)
        return self.model.generate(coordinates, noise).reshape(self.size, config.channels)
