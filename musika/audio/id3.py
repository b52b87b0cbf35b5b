"""The tag at the beginning of an MP3 file, and in a chunk of a WAV file (ID3 version 2.4), in UTF-8.

libsndfile writes such tags, too, but only with letters of Western Europe.
"""

from __future__ import annotations

from collections.abc import Mapping

UTF_8 = b"\x03"
FRAMES = {  # tag: the name of its frame
    "title": b"TIT2",
    "artist": b"TPE1",
    "album": b"TALB",
    "date": b"TDRC",
    "genre": b"TCON",
    "license": b"TCOP",
    "software": b"TSSE",
}


def make_id3_tag(tags: Mapping[str, str]) -> bytes:
    """The tag; nothing where there are no tags.

    Args:
        tags: `title`, `comment` ... to text.
    """
    frames = b""
    for name, text in tags.items():
        if name == "comment":
            frames += _make_frame(b"COMM", UTF_8 + b"und\0" + text.encode())  # language not stated, no description
        elif name in FRAMES:
            frames += _make_frame(FRAMES[name], UTF_8 + text.encode())
    return b"ID3\x04\x00\x00" + _encode_size(len(frames)) + frames if frames else b""


def _make_frame(name: bytes, content: bytes) -> bytes:
    return name + _encode_size(len(content)) + b"\0\0" + content


def _encode_size(size: int) -> bytes:
    """Four bytes of seven bits each, so that no byte looks like the beginning of sound."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
