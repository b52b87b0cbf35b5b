"""Sounds at another rate and with another number of channels, still as functions of position.

A recording keeps its own rate: what an edit does not touch is never resampled. Only what a network listens to is
brought to its rate, and what it made is brought back.
"""

from __future__ import annotations

import math

import numpy as np
import soxr  # type: ignore[import-untyped]

from musika.audio.convert import get_resampled_length
from musika.render import CachedSound, Sound, read_padded

CELL = 1 << 16  # samples of the result that are resampled at once, about
MARGIN = 0.05  # seconds on either side: further away, resampling is not heard


def adapt(sound: Sound, sample_rate: int, channels: int) -> Sound:
    """The same sound at another rate and with one or two channels; itself where it has both already."""
    if sound.channels != channels:
        sound = _OtherChannels(sound, channels)
    return sound if sound.sample_rate == sample_rate else _Resampled(sound, sample_rate)


class _OtherChannels:
    """One channel doubled, or the mean of two."""

    def __init__(self, sound: Sound, channels: int) -> None:
        self.sound, self.channels = sound, channels
        self.sample_rate, self.length = sound.sample_rate, sound.length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        samples = self.sound.read(first, count)
        if self.channels == 1:
            return samples.mean(axis=1, keepdims=True, dtype=np.float32)
        return np.repeat(samples, self.channels, axis=1)


class _Resampled(CachedSound):
    """A sound at another rate (soxr, high quality).

    It is resampled in cells of whole units, the shortest time with whole samples at both rates. So a sample depends on
    its number alone, wherever reading begins.
    """

    def __init__(self, sound: Sound, sample_rate: int) -> None:
        self.sound = sound
        common = math.gcd(sound.sample_rate, sample_rate)
        self.unit_in, self.unit_out = sound.sample_rate // common, sample_rate // common  # samples in a unit
        self.units = max(1, CELL // self.unit_out)  # in a cell
        self.margin = math.ceil(MARGIN * common)  # units
        length = sound.length
        if length is not None:
            length = get_resampled_length(length, sound.sample_rate, sample_rate)
        super().__init__(sample_rate, sound.channels, length, self.units * self.unit_out)

    def make_block(self, index: int) -> np.ndarray:
        first = (index * self.units - self.margin) * self.unit_in
        samples = read_padded(self.sound, first, (self.units + 2 * self.margin) * self.unit_in)
        samples = soxr.resample(samples, self.sound.sample_rate, self.sample_rate, quality="HQ")
        offset = self.margin * self.unit_out
        return samples[offset : offset + self.size].astype(np.float32)
