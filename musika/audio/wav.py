"""The header of a WAV file, with tags, for a file whose length is known or one that has no end.

libsndfile writes WAV as well, but it stores the time of day in files of floats, and cannot write to a pipe.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from musika.audio.encodings import Encoding
from musika.audio.id3 import make_id3_tag

PCM, FLOAT = 1, 3  # how samples are stored
UNKNOWN = 0xFFFF_FFFF  # the size that readers take for "until the end"
INFO = {  # tag: its name in a LIST chunk of type INFO
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "comment": b"ICMT",
    "date": b"ICRD",
    "genre": b"IGNR",
    "license": b"ICOP",
    "software": b"ISFT",
}


def make_wav_header(
    encoding: Encoding, rate: int, channels: int, tags: Mapping[str, str], size: int | None = None
) -> bytes:
    """Everything before the samples of a WAV file. Its length does not depend on `size`.

    Args:
        encoding: of a WAV file.
        rate: Hz.
        channels: how many.
        tags: `title`, `comment` ...
        size: bytes of samples; None where nobody knows.
    """
    width = encoding.sample_bytes * channels
    kind = FLOAT if encoding.bits == "32f" else PCM
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * width, width, 8 * encoding.sample_bytes)
    chunks = _make_chunk(b"fmt ", form)
    if kind == FLOAT:
        chunks += _make_chunk(b"fact", struct.pack("<I", UNKNOWN if size is None else size // width))
    if tags:
        texts = (_make_chunk(INFO[name], text.encode() + b"\0") for name, text in tags.items() if name in INFO)
        chunks += _make_chunk(b"LIST", b"INFO" + b"".join(texts))
        chunks += _make_chunk(b"id3 ", make_id3_tag(tags))  # some readers look for tags in one chunk, some in the other
    whole = UNKNOWN if size is None else 4 + len(chunks) + 8 + size + size % 2
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunks + struct.pack("<4sI", b"data", _state_size(size))


def _state_size(size: int | None) -> int:
    return UNKNOWN if size is None else size


def _make_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk; its size is the content's, and a byte fills it up to an even number."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
