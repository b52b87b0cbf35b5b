"""Encoders: samples go in block after block, bytes of a file go to a sink.

WAV is written here, everything else by libsndfile. A sink that cannot go back (a pipe) gets everything but the
corrections of a header that encoders make at the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from musika.audio.encodings import Encoding
from musika.audio.id3 import make_id3_tag
from musika.audio.quantise import Quantiser
from musika.audio.wav import make_wav_header
from musika.errors import AudioError
from musika.files import escape

FIELDS = ("title", "artist", "album", "comment", "date", "genre", "license", "software")  # tags that are written


class Sink(Protocol):
    """Where the bytes of a file go."""

    def write(self, data: Any, /) -> int:
        """Writes bytes and returns how many."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Moves, and returns the position."""

    def tell(self) -> int:
        """The position, bytes."""


class Encoder(Protocol):
    """Encodes one file."""

    @property
    def clipped_samples(self) -> int:
        """Samples of all channels so far that lay beyond full scale."""

    def write(self, block: np.ndarray) -> None:
        """Encodes the next samples, `[n, channels]` float32.

        Raises:
            AudioError: they are not finite numbers, or are more than the format holds.
            OSError: they cannot be written.
        """

    def finish(self) -> None:
        """Writes what is still held back.

        Raises:
            AudioError: the encoder refuses.
            OSError: it cannot be written.
        """

    def abandon(self) -> None:
        """Frees what it takes, after a failure. Nothing more is written."""


def make_encoder(
    sink: Sink, name: str, encoding: Encoding, rate: int, channels: int, tags: Mapping[str, str], endless: bool
) -> Encoder:
    """An encoder for one file.

    Args:
        sink: where the bytes go.
        name: of the file, for messages.
        encoding: the kind of file.
        rate: Hz.
        channels: how many.
        tags: `title`, `comment` ... (`FIELDS`); others are left out, and a format without tags has none.
        endless: whether the sink goes on for ever and cannot go back.

    Raises:
        AudioError: libsndfile refuses.
        OSError: the sink cannot be written to.
    """
    texts = {field: escape(tags[field]) for field in FIELDS if tags.get(field)} if encoding.has_tags else {}
    kind = _WavEncoder if encoding.container == "WAV" else _LibsndfileEncoder
    return kind(_Target(sink, name, encoding, rate, channels, texts, endless))


@dataclasses.dataclass(frozen=True)
class _Target:
    """What is to be written, as `make_encoder` takes it; `tags` has only what the format has room for."""

    sink: Sink
    name: str
    encoding: Encoding
    rate: int
    channels: int
    tags: Mapping[str, str]
    endless: bool


class _CheckedEncoder:
    """What both encoders do: samples are checked, counted and rounded."""

    def __init__(self, target: _Target) -> None:
        self._target = target
        self._most = None if target.endless else target.encoding.most_bytes
        self._width = target.encoding.sample_bytes * target.channels
        self._quantiser = Quantiser(target.encoding, target.channels)
        self.size = 0  # bytes of samples

    @property
    def clipped_samples(self) -> int:
        """Samples of all channels so far that lay beyond full scale."""
        return self._quantiser.clipped_samples

    def _prepare(self, block: np.ndarray) -> np.ndarray:
        """The samples as the encoder takes them."""
        if not np.isfinite(block).all():
            raise self._refuse("its samples are not finite numbers (NaN or infinite)")
        self.size += len(block) * self._width
        if self._most is not None and self.size > self._most:
            raise self._refuse(f"{self._target.encoding.container} files hold 4 GiB at most; choose flac or w64")
        return self._quantiser.quantise(block)

    def _refuse(self, reason: object) -> AudioError:
        return AudioError(f"{self._target.name} cannot be written: {reason}")


class _WavEncoder(_CheckedEncoder):
    """Writes WAV."""

    def __init__(self, target: _Target) -> None:
        super().__init__(target)
        self._sink = target.sink
        self._header = (target.encoding, target.rate, target.channels, dict(target.tags))
        self._sink.write(make_wav_header(*self._header, size=None))

    def write(self, block: np.ndarray) -> None:
        """Encodes the next samples."""
        samples = self._prepare(block)
        if self._target.encoding.bits == "24":
            low_first = samples.astype("<i4").view(np.uint8).reshape(-1, 4)
            self._sink.write(low_first[:, 1:].tobytes())  # the lowest byte is 0
        else:
            self._sink.write(samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes())

    def finish(self) -> None:
        """Fills in the sizes, where the file can go back."""
        if not self._target.endless:
            self._sink.write(b"\0" * (self.size % 2))
            end = self._sink.tell()
            self._sink.seek(0)
            self._sink.write(make_wav_header(*self._header, size=self.size))
            self._sink.seek(end)

    def abandon(self) -> None:
        """Nothing has to be freed."""


class _LibsndfileEncoder(_CheckedEncoder):
    """Writes what libsndfile writes."""

    def __init__(self, target: _Target) -> None:
        import soundfile  # type: ignore[import-untyped]

        super().__init__(target)
        encoding, form = target.encoding, (target.rate, target.channels, target.encoding.codec)
        head = make_id3_tag(target.tags) if encoding.container == "MP3" else b""
        target.sink.write(head)
        self._sink = _FirstFailure(target.sink, len(head))
        self._error = soundfile.SoundFileError
        with self._report_failures():
            self._file = soundfile.SoundFile(self._sink, "w", *form, format=encoding.container)
            if not head:
                for field, text in target.tags.items():
                    setattr(self._file, field, text)

    def write(self, block: np.ndarray) -> None:
        """Encodes the next samples."""
        samples = self._prepare(block)
        with self._report_failures():
            self._file.write(samples)

    def finish(self) -> None:
        """Writes what the encoder holds back, and the corrections of the header."""
        with self._report_failures():
            self._file.close()

    def abandon(self) -> None:
        """Closes libsndfile's file without writing."""
        self._sink.close()
        with contextlib.suppress(self._error):
            self._file.close()

    @contextlib.contextmanager
    def _report_failures(self) -> Iterator[None]:
        """Raises what the sink met first, else what libsndfile refuses."""
        try:
            yield
        except (self._error, AssertionError) as error:  # soundfile asserts that all was written
            self._sink.check()
            raise self._refuse(error) from error
        self._sink.check()


class _FirstFailure:
    """The file as libsndfile sees it, which does not always tell when the disk is full: the first failure is kept.

    Args:
        sink: the file.
        start: where libsndfile's file begins in it, bytes.
    """

    def __init__(self, sink: Sink, start: int) -> None:
        self._sink, self._start = sink, start
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes, or keeps the failure."""
        if self._error is None:
            try:
                return self._sink.write(data)
            except OSError as error:
                self._error = error
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves, which writes what is buffered."""
        if self._error is not None:
            return -1
        try:
            return self._sink.seek(offset + (self._start if whence == 0 else 0), whence) - self._start
        except OSError as error:
            self._error = self._error or error
            return -1

    def tell(self) -> int:
        """The position, bytes."""
        return -1 if self._error is not None else self._sink.tell() - self._start

    def readinto(self, buffer: Any) -> int:
        """Bytes: some encoders read their own header again."""
        return self._sink.readinto(buffer)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Drops whatever is written from now on."""
        self._error = self._error or OSError("closed")

    def check(self) -> None:
        """Raises the first failure."""
        if self._error is not None:
            raise self._error
