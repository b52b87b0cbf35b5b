"""Sound as a function of position, and edits of it: what pieces, recordings and everything made of them have in common.

An edit turns one sound into another. So edits compose, and taking one away undoes it. This package applies them and
does not know what they do (`musika/edit/` does).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from musika.errors import UsageError

BLOCK = 1 << 16  # samples that are read at once


class Sound(Protocol):
    """A waveform of which any stretch can be asked for, in any order. A sound belongs to one reader.

    Attributes:
        sample_rate: Hz.
        channels: 1 or 2.
        length: samples; None where it has no end.
    """

    sample_rate: int
    channels: int
    length: int | None

    def read(self, first: int, count: int) -> np.ndarray:
        """Samples `first` to `first + count`, all of them within the sound, float32 `[count, channels]`.

        They depend on the sound and on their numbers alone.
        """


class SoundEdit(Protocol):
    """An edit with all that it needs to be applied."""

    def apply(self, sound: Sound) -> Sound:
        """The edited sound.

        Raises:
            UsageError: the edit does not fit the sound.
        """


class CachedSound:
    """A sound that is made in blocks of one size and keeps the latest ones.

    Args:
        size: samples in a block; block k has samples k size to (k + 1) size.
    """

    def __init__(self, sample_rate: int, channels: int, length: int | None, size: int, kept: int = 4) -> None:
        self.sample_rate, self.channels, self.length = sample_rate, channels, length
        self.size, self.kept = size, kept
        self.cache: OrderedDict[int, np.ndarray] = OrderedDict()

    def make_block(self, index: int) -> np.ndarray:
        """Block `index`, float32 `[size, channels]`; beyond the end of the sound it may hold anything."""
        raise NotImplementedError

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        parts = [np.zeros((0, self.channels), np.float32)]
        for index in range(first // self.size, -(-(first + count) // self.size) if count else 0):
            offset = index * self.size
            parts.append(self._get_block(index)[max(first - offset, 0) : first + count - offset])
        return np.concatenate(parts)

    def _get_block(self, index: int) -> np.ndarray:
        if index not in self.cache:
            self.cache[index] = self.make_block(index)
            if len(self.cache) > self.kept:
                self.cache.popitem(last=False)
        return self.cache[index]


def apply_edits(sound: Sound, edits: Sequence[SoundEdit]) -> Sound:
    """The sound after all edits, in their order."""
    for edit in edits:
        sound = edit.apply(sound)
    return sound


def read_padded(sound: Sound, first: int, count: int) -> np.ndarray:
    """`Sound.read` of any stretch: zeros before the beginning and after the end."""
    end = first + count if sound.length is None else min(first + count, sound.length)
    start = min(max(first, 0), max(end, 0))
    inside = sound.read(start, max(end - start, 0)) if end > start else np.zeros((0, sound.channels), np.float32)
    before = min(max(start - first, 0), count)
    return np.pad(inside, ((before, count - before - len(inside)), (0, 0)))


def find_stop(sound: Sound, first: int, count: int | None) -> int | None:
    """The sample that a stretch ends before; None where it has no end. Arguments and errors as `read_in_blocks` has."""
    if first < 0 or (count is not None and count < 0):
        raise UsageError(f"samples {first} to {first} + {count} are not all from 0 on")
    stop = sound.length if count is None else first + count
    if sound.length is not None and stop is not None and max(first, stop) > sound.length:
        raise UsageError(f"the sound ends after {sound.length / sound.sample_rate:.3f} s")
    return stop


def read_in_blocks(sound: Sound, first: int, count: int | None) -> Iterator[np.ndarray]:
    """A stretch of a sound in blocks, without end where `count` is None and the sound has none.

    Raises:
        UsageError: a negative first sample or count, or a stretch that does not lie within the sound.
    """
    stop = find_stop(sound, first, count)
    while stop is None or first < stop:
        # blocks end at multiples of one size, so that they fit those in which sound is made
        end = (first // BLOCK + 1) * BLOCK if stop is None else min((first // BLOCK + 1) * BLOCK, stop)
        yield sound.read(first, end - first)
        first = end
