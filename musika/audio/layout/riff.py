"""WAV files and their relatives of 64 bits: RIFF, RIFX, RF64 and W64."""

from __future__ import annotations

import dataclasses
import struct
from typing import BinaryIO

from musika.audio.layout import mpeg
from musika.audio.layout.part import Layout, Part, Unreadable, make_whole_layout, read_at
from musika.audio.layout.sizes import are_chunks, describe_rest, find_trailing_chunks, resolve_end, walk_chunks

EXTENSIBLE = 0xFFFE  # the encoding stands further back
MPEG = (0x50, 0x55)  # encodings of layers I and II, and of layer III
MOST = (1 << 32) - (1 << 16)  # bytes of samples that fit into 32 bits together with a header
LARGEST_FORMAT = 1 << 16  # bytes of a chunk that describes the encoding
W64_TAIL = {  # what follows the four letters in the names of a W64 file's chunks
    b"riff": bytes.fromhex("2e91cf11a5d628db04c10000"),
    b"data": bytes.fromhex("f3acd3118cd100c04f8edb8a"),
}


@dataclasses.dataclass(frozen=True)
class WaveFormat:
    """What the `fmt ` chunk says: encoding, bits of a sample, bytes of one sample of all channels, and its bytes."""

    encoding: int
    bits: int
    frame: int
    content: bytes


@dataclasses.dataclass(frozen=True)
class WaveData:
    """Where the `data` chunk's samples begin, what size it states, and how they are encoded."""

    start: int
    stated: int
    format: WaveFormat | None


def read_wave_format(content: bytes, order: str = "<") -> WaveFormat | None:
    """Reads the content of a `fmt ` chunk; None where it is too short."""
    if len(content) < 16:
        return None
    encoding, _, _, _, frame, bits = struct.unpack_from(f"{order}HHIIHH", content)
    if encoding == EXTENSIBLE and len(content) >= 26:
        encoding = struct.unpack_from(f"{order}H", content, 24)[0]
    return WaveFormat(encoding, bits, frame, content)


def find_wave_data(file: BinaryIO, size: int) -> WaveData | None:
    """Finds the samples of a RIFF, RIFX or RF64 file; None where there are none."""
    order = ">" if read_at(file, 0, 4) == b"RIFX" else "<"
    form = None
    for name, start, length in walk_chunks(file, 12, size, order):
        if name == b"fmt ":
            form = read_wave_format(read_at(file, start, min(length, LARGEST_FORMAT)), order)
        elif name == b"data":
            return WaveData(start, length, form)
    return None


def read_riff(file: BinaryIO, size: int) -> Layout:
    """The layout of a RIFF or RIFX file.

    Raises:
        Unreadable: it is cut.
    """
    order = ">" if read_at(file, 0, 4) == b"RIFX" else "<"
    data = find_wave_data(file, size)
    if data is None or data.format is None:
        return make_whole_layout(size)
    start, form = data.start, data.format

    def is_complete(end: int) -> bool:
        return are_chunks(file, end, size, order)

    end = resolve_end(start, data.stated, size, form.frame, is_complete)
    if end == size and end - start != data.stated:
        end = find_trailing_chunks(file, start, size, order)
    notes = () if is_complete(end) else describe_rest(end, size)
    parts = mpeg.find_parts(file, start, end) if form.encoding in MPEG else None
    if parts is not None:
        return Layout(parts, notes)
    if end - start == data.stated:
        return Layout(make_whole_layout(size).parts, notes)
    if end - start <= MOST:
        riff, length = (struct.pack(f"{order}I", n) for n in (end - 8, end - start))
        pieces: tuple[bytes | range, ...] = (range(4), riff, range(8, start - 4), length, range(start, end))
    elif order == "<":
        pieces = (_make_rf64_header(form, end - start), range(start, end))
    else:
        raise Unreadable("is a big-endian WAV file of more than 4 GiB, which is not supported; save it as WAV or FLAC")
    return Layout((Part(pieces),), notes)


def read_rf64(file: BinaryIO, size: int) -> Layout:
    """The layout of an RF64 file, whose `ds64` chunk holds the sizes.

    Raises:
        Unreadable: it is cut.
    """
    data = find_wave_data(file, size)
    if data is None or read_at(file, 12, 4) != b"ds64":
        return make_whole_layout(size)
    start = data.start
    stated = data.stated
    if stated == 0xFFFF_FFFF:
        stated = int.from_bytes(read_at(file, 28, 8), "little")
    end = resolve_end(start, stated, size, is_complete=lambda end: are_chunks(file, end, size, "<"), bits=64)
    if end - start == stated:
        return make_whole_layout(size)
    sizes = struct.pack("<QQ", end - 8, end - start)
    return Layout((Part((range(20), sizes, range(36, start - 4), b"\xff" * 4, range(start, end))),))


def read_w64(file: BinaryIO, size: int) -> Layout:
    """The layout of a Sony W64 file.

    Raises:
        Unreadable: it is cut.
    """
    position = 40
    while size - position >= 24:
        head = read_at(file, position, 24)
        stated = int.from_bytes(head[16:], "little")  # with the 24 bytes before it
        if head[:16] == b"data" + W64_TAIL[b"data"]:
            start = position + 24
            end = resolve_end(start, stated - 24, size, bits=64)
            if end - start == stated - 24:
                break
            length = struct.pack("<Q", end - position)
            return Layout((Part((range(position + 16), length, range(start, end))),))
        if stated < 24:
            break
        position += (stated + 7) // 8 * 8
    return make_whole_layout(size)


def _make_rf64_header(form: WaveFormat, length: int) -> bytes:
    """A header for samples of any length, encoded as in the WAV file that they come from."""
    described = b"fmt " + struct.pack("<I", len(form.content)) + form.content + bytes(len(form.content) % 2)
    sizes = struct.pack("<QQQI", 4 + 36 + len(described) + 8 + length, length, 0, 0)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    return head + described + b"data\xff\xff\xff\xff"
