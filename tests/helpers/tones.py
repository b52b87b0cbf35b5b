"""A model without networks, for tests of what plays music: each seed is a chord of its own, a function of position."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from musika.codec.base import Codec
from musika.config import GeneratorSettings
from musika.render import LatentSource, Model, Piece

RATE = 44_100
BLOCK = 1 << 15  # samples


class ToneCodec(Codec):
    """Says the sample rate; it is never asked to decode."""

    channels, hop_total, sample_rate, identity, block, context = 4, 4096, RATE, "tones", 8, 0

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ToneModel(Model):
    """Makes chords; counts the blocks that it made."""

    codec: Codec = dataclasses.field(default_factory=ToneCodec)
    name: str = "tones"
    made: list[int] = dataclasses.field(default_factory=list)
    slowness: float = 0.0  # seconds that a block takes
    settings_kind = GeneratorSettings

    def make_latents(self, piece: Piece) -> LatentSource:
        raise NotImplementedError

    def piece(self, seed: int, **settings: Any) -> Piece:
        return TonePiece(self, seed, self.make_settings(settings))


class TonePiece(Piece):
    """A chord."""

    def stream_samples(self, first: int, count: int | None = None, workers: Any = None) -> Iterator[np.ndarray]:
        stop = None if count is None else first + count
        while stop is None or first < stop:
            size = BLOCK - first % BLOCK if stop is None else min(BLOCK - first % BLOCK, stop - first)
            if self.model.slowness:
                time.sleep(self.model.slowness)
            self.model.made.append(first // BLOCK)
            yield compute_chord(self.seed, first, size)
            first += size


def compute_chord(seed: int, first: int, count: int) -> np.ndarray:
    """Samples `first` to `first + count` of the chord of a seed, float32 `[count, 2]`."""
    tenths = np.array([2200, 2773 + 100 * (seed % 50)])  # of 1 Hz, so that the chord repeats after 10 s
    cycles = np.arange(first, first + count)[:, None] * tenths % (10 * RATE)
    return (np.sin(2 * np.pi * cycles / (10 * RATE)) * 0.3).astype(np.float32)
