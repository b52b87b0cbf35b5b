"""FLAC files: what programs append, and files one after another."""

from __future__ import annotations

import re
from typing import BinaryIO

from musika.audio.crc import FLAC, compute_crc
from musika.audio.layout import tags
from musika.audio.layout.part import Layout, Part, make_whole_layout, read_at

BLOCK = 1 << 20  # bytes read at once
SYNC = re.compile(rb"\xff[\xf8\xf9]")  # how a frame begins
MOST_SYNCS = 32  # bytes like those in the last frame that are tried
LARGEST_FRAME = 1 << 16  # bytes at the end of the sound in which the last frame is searched for
# how a file begins: its name, then a description of the stream of 34 bytes, which is not (0) or is (128) all metadata
STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


def read_flac(file: BinaryIO, start: int, size: int) -> Layout:
    """The layout of a FLAC file that begins at `start`, behind ID3v2 tags: each of the files in it is a part."""
    end = tags.find_end(file, start, size)
    end += _count_zeros(file, start, end, size)
    starts = [start, *_find_starts(file, start + len(STARTS[0]), end)]
    if len(starts) == 1 and (start, end) == (0, size):
        return make_whole_layout(size)
    return Layout(tuple(Part((range(a, b),)) for a, b in zip(starts, [*starts[1:], end], strict=True)))


def _count_zeros(file: BinaryIO, start: int, end: int, size: int) -> int:
    """How many of the zeros behind `end` belong to the last frame, as the end of its check sum: 0, 1 or 2.

    The check sum of a frame with its own check sum behind it is 0.
    """
    zeros = read_at(file, end, min(2, size - end))
    if not zeros.startswith(b"\0"):
        return 0
    place = max(start, end - LARGEST_FRAME)
    data = read_at(file, place, end - place)
    for sync in [match.start() for match in SYNC.finditer(data)][: -MOST_SYNCS - 1 : -1]:
        crc = compute_crc(data[sync:], FLAC)
        for count in range(len(zeros) + 1):
            if compute_crc(zeros[:count], FLAC, crc) == 0:
                return count
    return 0


def _find_starts(file: BinaryIO, position: int, end: int) -> list[int]:
    """Where further FLAC files begin between two positions."""
    found = []
    while position < end:
        block = read_at(file, position, min(BLOCK, end - position))
        places = [place for start in STARTS if (place := block.find(start)) >= 0]
        if places:
            found.append(position + min(places))
            position += min(places) + len(STARTS[0])
        else:
            position += max(1, len(block) - len(STARTS[0]) + 1)
    return found
