"""Latents of a piece as a function of position: what everything after it (decoding, levels, streams, files) takes.

A source computes latents wherever it is asked, in any order. It computes them in groups at absolute multiples of one
size, so that networks see one shape and a latent never depends on what was asked for. The latest groups are cached.
"""

from __future__ import annotations

import abc
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from musika.config import GeneratorConfig
from musika.gan.noise import draw_rendering_noise
from musika.gan.rendering_coordinates import RenderingCoordinates

GROUP = 2  # half-windows that the generator makes at once: with fewer it is slower, with more it answers later

Generate = Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]


class LatentSource(Protocol):
    """The latents of one piece. A source belongs to one reader: threads have one each."""

    channels: int

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """Latents `start` to `stop`, float32 `[stop - start, C]`.

        They depend on the piece and on their numbers alone. Latents before number 0 are zero, as when the codec decodes
        a whole piece; a piece that loops has the end of the loop there.
        """


class GroupedLatents(abc.ABC):
    """A source that computes groups of one size, and keeps those that the next blocks need.

    Args:
        channels: C, numbers in a latent.
        size: latents in a group; group k has latents k size to (k + 1) size.
        span: most latents that are read at once.
    """

    def __init__(self, channels: int, size: int, span: int) -> None:
        self.channels, self.size = channels, size
        self.capacity = span // size + 2  # groups in the cache
        self.cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self.end: int | None = None  # latent from which on none will be asked for; None where that is not known

    @abc.abstractmethod
    def make_group(self, index: int) -> np.ndarray:
        """Group `index`, from 0 on, float32 `[size, C]`: a pure function of the index."""

    def announce_end(self, stop: int) -> None:
        """Says that no latent from `stop` on will be asked for: sources that work ahead end there."""
        self.end = stop

    def close(self) -> None:
        """Says that nothing will be asked for any more: sources that work ahead end that."""
        return

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """As `LatentSource` says."""
        parts = [np.zeros((max(min(stop, 0) - start, 0), self.channels), np.float32)]
        start = max(start, 0)
        for index in range(start // self.size, -(-max(stop, 0) // self.size)):
            offset = index * self.size
            parts.append(self._get_group(index)[max(start - offset, 0) : stop - offset])
        return np.concatenate(parts)

    def _get_group(self, index: int) -> np.ndarray:
        if index not in self.cache:
            self.cache[index] = self.make_group(index)
            if len(self.cache) > self.capacity:
                self.cache.popitem(last=False)
        return self.cache[index]


class CoordinateLatents(GroupedLatents):
    """What a generator makes of the coordinates and the noise of a seed.

    Args:
        config: the generator's sizes.
        generate: coordinates `[GROUP, L/2, 2D]` and noise `[GROUP, t, 1]` a layer to latents `[GROUP, L/2, C]`.
        coordinates: of the piece.
        span: as `GroupedLatents` has it.
    """

    def __init__(
        self, config: GeneratorConfig, generate: Generate, coordinates: RenderingCoordinates, span: int
    ) -> None:
        super().__init__(config.channels, GROUP * config.half_window, span)
        self.config, self.generate, self.coordinates = config, generate, coordinates

    def make_group(self, index: int) -> np.ndarray:
        config = self.config
        coordinates = self.coordinates.compute(index * self.size, self.size)
        coordinates = coordinates.reshape(GROUP, config.half_window, -1)  # [GROUP, L/2, 2D]
        noise = draw_rendering_noise(config, self.coordinates.seed, index * GROUP, GROUP)
        return self.generate(coordinates, noise).reshape(self.size, config.channels)


class LoopedLatents:
    """The first `period` latents of a source, again and again, also before number 0.

    Args:
        source: whose latents `period` ... go on as if its beginning followed.
        offset: latent of the source that is number 0.
    """

    def __init__(self, source: LatentSource, period: int, offset: int = 0) -> None:
        self.source, self.period, self.offset = source, period, offset
        self.channels = source.channels

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """As `LatentSource` says."""
        parts = [np.zeros((0, self.channels), np.float32)]
        while start < stop:
            place = (start + self.offset) % self.period
            count = min(stop - start, self.period - place)
            parts.append(self.source.get_span(place, place + count))
            start += count
        return np.concatenate(parts)


def close_latents(latents: LatentSource) -> None:
    """Ends what a source computes ahead, since nothing will be asked for any more."""
    source = latents.source if isinstance(latents, LoopedLatents) else latents
    if isinstance(source, GroupedLatents):
        source.close()
