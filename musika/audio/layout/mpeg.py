"""MPEG audio (MP3, and layers I and II): frames, the count in the first one, and changes of format.

The first frame of an MP3 file often holds no sound but a tag: Xing or Info (LAME's and most others) or VBRI
(Fraunhofer's), with the number of frames. libmpg123 believes that number, and where there is none it guesses from the
size of the file and stops there. So the frames are counted here: a number that is missing, zero or too small is
replaced, and one that is too large means that the file is cut. Where the sample rate or the number of channels
changes, or another file begins, a new part does.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import BinaryIO

from musika.audio.layout import tags
from musika.audio.layout.part import Part, Unreadable, describe_cut, read_at

BITRATES = {  # kbit/s by index, for (MPEG 1?, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # Hz, by version
SYNC = re.compile(rb"\xff[\xe2-\xe7\xf2-\xff]")  # how a frame begins
CONFIRMED = 3  # frames of one format in a row that are no accident
SEARCH = 1 << 16  # bytes behind tags or zeros in which the first frame must begin
LONGEST_GAP = 16 << 20  # bytes between two frames; what follows a longer gap is no longer this file's sound
BLOCK = 1 << 20  # bytes read at once
COUNT_SLACK = 7  # frames that a file may hold less than its tag says: encoders count differently
TAGS = frozenset((b"Xing", b"Info", b"VBRI"))
TAG_SIZE = 200  # bytes from the start of a frame that may hold its tag
LAME_SIZE = 36  # bytes that LAME adds to the tag, with how much silence it put before the sound and behind it


@dataclasses.dataclass(frozen=True)
class Header:
    """The header of a frame.

    Attributes:
        format: version, layer, sample rate and whether there is one channel: what must not change within a part.
        layer: 1, 2 or 3.
        samples: per channel.
        rate: Hz.
        size: bytes of the frame.
        tag_offsets: where a Xing tag may begin in the frame: behind the side information, without and with a check sum.
    """

    format: tuple[int, int, int, bool]
    layer: int
    samples: int
    rate: int
    size: int
    tag_offsets: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Tag:
    """What the first frame says: how many frames there are (0: not known), what LAME added, and whose tag it is."""

    frames: int
    lame: bytes
    is_xing: bool


@dataclasses.dataclass
class FrameRun:
    """Frames of one format that follow each other.

    Attributes:
        start: where the first one begins.
        header: of the first one.
        tag: of the first one.
        sound: where the frames with sound lie, without tags between them.
        frames: how many these are.
        is_damaged: whether there is something else between them.
    """

    start: int
    header: Header
    tag: Tag | None
    sound: list[range]
    frames: int = 0
    is_damaged: bool = False

    def extend(self, start: int, end: int, frames: int) -> None:
        """Adds frames that lie between two positions."""
        last = self.sound[-1]
        if start > last.stop and not self.is_damaged:
            self.sound.append(range(start, end))
        else:
            self.sound[-1] = range(last.start, end)
        self.frames += frames


class BufferedBytes:
    """A file's bytes from any position on up to an end, read in large blocks."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self.end = file, end
        self._start, self._block = 0, b""

    def read(self, position: int, size: int) -> bytes:
        """Bytes, fewer at the end."""
        offset = position - self._start
        if offset < 0 or offset + size > len(self._block):
            self._start, offset = position, 0
            self._block = read_at(self._file, position, max(0, min(max(BLOCK, size), self.end - position)))
        return self._block[offset : offset + size]

    def read_header(self, position: int) -> Header | None:
        """The header of the frame that begins at a position, None where none does."""
        return read_header(self.read(position, 4))

    def read_tag(self, position: int, header: Header) -> Tag | None:
        """The tag in the frame that begins at a position, None where it holds sound."""
        return read_tag(self.read(position, min(TAG_SIZE, header.size)), header)

    def skip_sound(self, position: int, form: tuple[int, int, int, bool]) -> tuple[int, int]:
        """Passes over frames of a format, but not over tags: the position behind them, and how many they are.

        It goes no further than to the end of what is in memory. A long file has millions of frames: this is the loop
        that must be fast.
        """
        offset, count, block, last = position - self._start, 0, self._block, len(self._block) - TAG_SIZE
        while 0 <= offset <= last:
            header = read_header(block[offset : offset + 4])
            if header is None or header.format != form or offset + header.size > len(block):
                break
            if any(block[offset + place : offset + place + 4] in TAGS for place in (36, *header.tag_offsets)):
                break
            offset += header.size
            count += 1
        return self._start + offset, count

    def skip_tags(self, position: int) -> int:
        """The position behind ID3v2 tags."""
        return tags.skip_id3v2(self._file, position)


def find_parts(file: BinaryIO, start: int, end: int) -> tuple[Part, ...] | None:
    """The parts of the MPEG audio between two positions; None where there is none.

    Raises:
        Unreadable: it is cut, as its tag says.
    """
    first = tags.skip_id3v2(file, start)
    if first >= end:
        return None
    data = BufferedBytes(file, tags.find_end(file, first, end))
    position: int | None = first
    if not _is_confirmed(data, first):
        # some programs leave room behind a tag, for a longer one, or fill up with zeros
        is_mpeg = first > start or data.read(first, tags.PADDING) == bytes(tags.PADDING)
        position = _find_frame(data, first, SEARCH) if is_mpeg else None
    runs = []
    while position is not None:
        run, position = _read_run(data, position)
        runs.append(run)
    if not runs:
        return None
    # a tag without sound behind it counts only where the file ends there: else another tag follows it
    return tuple(_make_part(data, run) for run in runs if run.frames or run is runs[-1])


