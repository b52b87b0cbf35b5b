"""The end of an Opus file: libsndfile (1.2) does not flush its encoder, so the last 6.5 ms would be noise.

The encoder is given that much silence more, and the length on the file's last page is put right afterwards.
"""

from __future__ import annotations

from typing import BinaryIO

from musika.audio.crc import OGG, compute_crc

LOOKAHEAD = 312  # samples at 48 kHz by which the encoder lags behind
_TAIL = 131_072  # bytes at the end of a file that hold its last page, which has 65 307 at most


def shorten(file: BinaryIO, samples: int) -> None:
    """Takes samples (at 48 kHz) off the end of an Ogg Opus file that is open for reading and writing.

    Raises:
        ValueError: the file does not end with a whole Ogg page.
    """
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    start = _last_page(tail)
    page = bytearray(tail[start:])
    position = int.from_bytes(page[6:14], "little") - samples  # samples up to the end of this page
    page[6:14] = position.to_bytes(8, "little")
    page[22:26] = bytes(4)
    page[22:26] = compute_crc(page, OGG).to_bytes(4, "little")
    file.seek(size - len(page))
    file.write(page)


def _last_page(tail: bytes) -> int:
    """Where the page begins that ends with `tail`."""
    start = tail.rfind(b"OggS")
    while start >= 0:
        page = tail[start:]
        if len(page) > 27 and len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]]):
            return start
        start = tail.rfind(b"OggS", 0, start)
    raise ValueError("no whole Ogg page at the end")
