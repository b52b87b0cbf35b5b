"""AIFF and AIFC files."""

from __future__ import annotations

import struct
from typing import BinaryIO

from musika.audio.layout.caf import make_caf_header
from musika.audio.layout.part import Layout, Part, Unreadable, make_whole_layout, read_at
from musika.audio.layout.sizes import (
    STREAM_LIMITS,
    are_chunks,
    describe_rest,
    find_trailing_chunks,
    resolve_end,
    walk_chunks,
)

SOX_LIMIT = 0x7F00_0000  # bytes that sox promises where it writes into a pipe
MOST = (1 << 32) - (1 << 16)  # bytes of samples that fit into 32 bits together with a header
# AIFC's names of uncompressed samples -> whether they are floats, whether the lowest byte comes first
UNCOMPRESSED = {
    b"NONE": (False, False),
    b"twos": (False, False),
    b"sowt": (False, True),
    b"fl32": (True, False),
    b"FL32": (True, False),
    b"fl64": (True, False),
    b"FL64": (True, False),
}


def read_aiff(file: BinaryIO, size: int) -> Layout:
    """The layout of an AIFF or AIFC file.

    Raises:
        Unreadable: it is cut.
    """
    described = sound = None
    for name, start, length in walk_chunks(file, 12, size, ">"):
        if name == b"COMM" and 18 <= length < 1 << 16:
            described = start, read_at(file, start, length)
        if name == b"SSND":
            sound = start, length
    if sound is None:
        return make_whole_layout(size)
    frame = 0
    if described is not None:
        place, content = described
        channels, _, bits = struct.unpack_from(">HIH", content)
        frame = channels * ((bits + 7) // 8)
    field = sound[0] - 4
    start = sound[0] + 8 + int.from_bytes(read_at(file, sound[0], 4), "big")  # two numbers stand before the samples
    stated = sound[0] + sound[1] - start

    def is_complete(end: int) -> bool:
        return are_chunks(file, end, size, ">")

    end = resolve_end(start, stated, size, frame, is_complete, stream_limits=(*STREAM_LIMITS, SOX_LIMIT))
    if end == size and end - start != stated:
        end = find_trailing_chunks(file, start, size, ">")
    notes = () if is_complete(end) else describe_rest(end, size)
    if end - start == stated or described is None:
        return Layout(make_whole_layout(size).parts, notes)
    if end - start > MOST:
        return Layout((Part((_make_long_header(content, end - start), range(start, end))),), notes)
    form_size, frames, sound_size = (
        struct.pack(">I", number) for number in (end - 8, (end - start) // max(1, frame), end - sound[0])
    )
    before: tuple[bytes | range, ...] = (range(4), form_size, range(8, place + 2), frames, range(place + 6, field))
    return Layout((Part((*before, sound_size, range(field + 4, end))),), notes)


def _make_long_header(content: bytes, length: int) -> bytes:
    """A header for as many bytes of samples as no AIFF header can state."""
    encoding = content[18:22] or b"NONE"
    if encoding not in UNCOMPRESSED:
        raise Unreadable(
            f"is an AIFF file of more than 4 GiB in the encoding {encoding!r}, which is not supported at that length; "
            "save it as WAV or FLAC"
        )
    is_float, is_little_endian = UNCOMPRESSED[encoding]
    channels, _, bits = struct.unpack_from(">HIH", content)
    exponent, mantissa = struct.unpack_from(">HQ", content, 8)  # the rate, as a float of 80 bits
    rate = mantissa * 2.0 ** (exponent - 16383 - 63) if exponent < 0x4040 else 0.0
    return make_caf_header(rate, channels, bits, is_float, is_little_endian, length)
