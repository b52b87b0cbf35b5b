"""Pages of Ogg streams that libsndfile wrote: their serial number, and those that stand before the sound.

libsndfile draws serial numbers, so the same sound would not give the same file twice.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import BinaryIO

from musika.audio.crc import OGG, append_zeros, compute_crc
from musika.audio.layout.ogg import read_page
from musika.audio.layout.part import read_at

SERIAL, CHECKSUM = 14, 22  # where they stand in a page, four bytes each


def choose_serial(tags: Mapping[str, str]) -> int:
    """A serial number that is the same for the same tags, and most likely another one for others."""
    return zlib.crc32(repr(sorted(tags.items())).encode())


def measure_header(data: bytes) -> int:
    """Bytes of the pages at the beginning of an Ogg stream that hold no sound.

    Args:
        data: whole pages.
    """
    file, size = io.BytesIO(data), 0
    while (page := read_page(file, size)) is not None and page.position == 0:
        size = page.end
    return size


def set_serial(file: BinaryIO, serial: int) -> None:
    """Gives the only stream of an Ogg file, open for reading and writing, a serial number.

    The check sum is linear: it changes by the check sum of what changes in the page.
    """
    position = 0
    new = serial.to_bytes(4, "little")
    while (page := read_page(file, position)) is not None:
        head = read_at(file, position, CHECKSUM + 4)
        changed = bytes(a ^ b for a, b in zip(head[SERIAL : SERIAL + 4], new, strict=True))
        change = append_zeros(compute_crc(changed, OGG), OGG, page.end - page.start - SERIAL - 4)
        old = int.from_bytes(head[CHECKSUM:], "little")
        file.seek(position + SERIAL)
        file.write(new + head[SERIAL + 4 : CHECKSUM] + (old ^ change).to_bytes(4, "little"))
        position = page.end
    file.seek(0, 2)
