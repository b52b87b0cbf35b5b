"""Whether two audio files have the same content."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from musika.files import have_same_bytes

CAPTURE = b"OggS"  # begins every page of an Ogg file
HEADER = 27  # bytes before a page's table of lengths


def have_same_content(first: Path, second: Path) -> bool:
    """Whether two files have the same bytes, apart from the serial number of Ogg streams, which is random.

    Raises:
        OSError: a file cannot be read.
    """
    with open(first, "rb") as one, open(second, "rb") as other:
        if one.read(len(CAPTURE)) != CAPTURE:
            return have_same_bytes(first, second)
        one.seek(0)
        pages = itertools.zip_longest(_read_pages(one), _read_pages(other))
        return all(page == twin for page, twin in pages)


def _read_pages(file: BinaryIO) -> Iterator[bytes]:
    """The pages of an Ogg file without serial number and checksum; what is no page comes as it is, as the last one."""
    while header := file.read(HEADER):
        if len(header) < HEADER or not header.startswith(CAPTURE):
            yield header + file.read()
            return
        lengths = file.read(header[26])
        yield header[:14] + header[18:22] + header[26:] + lengths + file.read(sum(lengths))
