"""How far the samples of a file reach, where its header promises one size and the file holds another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal

from musika.audio.layout.part import Unreadable, read_at

# Programs that write into a pipe do not know the size and promise about the most that 32 bits can say: 2^31 or 2^32,
# less 4096 bytes (sox), less their header, rounded down to whole frames.
STREAM_LIMITS = (1 << 31, 1 << 32)
STREAM_MARGIN = 4096  # bytes that the promise stays below the limit, and those of the header and of one frame
ENDLESS = 1 << 62  # a size of 64 bits from here on stands for "unknown"
WORTH_A_NOTE = 1 << 16  # bytes behind the samples
TRAILERS = re.compile(
    rb"cue |LIST|bext|iXML|id3 |ID3 |smpl|inst|plst|fact|PEAK|cart|umid|MARK|COMT|ANNO|NAME|AUTH|APPL"
)
TRAILER_SEARCH = 1 << 16  # bytes at the end of a file that are searched for chunks behind the samples


def resolve_end(
    start: int,
    promised: int,
    size: int,
    frame: int = 0,
    is_complete: Callable[[int], bool] | None = None,
    bits: int = 32,
    stream_limits: tuple[int, ...] = STREAM_LIMITS,
) -> int:
    """Where the samples end, as a position in the file.

    Args:
        start: where the samples begin.
        promised: bytes of samples that the header states.
        size: bytes of the file.
        frame: bytes of one sample of all channels, 0 where that is not known.
        is_complete: whether what follows a position is nothing or more of the same container: the header is right.
        bits: of the size in the header, 32 or 64.
        stream_limits: what programs promise that do not know the size, if it has 32 bits.

    Raises:
        Unreadable: the file is cut.
    """
    if start > size:
        raise Unreadable("is truncated: it ends inside its header")
    held = size - start
    if promised <= held and (held - promised < 2 if is_complete is None else is_complete(start + promised)):
        return start + promised
    margin = STREAM_MARGIN + start + frame
    is_stream = promised >= ENDLESS if bits == 64 else any(0 <= top - promised <= margin for top in stream_limits)
    if promised <= 0 or is_stream:
        return size
    if promised > held + 1:  # the byte that makes a size even is often left out
        raise Unreadable(f"is truncated: it should hold {promised} bytes of sound, and it holds {held}")
    # a program that wrote more than 4 GiB has lost the upper bits of the size
    lost = max(0, held - promised) >> 32 << 32 if bits == 32 else 0
    return min(size, start + promised + lost)


def walk_chunks(file: BinaryIO, position: int, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and its stated length of the chunks of a RIFF or AIFF file.

    Args:
        file: the file.
        position: where the first chunk begins.
        size: bytes of the file.
        order: "<" where numbers begin with their lowest byte, ">" where with their highest.
    """
    byteorder: Literal["little", "big"] = "little" if order == "<" else "big"
    while size - position >= 8:
        head = read_at(file, position, 8)
        if not is_name(head[:4]):
            return
        length = int.from_bytes(head[4:], byteorder)
        yield head[:4], position + 8, length
        position += 8 + length
        # chunks begin at even places, but not those of every program
        if length % 2 and not (size - position >= 4 and is_name(read_at(file, position, 4))):
            position += 1


def are_chunks(file: BinaryIO, position: int, size: int, order: str) -> bool:
    """Whether whole chunks, or nothing, lie between a position and the end of the file."""
    for start in (position, position + position % 2):
        end = start
        for _, content, length in walk_chunks(file, start, size, order):
            end = content + length
        if 0 <= size - end < 8:
            return True
    return False


def find_trailing_chunks(file: BinaryIO, start: int, size: int, order: str) -> int:
    """Where chunks of known names begin that reach to the end of the file; the end where there are none.

    For samples that begin at `start` and whose size was never filled in, while what comes behind them was written.
    """
    place = max(start, size - TRAILER_SEARCH)
    for match in TRAILERS.finditer(read_at(file, place, size - place)):
        if are_chunks(file, place + match.start(), size, order):
            return place + match.start()
    return size


def is_name(name: bytes) -> bool:
    """Whether these four bytes can be the name of a chunk: printable ASCII."""
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def describe_rest(end: int, size: int) -> tuple[str, ...]:
    """A remark on bytes that are left over behind the samples, where there are many."""
    rest = size - end
    if rest < WORTH_A_NOTE:
        return ()
    return (f"has {rest} bytes behind its sound that its header does not mention: they are not read",)
