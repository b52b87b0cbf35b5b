"""Whether two audio files have the same content."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from musika.audio.layout.ogg import NAME, read_page
from musika.audio.layout.part import read_at
from musika.files import have_same_bytes


def have_same_content(first: Path, second: Path) -> bool:
    """Whether two files have the same bytes, apart from the serial number of Ogg streams, which is random.

    Raises:
        OSError: a file cannot be read.
    """
    with open(first, "rb") as one, open(second, "rb") as other:
        if read_at(one, 0, len(NAME)) != NAME:
            return have_same_bytes(first, second)
        pages = itertools.zip_longest(_read_pages(one), _read_pages(other))
        return all(page == twin for page, twin in pages)


def _read_pages(file: BinaryIO) -> Iterator[bytes]:
    """The pages of an Ogg file without serial number and checksum; what is no page comes as it is, as the last one."""
    position = 0
    while (page := read_page(file, position)) is not None:
        content = read_at(file, page.start, page.end - page.start)
        yield content[:14] + content[18:22] + content[26:]
        position = page.end
    file.seek(position)
    yield file.read()
