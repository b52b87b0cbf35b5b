"""A model whose settings can be heard: the truncation is the pitch, in hundreds of Hz."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from musika.render import Piece
from musika.score import Notes, Score
from tests.helpers.tones import BLOCK, RATE, ToneModel


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SteeredModel(ToneModel):
    """Plays one tone, and writes the notes of a scale."""

    name: str = "steered"

    def piece(self, seed: int, **settings: Any) -> Piece:
        return SteeredPiece(self, seed, self.make_settings(settings))

    def make_score(self, piece: Piece, start: float, seconds: float) -> Score:
        onsets = np.arange(np.ceil(start), start + seconds) - start
        count = len(onsets)
        pitches = 60 + (np.arange(count) + int(start)) % 12
        notes = Notes(onsets, onsets + 0.8, pitches, np.full(count, 80), np.zeros(count), np.zeros(count, bool))
        return Score(notes)


class SteeredPiece(Piece):
    """A tone of 100 Hz times the truncation."""

    def stream_samples(self, first: int, count: int | None = None, workers: Any = None) -> Iterator[np.ndarray]:
        stop = None if count is None else first + count
        while stop is None or first < stop:
            size = BLOCK if stop is None else min(BLOCK, stop - first)
            hertz = round(100 * self.settings.truncation)
            phases = np.arange(first, first + size) % RATE * hertz % RATE / RATE
            yield np.repeat(0.3 * np.sin(2 * np.pi * phases)[:, None], 2, axis=1).astype(np.float32)
            first += size
