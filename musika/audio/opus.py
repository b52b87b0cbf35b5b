"""The end of an Opus file: libsndfile (1.2) does not flush its encoder, so the last 6.5 ms would be noise.

The encoder is given that much silence more, and the length on the file's last page is corrected afterwards.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from musika.audio.crc import OGG, compute_crc
from musika.audio.layout.ogg import NAME, Page, read_page

LOOKAHEAD = 312  # samples at 48 kHz by which the encoder lags behind
TAIL = 131_072  # bytes at the end of a file that hold its last page, which has 65 307 at most


def shorten(file: BinaryIO, samples: int) -> None:
    """Takes samples (at 48 kHz) off the end of an Ogg Opus file that is open for reading and writing.

    Raises:
        ValueError: the file does not end with a whole Ogg page.
    """
    last = _find_last_page(file)
    file.seek(last.start)
    page = bytearray(file.read())
    page[6:14] = (last.position - samples).to_bytes(8, "little")
    page[22:26] = bytes(4)
    page[22:26] = compute_crc(page, OGG).to_bytes(4, "little")
    file.seek(last.start)
    file.write(page)


def _find_last_page(file: BinaryIO) -> Page:
    """The page that ends with the file."""
    size = file.seek(0, os.SEEK_END)
    first = file.seek(max(0, size - TAIL))
    tail = file.read()
    start = tail.rfind(NAME)
    while start >= 0:
        page = read_page(file, first + start)
        if page is not None and page.end == size:
            return page
        start = tail.rfind(NAME, 0, start)
    raise ValueError("no whole Ogg page at the end")
