"""Which kind of file this is, by its first bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from musika.audio.layout import mpeg, tags
from musika.audio.layout.aiff import read_aiff
from musika.audio.layout.au import read_au
from musika.audio.layout.caf import read_caf
from musika.audio.layout.flac import read_flac
from musika.audio.layout.ogg import read_ogg
from musika.audio.layout.part import Layout, make_whole_layout, read_at
from musika.audio.layout.riff import W64_TAIL, read_rf64, read_riff, read_w64
from musika.audio.layout.voc import read_voc

# first bytes, and bytes that stand at position 8 -> how the file is read
KINDS: tuple[tuple[bytes, bytes, Callable[[BinaryIO, int], Layout]], ...] = (
    (b"RIFF", b"WAVE", read_riff),
    (b"RIFX", b"WAVE", read_riff),
    (b"RF64", b"WAVE", read_rf64),
    (b"riff" + W64_TAIL[b"riff"], b"", read_w64),
    (b"FORM", b"AIFF", read_aiff),
    (b"FORM", b"AIFC", read_aiff),
    (b"caff", b"", read_caf),
    (b".snd", b"", read_au),
    (b"dns.", b"", read_au),
    (b"Creative Voice File\x1a", b"", read_voc),
    (b"OggS", b"", read_ogg),
)


def read_layout(file: BinaryIO) -> Layout:
    """Finds the parts of an audio file that is open for reading. Kinds that are not known here are one part.

    Raises:
        Unreadable: its header promises more sound than it holds.
        OSError: it cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    head = read_at(file, 0, 32)
    for first, eighth, read in KINDS:
        if head.startswith(first) and head[8:].startswith(eighth):
            return read(file, size)
    start = tags.skip_id3v2(file, 0)
    if read_at(file, start, 4) == b"fLaC":
        return read_flac(file, start, size)
    parts = mpeg.find_parts(file, 0, size)
    return make_whole_layout(size) if parts is None else Layout(parts)
