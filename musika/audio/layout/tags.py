"""Tags and padding that programs put in front of the sound of MP3 and FLAC files, and behind it."""

from __future__ import annotations

from typing import BinaryIO

from musika.audio.layout.part import read_at

BLOCK = 1 << 16  # bytes read at once
PADDING = 64  # zeros at the end of a file from which on they are no part of the sound


def skip_id3v2(file: BinaryIO, position: int) -> int:
    """The position behind all ID3v2 tags that begin at `position`."""
    while len(head := read_at(file, position, 10)) == 10 and head[:3] == b"ID3" and max(head[6:]) < 0x80:
        length = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 + length + (10 if head[5] & 0x10 else 0)  # a footer repeats the header
    return position


def find_end(file: BinaryIO, start: int, end: int) -> int:
    """Where the sound ends that begins at `start`: before the tags and zeros that stand in front of `end`."""
    while (shorter := _strip_once(file, start, end)) < end:
        end = shorter
    return end


def _strip_once(file: BinaryIO, start: int, end: int) -> int:
    """The end without its last tag, or without zeros."""
    tail = read_at(file, max(start, end - 227), min(227, end - start))
    if tail[-128:-125] == b"TAG" and len(tail) >= 128:  # ID3v1, and its extension in front
        return end - (227 + 128 if read_at(file, max(start, end - 355), 4) == b"TAG+" else 128)
    length = 0
    if tail[-32:-24] == b"APETAGEX":
        has_header = int.from_bytes(tail[-12:-8], "little") >> 31
        length = int.from_bytes(tail[-20:-16], "little") + 32 * has_header
    elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        length = int(tail[-15:-9]) + 15
    elif tail[-10:-7] == b"3DI" and max(tail[-4:]) < 0x80:  # the footer of an ID3v2 tag
        length = 20 + sum(byte << shift for byte, shift in zip(tail[-4:], (21, 14, 7, 0), strict=True))
    if 0 < length <= end - start:
        return end - length
    return _strip_zeros(file, start, end)


def _strip_zeros(file: BinaryIO, start: int, end: int) -> int:
    """The end without zeros, where there are many."""
    place = end
    while place > start:
        block = read_at(file, max(start, place - BLOCK), min(BLOCK, place - start))
        kept = len(block.rstrip(b"\0"))
        place -= len(block) - kept
        if kept:
            break
    return place if end - place >= PADDING else end
