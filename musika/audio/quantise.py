"""Samples as an encoder takes them: rounded to 16 bits with dither, to 24 bits without, or floats.

Samples that 16 bits hold exactly stay as they are.

What becomes of a sample depends on its value and its place in the file alone, not on the blocks that it comes in.
"""

from __future__ import annotations

import numpy as np

from musika.audio.encodings import Encoding
from musika.draws import integers

DITHER_BLOCK = 1 << 16  # samples whose dither is drawn at once


class Quantiser:
    """Rounds a waveform, block after block.

    Attributes:
        clipped_samples: of all channels so far: those beyond full scale, which were clipped. Floats are not clipped.
    """

    def __init__(self, encoding: Encoding, channels: int) -> None:
        self._bits, self._channels = encoding.bits, channels
        self._position = 0
        self._drawn = -1  # number of the block of dither that `_dither` holds
        self._dither = np.empty((0, channels), np.float32)
        self.clipped_samples = 0

    def quantise(self, block: np.ndarray) -> np.ndarray:
        """The next samples, `[n, channels]` float32, as int16, as int32 (24 bits, the lowest byte is 0), or float32."""
        first, self._position = self._position, self._position + len(block)
        if self._bits == "32f":
            return block
        self.clipped_samples += int(np.count_nonzero(np.abs(block) > 1))
        if self._bits == "24":
            steps = np.rint(block.astype(np.float64) * 2.0**23)
            return np.clip(steps, -(2**23), 2**23 - 1).astype(np.int32) << 8
        if self._bits != "16":
            return np.clip(block, -1, 1)
        exact = block * np.float32(32768)
        steps16 = np.rint(exact + self._get_dither(first, len(block)))
        # a sample that fits exactly needs no dither: what was read from 16 bits is written as it was
        steps16 = np.where(exact == np.rint(exact), exact, steps16)
        return np.clip(steps16, -32768, 32767).astype(np.int16)

    def _get_dither(self, first: int, count: int) -> np.ndarray:
        """Dither of samples `first` to `first + count`, `[count, channels]`, in steps of 16 bits.

        The difference of two uniform numbers is triangular noise of ±1 step: with it, the error of rounding no longer
        depends on the sound.
        """
        parts = []
        while count:
            index, offset = divmod(first, DITHER_BLOCK)
            if index != self._drawn:
                self._drawn, self._dither = index, self._draw_dither(index)
            part = self._dither[offset : offset + count]
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return np.concatenate(parts) if parts else np.empty((0, self._channels), np.float32)

    def _draw_dither(self, index: int) -> np.ndarray:
        numbers = integers(0, "dither", index, DITHER_BLOCK * self._channels)
        halves = numbers.astype("<u8").view("<i4").astype(np.float32)  # [2 · DITHER_BLOCK · channels]
        return ((halves[::2] - halves[1::2]) * np.float32(2.0**-32)).reshape(-1, self._channels)
