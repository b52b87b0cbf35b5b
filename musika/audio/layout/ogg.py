"""Ogg files: several streams one after another, and a last page that is cut.

A recorder of internet radio begins a new stream with each title: the streams are the links of a chain. Decoders read
the first one and stop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import BinaryIO

from musika.audio.layout.part import Layout, Part, Unreadable, make_whole_layout, read_at

NAME = b"OggS"  # how a page begins
FIRST = 2  # flag of the first page of a stream
UNKNOWN = (1 << 64) - 1  # position of a page on which no packet ends
BLOCK = 1 << 16  # bytes read at once


@dataclasses.dataclass(frozen=True)
class Page:
    """A page: where it begins and ends, whether it is the first of its stream, samples up to its end."""

    start: int
    end: int
    is_first: bool
    position: int


def read_ogg(file: BinaryIO, size: int) -> Layout:
    """The layout of an Ogg file: each link of the chain is a part. Links without sound are left out.

    Raises:
        Unreadable: the last page is cut.
    """
    starts: list[int] = []
    positions: list[int] = []  # samples in each link, 0 where it has none
    in_head = False  # a link of several streams begins with the first pages of all
    for page in _walk_pages(file, size):
        if page.is_first and not in_head:
            starts.append(page.start)
            positions.append(0)
        in_head = page.is_first
        if positions and page.position != UNKNOWN:
            positions[-1] = max(positions[-1], page.position)
    if len(starts) < 2:
        return make_whole_layout(size)
    links = zip(starts, [*starts[1:], size], positions, strict=True)
    return Layout(tuple(Part((range(start, end),)) for start, end, position in links if position))


def _walk_pages(file: BinaryIO, size: int) -> Iterator[Page]:
    """All pages; bytes between them are passed over, and so is a page that ends inside the next one.

    Raises:
        Unreadable: the last page is cut.
    """
    position = _find_page(file, 0, size)
    while position is not None:
        page = read_page(file, position)
        following = None
        if page is not None and page.end <= size:
            name = read_at(file, page.end, len(NAME))  # of the next page, which may be cut, too
            if name == NAME or not name:
                yield page
                position = page.end if name else None
                continue
            following = _find_page(file, position + len(NAME), size)
            if following is None or following >= page.end:
                yield page
            is_cut = following is None and NAME.startswith(name)
        else:
            following = _find_page(file, position + len(NAME), size)
            is_cut = following is None
        if is_cut:
            raise Unreadable("is truncated: its last page is not complete")
        position = following


def read_page(file: BinaryIO, start: int) -> Page | None:
    """The page that begins at a position; None where none does, or the file ends inside its header."""
    head = read_at(file, start, 27)
    sizes = read_at(file, start + 27, head[26]) if len(head) == 27 else b""
    if len(head) < 27 or not head.startswith(NAME) or len(sizes) < head[26]:
        return None
    position = int.from_bytes(head[6:14], "little")
    return Page(start, start + 27 + len(sizes) + sum(sizes), bool(head[5] & FIRST), position)


def _find_page(file: BinaryIO, position: int, size: int) -> int | None:
    """Where the next page begins, at `position` or later."""
    while position < size:
        block = read_at(file, position, BLOCK)
        place = block.find(NAME + b"\0")
        if place >= 0:
            return position + place
        position += max(1, len(block) - 4)
    return None
