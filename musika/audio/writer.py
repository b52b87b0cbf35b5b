"""Writes audio of any length as WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more: as a file, or in memory.

A file has its name only when it is complete. 16-bit formats get triangular dither, the same for the same samples
whatever blocks they come in. Samples beyond full scale are clipped and counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musika.audio.compare import have_same_content
from musika.audio.convert import rechunk, resample
from musika.audio.opus import LOOKAHEAD, shorten
from musika.draws import integers
from musika.errors import AudioError
from musika.files import NewFile, describe_error, escape, format_path, open_replacement, open_without_replacing

# extension: libsndfile's format and encoding
FORMATS: dict[str, tuple[str, str]] = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
    ".aif": ("AIFF", "PCM_16"),
    ".caf": ("CAF", "PCM_16"),
    ".w64": ("W64", "PCM_16"),
    ".rf64": ("RF64", "PCM_16"),
}
OPUS_RATE = 48_000  # Hz, the rate of all Opus files
BLOCK = 1 << 16  # samples written, and dithered, at once
LARGEST = (1 << 32) - (1 << 16)  # bytes of samples that the header of a WAV or AIFF file can state


@dataclasses.dataclass(frozen=True)
class WrittenFile:
    """A file that was written.

    Attributes:
        path: where it is.
        samples: how many per channel.
        channels: how many.
        clipped: samples of all channels that lay beyond full scale.
    """

    path: Path
    samples: int
    channels: int
    clipped: int

    @property
    def clipped_share(self) -> float:
        """Share of the samples of all channels that lay beyond full scale, 0 to 1."""
        return self.clipped / max(1, self.samples * self.channels)


def write(
    path: Path,
    waveform: np.ndarray | Iterable[np.ndarray],
    sample_rate: int,
    metadata: Mapping[str, str] | None = None,
    keep_existing: bool = False,
) -> WrittenFile:
    """Writes a waveform, or one that comes in blocks, in the format that the extension names.

    Args:
        path: of the file; folders above it are made.
        waveform: `[N, channels]` float32 in [-1, 1], or blocks of it.
        sample_rate: Hz. Opus is written at 48 kHz.
        metadata: `title`, `artist`, `comment`, `date`, `software`, `license` ... to text.
        keep_existing: never replace a file that holds something else: the new one gets the next free name, such as
            `song-2.wav`, which the result says.

    Raises:
        AudioError: unknown extension, no samples or not finite ones, the disk is full, no permission.
    """
    kind = _choose_kind(path)
    try:
        with _open(path, keep_existing) as new:
            samples, channels, clipped = _encode(
                new.file, format_path(path), waveform, sample_rate, kind, metadata or {}
            )
    except OSError as error:
        raise AudioError(f"{format_path(path)} cannot be written: {describe_error(error)}") from error
    return WrittenFile(new.path, samples, channels, clipped)


def encode(waveform: np.ndarray, sample_rate: int, extension: str) -> bytes:
    """A complete audio file in memory, with the same content as `write` gives it.

    Args:
        waveform: `[N, channels]` float32 in [-1, 1].
        sample_rate: Hz. Opus is written at 48 kHz.
        extension: names the format, one of `FORMATS`.

    Raises:
        AudioError: unknown extension, no samples or not finite ones.
    """
    file = io.BytesIO()
    _encode(file, "sound", waveform, sample_rate, _choose_kind(Path(f"sound{extension}")), {})
    return file.getvalue()


@contextlib.contextmanager
def _open(path: Path, keep_existing: bool) -> Iterator[NewFile]:
    if keep_existing:
        with open_without_replacing(path, have_same_content) as new:
            yield new
    else:
        with open_replacement(path) as file:
            yield NewFile(file, path)


def _choose_kind(path: Path) -> tuple[str, str]:
    """libsndfile's format and encoding for a file.

    Raises:
        AudioError: there are none.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise AudioError(f"{format_path(path)} cannot be written: its name must end in {', '.join(FORMATS)}")
    return kind


