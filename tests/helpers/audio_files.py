"""Audio files made in memory, and the ways in which programs leave them wrong."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile

RATE = 44_100


def make_tones(seconds: float, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """`[n, channels]` float32: a sine of 440 Hz, of 660 Hz, and so on, faded in and out."""
    t = np.arange(round(seconds * rate)) / rate
    waves = [0.4 * np.sin(2 * np.pi * 220 * (k + 2) * t) for k in range(channels)]
    fade = np.minimum(1, np.minimum(t, t[-1] - t) * 50)
    return (np.stack(waves, axis=1) * fade[:, None]).astype(np.float32)


def encode(sound: np.ndarray, container: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    """A complete file by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=container, subtype=subtype)
    return file.getvalue()


def set_bytes(content: bytes, place: int, new: bytes) -> bytes:
    """The same bytes with some of them replaced."""
    return content[:place] + new + content[place + len(new) :]


def set_wav_size(content: bytes, size: int) -> bytes:
    """A WAV file whose header states another size of the samples."""
    return set_bytes(content, content.index(b"data") + 4, struct.pack("<I", size))


def pack_syncsafe(number: int) -> bytes:
    """A number as ID3v2 writes it: seven bits in each of four bytes."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def make_id3v2(text: bytes, has_footer: bool = False) -> bytes:
    """An ID3v2 tag with one frame of text."""
    body = b"TXXX" + struct.pack(">I", len(text) + 2) + b"\0\0\0\0" + text
    head = b"\x04\0" + bytes([0x10 * has_footer]) + pack_syncsafe(len(body))
    return b"ID3" + head + body + (b"3DI" + head if has_footer else b"")


def make_ape_tag(text: bytes, has_header: bool = True) -> bytes:
    """An APEv2 tag with one item."""
    item = struct.pack("<II", len(text), 0) + b"Title\0" + text

    def describe(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags | has_header << 31) + bytes(8)

    return (describe(1 << 29) if has_header else b"") + item + describe(0)


ID3V1 = b"TAG" + b" " * 125
ENHANCED_ID3V1 = b"TAG+" + b" " * 223 + ID3V1
LYRICS3 = b"LYRICSBEGIN" + b"IND0000300" + b"000021" + b"LYRICS200"


def split_mp3(content: bytes) -> list[bytes]:
    """The frames of an MP3 file of MPEG 1 or 2 that begins with the first one. Bit rates as in layer III."""
    frames, place = [], 0
    while place + 4 <= len(content) and content[place] == 0xFF:
        is_first_version = content[place + 1] >> 3 & 3 == 3
        table = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if not is_first_version:
            table = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
        rate = (44_100, 48_000, 32_000)[content[place + 2] >> 2 & 3] // (1 if is_first_version else 2)
        bits = table[content[place + 2] >> 4] * 1000
        size = (144 if is_first_version else 72) * bits // rate + (content[place + 2] >> 1 & 1)
        frames.append(content[place : place + size])
        place += size
    return frames


def find_xing(content: bytes) -> int:
    """Where the Xing or Info tag of an MP3 file begins."""
    return max(content.find(b"Xing", 0, 300), content.find(b"Info", 0, 300))


def walk_ogg(content: bytes) -> Iterator[bytes]:
    """The pages of an Ogg file."""
    place = 0
    while place < len(content):
        size = 27 + content[place + 26] + sum(content[place + 27 : place + 27 + content[place + 26]])
        yield content[place : place + size]
        place += size
