"""Pieces that are being read in several requests, one after the other.

A page plays a piece in short requests, since browsers allow six connections to a server, whatever the number of tabs.
The next request often begins where the last one ended. What was computed for it and not yet sent is kept for a short
time, so that no block is decoded twice. It is a cache: a reader that begins anew gives the same samples.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from musika.render import Piece

MOST = 32  # readers that are kept; each holds a block of a few seconds
PATIENCE = 60.0  # seconds that one is kept


class PieceReader:
    """Reads a piece from a sample on.

    Args:
        piece: what is read.
        first: the first sample.
    """

    def __init__(self, piece: Piece, first: int) -> None:
        self.piece, self.position = piece, first
        self._blocks = piece.stream_samples(first)
        self._rest = np.empty((0, 2), np.float32)

    def read_parts(self, size: int, count: int | None = None) -> Iterator[np.ndarray]:
        """The next samples `[n, 2]` in parts of `size`.

        Args:
            count: samples; None is without end.
        """
        while count is None or count > 0:
            part = self._read(size if count is None else min(size, count))
            if not len(part):
                return
            count = None if count is None else count - len(part)
            yield part

    def _read(self, count: int) -> np.ndarray:
        """`count` samples, fewer where the piece ends."""
        held, length = [self._rest], len(self._rest)
        while length < count and (block := next(self._blocks, None)) is not None:
            held.append(block)
            length += len(block)
        joined = np.concatenate(held)
        self._rest = joined[count:]
        self.position += min(count, length)
        return joined[:count]


class OpenPieces:
    """Readers by piece and next sample; each is given away once. Used from one thread."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most, self._patience = most, patience
        self._readers: OrderedDict[tuple[Piece, int], tuple[float, PieceReader]] = OrderedDict()

    def take(self, piece: Piece, first: int) -> PieceReader:
        """A reader of a piece from a sample on: one that stopped there, or a new one."""
        self._forget_old()
        _, reader = self._readers.pop((piece, first), (0.0, None))
        return PieceReader(piece, first) if reader is None else reader

    def keep(self, reader: PieceReader) -> None:
        """Takes a reader back that nobody uses any more."""
        self._readers[reader.piece, reader.position] = time.monotonic(), reader
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._patience
        while self._readers:
            kept, _ = next(iter(self._readers.values()))
            if len(self._readers) <= self._most and kept >= oldest:
                return
            self._readers.popitem(last=False)
