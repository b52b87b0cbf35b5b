"""Sounds that edits are made of: encoded, decoded, cut, one after another."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from musika.codec.base import AUDIO_CHANNELS
from musika.edit.convert import adapt
from musika.edit.editor import HasCodec
from musika.edit.latents import EncodedLatents
from musika.render import (
    CachedSound,
    GeneratorModel,
    LatentSource,
    Sound,
    count_block_samples,
    decode_samples,
    read_padded,
)


def encode_sound(editor: HasCodec, sound: Sound) -> EncodedLatents:
    return EncodedLatents(editor, adapt(sound, editor.codec.sample_rate, AUDIO_CHANNELS), count_span(editor))


def count_span(editor: HasCodec) -> int:
    """The most latents that are read at once."""
    around = 2 * editor.codec.context + editor.codec.block
    if isinstance(editor, GeneratorModel):
        return around
    return around + 2 * getattr(editor, "reach", 0) + getattr(editor, "step", 0)


def decode_latents(editor: HasCodec, latents: LatentSource, sound: Sound, stop: int | None) -> Sound:
    """Latents as a sound without end, of the rate and the channels of another.

    Args:
        stop: samples of the sound that are read, most of the time; None is without end.
    """
    codec = editor.codec
    last = None if stop is None else count_latents(editor, sound, stop) + codec.context
    ahead = LatentsAhead(latents, codec.block, last)
    return adapt(DecodedSound(editor, ahead), sound.sample_rate, sound.channels)


def count_latents(editor: HasCodec, sound: Sound, samples: int) -> int:
    """Latents of so many samples of a sound."""
    return editor.codec.count_latents(round(samples * editor.codec.sample_rate / sound.sample_rate))


class LatentsAhead:
    """A source whose latents are computed in a thread of its own, the next ones while the last ones are decoded.

    Args:
        source: belongs to that thread alone.
        stride: latents from one window that is read to the next one.
        stop: latents before which the next ones begin, or nothing is computed ahead; None is without end.
    """

    def __init__(self, source: LatentSource, stride: int, stop: int | None) -> None:
        self.source, self.stride, self.stop = source, stride, stop
        self.channels = source.channels
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="latents")
        self._ahead: tuple[tuple[int, int], Future[np.ndarray]] | None = None

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """As `LatentSource` says."""
        if self._ahead is not None and self._ahead[0] == (start, stop):
            found = self._ahead[1]
        else:
            found = self._worker.submit(self.source.get_span, start, stop)
        self._ahead, latents = None, found.result()
        following = (start + self.stride, stop + self.stride)
        if self.stop is None or following[0] < self.stop:
            self._ahead = following, self._worker.submit(self.source.get_span, *following)
        return latents


class SharedSound:
    """A sound that several threads may read, one at a time."""

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self.sample_rate, self.channels, self.length = sound.sample_rate, sound.channels, sound.length
        self._lock = threading.Lock()

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        with self._lock:
            return self.sound.read(first, count)


class DecodedSound(CachedSound):
    """Latents, decoded in blocks at absolute positions."""

    def __init__(self, editor: HasCodec, latents: LatentSource) -> None:
        codec = editor.codec
        super().__init__(codec.sample_rate, AUDIO_CHANNELS, None, count_block_samples(codec))
        self.codec, self.latents = codec, latents

    def make_block(self, index: int) -> np.ndarray:
        (block,) = decode_samples(self.codec, self.latents, index * self.size, self.size)
        return block


class CutSound:
    """The beginning of a sound."""

    def __init__(self, sound: Sound, length: int) -> None:
        self.sound = sound
        self.sample_rate, self.channels = sound.sample_rate, sound.channels
        self.length: int | None = length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        return self.sound.read(first, count)


class SoundSequence:
    """A sound, and another one that begins `start` samples later and replaces it; silence where there is none."""

    def __init__(self, sound: Sound | None, other: Sound, start: int) -> None:
        self.sound, self.other, self.start = sound, other, start
        self.sample_rate, self.channels = other.sample_rate, other.channels
        self.length = None if other.length is None else start + other.length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        before = min(max(self.start - first, 0), count)
        parts = [self.other.read(max(first - self.start, 0), count - before)]
        if before and self.sound is not None:
            parts.insert(0, self.sound.read(first, before))
        elif before:
            parts.insert(0, np.zeros((before, self.channels), np.float32))
        return np.concatenate(parts)


class PlacedSound:
    """A sound that begins at sample `start`, which may be negative, times a gain; silence before it. It has no end."""

    def __init__(self, sound: Sound, start: int, gain: float = 1.0) -> None:
        self.sound, self.start, self.gain = sound, start, np.float32(gain)
        self.sample_rate, self.channels = sound.sample_rate, sound.channels
        self.length: int | None = None

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        return read_padded(self.sound, first - self.start, count) * self.gain
