"""Audio for somebody who listens while it is made: bytes come out as samples go in, without an end.

The bytes are those of a file of the same format, without what is known only at the end: the length.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika.audio.encoders import make_encoder
from musika.audio.encodings import OPUS_RATE, choose_encoding
from musika.audio.ogg import measure_header
from musika.audio.opus import LOOKAHEAD


class LiveEncoder:
    """Encodes a stream.

    MP3 comes out after 0.1 s of sound at most, WAV at once, a page of Ogg Vorbis holds 4 KiB (0.3 s), one of Opus 1 s.

    Attributes:
        encoding: the kind of stream.
        header: what a listener who joins later needs first: the first pages of an Ogg stream, nothing for MP3. It is
            known when the first bytes of sound have come out.

    Args:
        extension: names the format: `.wav`, `.flac`, `.mp3`, `.ogg` or `.opus`.
        rate: of the samples, Hz. Opus is encoded at 48 kHz.
        channels: how many.
        tags: `title`, `comment` ...
        bits: "16", "24" or "32f"; None is what the format has by default.

    Raises:
        AudioError: unknown extension, or it does not hold such samples.
    """

    def __init__(
        self,
        extension: str,
        rate: int,
        channels: int = 2,
        tags: Mapping[str, str] | None = None,
        bits: str | None = None,
    ) -> None:
        self.encoding = choose_encoding(Path(f"stream{extension}"), bits)
        self._pipe = _Pipe()
        self._channels = channels
        is_opus = self.encoding.codec == "OPUS"
        self._resampler = _make_resampler(rate, channels) if is_opus and rate != OPUS_RATE else None
        self._encoder = make_encoder(
            self._pipe, "the stream", self.encoding, OPUS_RATE if is_opus else rate, channels, tags or {}, endless=True
        )
        self.header = b""
        self._in_header = self.encoding.container == "OGG"

    def encode(self, block: np.ndarray) -> bytes:
        """The bytes that are ready once these samples, `[n, channels]` float32, are known; perhaps none.

        Raises:
            AudioError: the samples are not finite numbers.
        """
        self._write(block, last=False)
        data = self._pipe.take()
        if self._in_header:
            size = measure_header(data)
            self.header += data[:size]
            self._in_header = size == len(data)
        return data

    def finish(self) -> bytes:
        """The bytes that were held back.

        Raises:
            AudioError: the encoder refuses.
        """
        if self.encoding.codec == "OPUS":
            self._write(np.zeros((0, self._channels), np.float32), last=True)
            self._encoder.write(np.zeros((LOOKAHEAD, self._channels), np.float32))
        self._encoder.finish()
        return self._pipe.take()

    def close(self) -> None:
        """Ends a stream that nobody listens to any more."""
        self._encoder.abandon()

    def _write(self, block: np.ndarray, last: bool) -> None:
        if self._resampler is not None:
            block = self._resampler.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        if len(block):
            self._encoder.write(block)


def _make_resampler(rate: int, channels: int) -> Any:
    import soxr  # type: ignore[import-untyped]

    return soxr.ResampleStream(rate, OPUS_RATE, channels, dtype="float32", quality="HQ")


class _Pipe:
    """A sink that only goes on: what is written before its end, to correct a header, is dropped."""

    def __init__(self) -> None:
        self._ready = bytearray()
        self._end = self._position = 0

    def write(self, data: Any) -> int:
        """Appends bytes."""
        size = len(memoryview(data).cast("B"))
        if self._position == self._end:
            self._ready += data
            self._end += size
        self._position += size
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves, so that what follows is dropped until the end is reached again."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        """The position, bytes."""
        return self._position

    def take(self) -> bytes:
        """What was appended since the last time."""
        ready = bytes(self._ready)
        self._ready.clear()
        return ready