@functools.lru_cache(maxsize=1 << 12)
def read_header(word: bytes) -> Header | None:
    """Reads the four bytes at the start of a frame; None where they are none, or of unstated ("free") bit rate.

    Such frames all have one size, so that libmpg123's guess of the length is right.
    """
    if len(word) < 4 or word[0] != 0xFF or word[1] & 0xE0 != 0xE0:
        return None
    version, layer = word[1] >> 3 & 3, 4 - (word[1] >> 1 & 3)
    bitrate, rate, padding = word[2] >> 4, word[2] >> 2 & 3, word[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3 or word[3] & 3 == 2:
        return None
    mono, has_check_sum = word[3] >> 6 == 3, not word[1] & 1
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    bits = BITRATES[version == 3, layer][bitrate] * 1000
    hertz = RATES[version][rate]
    size = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    tag = 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))
    return Header((version, layer, hertz, mono), layer, samples, hertz, size, (tag, tag + 2)[: 1 + has_check_sum])


def read_tag(frame: bytes, header: Header) -> Tag | None:
    """Reads the tag in the first bytes of a frame; None where it holds sound.

    A number of frames counts only where the tag's flags say that it is there.
    """
    if header.layer != 3:
        return None
    if frame[36:40] == b"VBRI":
        return Tag(int.from_bytes(frame[50:54], "big"), b"", is_xing=False)
    for offset in header.tag_offsets:
        if frame[offset : offset + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
            frames = int.from_bytes(frame[offset + 8 : offset + 12], "big") if flags & 1 else 0
            lame = offset + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
            found = frame[lame : lame + LAME_SIZE]
            return Tag(frames, found if found[:1].isalnum() else b"", is_xing=True)
    return None


def _read_run(data: BufferedBytes, start: int) -> tuple[FrameRun, int | None]:
    """Reads frames of one format, and says where the next run begins."""
    header = data.read_header(start)
    assert header is not None
    tag = data.read_tag(start, header)
    position = start + (header.size if tag else 0)
    run = FrameRun(start, header, tag, [range(position, position)])
    while True:
        behind, frames = data.skip_sound(position, header.format)
        if frames:
            run.extend(position, behind, frames)
            position = behind
        found = data.read_header(position)
        if found is None or (found.format != header.format and not _is_confirmed(data, position)):
            following = _find_frame(data, position, LONGEST_GAP)
            if following is None:
                return run, None
            run.is_damaged = run.is_damaged or data.skip_tags(position) != following
            position, found = following, data.read_header(following)
            assert found is not None
        if found.format != header.format:
            return run, position
        if position > start and data.read_tag(position, found):
            return run, position
        if position + found.size > data.end:
            return run, None
        run.extend(position, position + found.size, 1)
        position += found.size


def _find_frame(data: BufferedBytes, position: int, limit: int) -> int | None:
    """Where the next frame begins, behind tags and within so many bytes; None where there is none."""
    position = data.skip_tags(position)
    last = min(data.end, position + limit)
    while position < last:
        block = data.read(position, BLOCK)
        for match in SYNC.finditer(block):
            if _is_confirmed(data, position + match.start()):
                return position + match.start()
        position += max(1, len(block) - 1)
    return None


def _is_confirmed(data: BufferedBytes, position: int) -> bool:
    """Whether frames of one format follow each other from here on, or a frame ends with the file."""
    first = header = data.read_header(position)
    for number in range(CONFIRMED):
        if first is None or header is None or header.format != first.format:
            return False
        position += header.size
        if position >= data.end:
            return position == data.end or number > 0
        header = data.read_header(position)
    return True


def _make_part(data: BufferedBytes, run: FrameRun) -> Part:
    """What a decoder is given for a run.

    Raises:
        Unreadable: its tag promises more frames.
    """
    header, tag = run.header, run.tag
    if tag is not None and tag.frames > run.frames + COUNT_SLACK:
        promised, held = (frames * header.samples / header.rate for frames in (tag.frames, run.frames))
        raise Unreadable(describe_cut(promised, held))
    first: tuple[bytes | range, ...] = ()
    if tag is not None and tag.is_xing and tag.frames >= max(1, run.frames - COUNT_SLACK):
        first = (range(run.start, run.start + header.size),)  # as it is: LAME's tag says what silence to take off
    elif tag is not None and tag.lame and not run.is_damaged:
        first = (_make_info_frame(data, run),)
    return Part((*first, *run.sound), streamed=True, samples=run.frames * header.samples)


def _make_info_frame(data: BufferedBytes, run: FrameRun) -> bytes:
    """A first frame like that of the run, with the right number of frames."""
    assert run.tag is not None
    head = bytearray(data.read(run.start, 4))
    head[1] |= 1  # without a check sum
    tag = b"Info" + (1).to_bytes(4, "big") + run.frames.to_bytes(4, "big") + run.tag.lame
    frame = bytes(head) + bytes(run.header.tag_offsets[0] - 4) + tag
    return frame[: run.header.size].ljust(run.header.size, b"\0")
