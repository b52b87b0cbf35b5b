"""What a layout consists of: parts of a file that a decoder reads as if each were a file of its own."""

from __future__ import annotations

import dataclasses
import io
from typing import Any, BinaryIO

# Samples of MPEG audio that may be missing: decoders drop first frames that need others before them, and take off the
# silence of the encoder that an MP3's tag states.
SLACK = 12_288


class Unreadable(Exception):
    """What is wrong with a file, as the end of a sentence that begins with its name."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A stretch of sound in one format.

    Attributes:
        pieces: what a decoder is given, in order: ranges of bytes of the file, and bytes that replace a wrong header.
        streamed: whether a decoder must not know the part's size, because it would guess a length from that.
        samples: how many the frames of MPEG audio hold per channel; None for other formats.
    """

    pieces: tuple[bytes | range, ...]
    streamed: bool = False
    samples: int | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.pieces))

    def check_length(self, decoded: int, rate: int) -> None:
        """Checks that a decoder gave about as many samples per channel as there are.

        Raises:
            Unreadable: it gave fewer.
        """
        if self.samples is not None and decoded < self.samples - SLACK:
            raise Unreadable(describe_cut(self.samples / rate, decoded / rate))

    def is_whole_file(self, size: int) -> bool:
        """Whether this is just the file of `size` bytes as it is."""
        return self.pieces == (range(size),) and not self.streamed


@dataclasses.dataclass(frozen=True)
class Layout:
    """The parts of a file in order, and remarks for a person, each the end of a sentence that begins with its name."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def describe_cut(promised: float, held: float) -> str:
    """What is wrong with a file that holds fewer seconds of sound than it should."""
    return f"is truncated: it should hold {promised:.1f} s of sound, and it holds {held:.1f} s"


def make_whole_layout(size: int) -> Layout:
    """The layout of a file of `size` bytes that a decoder reads as it is."""
    return Layout((Part((range(size),)),))


def read_at(file: BinaryIO, position: int, size: int) -> bytes:
    """Bytes from a position on, fewer at the end of the file."""
    file.seek(position)
    return file.read(size)


class PartFile(io.RawIOBase):
    """A part as a file object."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        super().__init__()
        self._file, self._part, self._position = file, part, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position, counted from the start, from here, or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._part.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer, from several pieces if need be; returns how many bytes there were."""
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target) and (data := self._read_from_one_piece(len(target) - done)):
            target[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done

    def _read_from_one_piece(self, size: int) -> bytes:
        """Bytes at the position, as far as its piece reaches."""
        start = 0
        for piece in self._part.pieces:
            offset = self._position - start
            if offset < len(piece):
                if isinstance(piece, bytes):
                    return piece[offset : offset + size]
                return read_at(self._file, piece.start + offset, min(size, len(piece) - offset))
            start += len(piece)
        return b""