def _encode(
    file: BinaryIO,
    name: str,
    waveform: np.ndarray | Iterable[np.ndarray],
    rate: int,
    kind: tuple[str, str],
    metadata: Mapping[str, str],
) -> tuple[int, int, int]:
    """Encodes a waveform into an open file; returns samples, channels and how many samples were clipped.

    Raises:
        AudioError: no samples or not finite ones, more than the format holds, or libsndfile refuses.
        OSError: the file cannot be written.
    """
    blocks: Iterable[np.ndarray] = [waveform] if isinstance(waveform, np.ndarray) else waveform
    if kind[1] != "OPUS":
        return _encode_blocks(file, name, rechunk(blocks, BLOCK), rate, kind, metadata)
    blocks = _append_silence(resample(blocks, rate, OPUS_RATE), LOOKAHEAD)
    samples, channels, clipped = _encode_blocks(file, name, rechunk(blocks, BLOCK), OPUS_RATE, kind, metadata)
    shorten(file, LOOKAHEAD)
    return samples - LOOKAHEAD, channels, clipped


def _encode_blocks(
    file: BinaryIO,
    name: str,
    blocks: Iterator[np.ndarray],
    rate: int,
    kind: tuple[str, str],
    metadata: Mapping[str, str],
) -> tuple[int, int, int]:
    """`_encode` for blocks of `BLOCK` samples."""
    import soundfile  # type: ignore[import-untyped]

    first = next(blocks, None)
    if first is None:
        raise AudioError(f"{name} cannot be written: there are no samples")
    channels = first.shape[1]
    sink = _Sink(file)
    form, encoding = kind
    samples = clipped = 0
    try:
        with soundfile.SoundFile(sink, "w", rate, channels, encoding, format=form) as sound:
            for field, text in metadata.items():
                setattr(sound, field, escape(text))  # a folder's name in it may have any bytes
            for index, block in enumerate(itertools.chain([first], blocks)):
                if not np.isfinite(block).all():
                    raise AudioError(f"{name} cannot be written: its samples are not finite numbers (NaN or infinite)")
                if form in ("WAV", "AIFF") and 2 * (samples + len(block)) * channels > LARGEST:
                    raise AudioError(f"{name} cannot be written: {form} files hold 4 GiB at most; choose flac or w64")
                quantised, beyond = _quantise(block, encoding, index)
                sound.write(quantised)
                sink.check()
                samples, clipped = samples + len(block), clipped + beyond
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all was written
        sink.check()
        raise AudioError(f"{name} cannot be written: {error}") from error
    sink.check()
    return samples, channels, clipped


def _append_silence(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The same blocks and a silent one; nothing where there are none."""
    channels = 0
    for block in blocks:
        channels = block.shape[1]
        yield block
    if channels:
        yield np.zeros((samples, channels), np.float32)


def _quantise(block: np.ndarray, encoding: str, index: int) -> tuple[np.ndarray, int]:
    """What the encoder is given for block number `index`, and how many samples lay beyond full scale."""
    beyond = int(np.count_nonzero(np.abs(block) > 1))
    if encoding != "PCM_16":
        return np.clip(block, -1, 1), beyond
    # the difference of two uniform numbers is triangular noise of ±1 step: the error no longer depends on the sound
    halves = integers(0, "dither", index, block.size).astype("<u8").view("<i4").astype(np.float32)  # [2 n channels]
    steps = (halves[::2] - halves[1::2]).reshape(block.shape)
    steps *= np.float32(2.0**-32)
    steps += block * np.float32(32768)
    np.rint(steps, out=steps)
    return np.clip(steps, -32768, 32767).astype(np.int16), beyond


class _Sink:
    """The file as libsndfile sees it, which does not always tell when the disk is full: the first failure is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes, or keeps the failure."""
        if self._error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self._error = error
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves, which writes what is buffered."""
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            self._error = self._error or error
            return -1

    def tell(self) -> int:
        """The position, bytes."""
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """Bytes: some encoders read their own header again."""
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        return self._file.readinto(buffer)  # type: ignore[attr-defined]

    def check(self) -> None:
        """Raises the first failure."""
        if self._error is not None:
            raise self._error
