"""Sun's AU files (also with the ending `.snd`)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from musika.audio.layout.part import Layout, Part, make_whole_layout, read_at
from musika.audio.layout.sizes import resolve_end

UNKNOWN = 0xFFFF_FFFF  # a size that means: to the end of the file


def read_au(file: BinaryIO, size: int) -> Layout:
    """The layout of an AU file.

    Raises:
        Unreadable: it is cut.
    """
    head = read_at(file, 0, 12)
    if len(head) < 12:
        return make_whole_layout(size)
    order = "<" if head[:4] == b"dns." else ">"
    start, stated = struct.unpack_from(f"{order}II", head, 4)
    end = resolve_end(start, stated, size)
    if end - start == stated or stated == UNKNOWN:
        return make_whole_layout(size)
    return Layout((Part((range(8), struct.pack(">I", UNKNOWN), range(12, end))),))
