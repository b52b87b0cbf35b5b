"""Sounds that edits are made of: encoded, decoded, cut, one after another."""

from __future__ import annotations

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


def decode_latents(editor: HasCodec, latents: LatentSource, sound: Sound) -> Sound:
    """Latents as a sound without end, of the rate and the channels of another."""
    return adapt(DecodedSound(editor, latents), sound.sample_rate, sound.channels)


def count_latents(editor: HasCodec, sound: Sound, samples: int) -> int:
    """Latents of so many samples of a sound."""
    return editor.codec.count_latents(round(samples * editor.codec.sample_rate / sound.sample_rate))


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
