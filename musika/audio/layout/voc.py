"""Creative's VOC files."""

from __future__ import annotations

from typing import BinaryIO

from musika.audio.layout.part import Layout, Unreadable, make_whole_layout, read_at

END, SOUND = 0, (1, 2, 9)  # kinds of blocks: the last one, and those that hold samples


def read_voc(file: BinaryIO, size: int) -> Layout:
    """The layout of a VOC file: blocks of a kind, a size of 24 bits, and as many bytes.

    Raises:
        Unreadable: it ends inside a block of samples.
    """
    position = int.from_bytes(read_at(file, 20, 2), "little")
    while size - position >= 4:
        head = read_at(file, position, 4)
        if head[0] == END:
            break
        stated, held = int.from_bytes(head[1:], "little"), size - position - 4
        if head[0] in SOUND and stated > held:
            raise Unreadable(f"is truncated: it should hold {stated} bytes of sound, and it holds {held}")
        position += 4 + stated
    return make_whole_layout(size)
