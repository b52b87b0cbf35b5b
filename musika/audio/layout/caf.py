"""Apple's CAF files."""

from __future__ import annotations

import struct
from typing import BinaryIO

from musika.audio.layout.part import Layout, Part, make_whole_layout, read_at
from musika.audio.layout.sizes import is_name, resolve_end

EDIT_COUNT = 4  # bytes between the size of the `data` chunk and the samples


def read_caf(file: BinaryIO, size: int) -> Layout:
    """The layout of a CAF file; a size of -1 means that the samples reach to the end of the file.

    Raises:
        Unreadable: it is cut.
    """
    position = 8
    while size - position >= 12:
        name, stated = struct.unpack(">4sq", read_at(file, position, 12))
        content = position + 12
        if name == b"data":
            start = content + EDIT_COUNT
            end = resolve_end(
                start, stated - EDIT_COUNT, size, is_complete=lambda end: _are_chunks(file, end, size), bits=64
            )
            if end - content == stated:
                break
            length = struct.pack(">q", end - content)
            return Layout((Part((range(position + 4), length, range(content, end))),))
        if not is_name(name) or stated < 0:
            break
        position = content + stated
    return make_whole_layout(size)


def _are_chunks(file: BinaryIO, position: int, size: int) -> bool:
    """Whether whole chunks, or nothing, lie between a position and the end of the file."""
    while size - position >= 12:
        name, stated = struct.unpack(">4sq", read_at(file, position, 12))
        if not is_name(name) or stated < 0:
            return False
        position += 12 + stated
    return 0 <= size - position < 12


def make_caf_header(
    rate: float, channels: int, bits: int, is_float: bool, is_little_endian: bool, length: int
) -> bytes:
    """All that stands before uncompressed samples.

    Args:
        rate: Hz.
        channels: how many.
        bits: of a sample.
        is_float: whether samples are floats.
        is_little_endian: whether the lowest byte of a sample comes first.
        length: bytes of samples.
    """
    flags = int(is_float) + 2 * int(is_little_endian)
    frame = channels * ((bits + 7) // 8)
    described = struct.pack(">d4sIIIII", rate, b"lpcm", flags, frame, 1, channels, bits)
    head = b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", len(described)) + described
    return head + b"data" + struct.pack(">q", EDIT_COUNT + length) + bytes(EDIT_COUNT)
