"""Audio files out: wav, flac, ogg, opus, mp3, aiff and others, by extension, whole or not at all, in any length."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musika.audio.convert import rechunk, resample
from musika.audio.opus import LOOKAHEAD, shorten
from musika.draws import integers
from musika.errors import AudioError
from musika.files import describe_error, escape, format_path, open_replacement

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
ENCODINGS = ("PCM_16", "PCM_24", "FLOAT")  # what `encoding` may ask for
WIDTH = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}  # bytes
OPUS_RATE = 48_000  # Hz, the one that Opus works at
BLOCK = 1 << 16  # samples written, and dithered, at once
LARGEST = (1 << 32) - (1 << 16)  # bytes of samples that a wav or aiff header can count


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written: where, how many samples of how many channels, and how many of all numbers had to be clipped."""

    path: Path
    samples: int
    channels: int
    clipped: int

    @property
    def clipped_share(self) -> float:
        """Share of all samples that lay beyond full scale, 0 to 1."""
        return self.clipped / max(1, self.samples * self.channels)


def write(
    path: Path,
    waveform: np.ndarray | Iterable[np.ndarray],
    sample_rate: int,
    encoding: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Written:
    """Writes a waveform, or one that comes in blocks, to the kind of file that the extension names.

    The file appears under its name when it is complete. 16-bit files get triangular dither, the same for the same
    samples whatever blocks they come in. Samples beyond ±1 are clipped (not in "FLOAT" files) and counted. Opus is
    written at 48 kHz.

    Args:
        path: where to; folders above are made.
        waveform: `[N, channels]` float32 in [-1, 1], or blocks of it.
        sample_rate: Hz.
        encoding: "PCM_16", "PCM_24" or "FLOAT", for formats without loss; 16-bit unless asked otherwise.
        metadata: `title`, `artist`, `comment`, `date`, `software`, `license` ... to text.

    Raises:
        AudioError: unknown extension or encoding, no samples or not finite ones, the disk is full, no permission.
    """
    form, default = _format(path, encoding)
    blocks: Iterable[np.ndarray] = [waveform] if isinstance(waveform, np.ndarray) else waveform
    opus = default == "OPUS"
    if opus:
        blocks, sample_rate = _then_silence(resample(blocks, sample_rate, OPUS_RATE), LOOKAHEAD), OPUS_RATE
    try:
        with open_replacement(path) as file:
            written = _write(file, path, rechunk(blocks, BLOCK), sample_rate, (form, default), metadata or {})
            if opus:
                shorten(file, LOOKAHEAD)
                written = dataclasses.replace(written, samples=written.samples - LOOKAHEAD)
            return written
    except OSError as error:
        raise AudioError(f"{format_path(path)} cannot be written: {describe_error(error)}") from error


def _format(path: Path, encoding: str | None) -> tuple[str, str]:
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        raise AudioError(f"{format_path(path)} cannot be written: the name must end in {', '.join(FORMATS)}")
    if encoding is None:
        return known
    if known[1] != "PCM_16" or encoding not in ENCODINGS or (known[0], encoding) == ("FLAC", "FLOAT"):
        raise AudioError(f"{format_path(path)} cannot be written as {encoding}")
    return known[0], encoding


def _write(
    file: BinaryIO,
    path: Path,
    blocks: Iterator[np.ndarray],
    rate: int,
    kind: tuple[str, str],
    metadata: Mapping[str, str],
) -> Written:
    """Encodes blocks into an open file."""
    import soundfile  # type: ignore[import-untyped]

    first = next(blocks, None)
    if first is None:
        raise AudioError(f"{format_path(path)} cannot be written: there are no samples")
    channels = first.shape[1]
    sink = _Sink(file)
    form, encoding = kind
    samples = clipped = 0
    try:
        with soundfile.SoundFile(sink, "w", rate, channels, encoding, format=form) as sound:
            for name, text in metadata.items():
                setattr(sound, name, escape(text))  # a folder's name in it may have any bytes
            for index, block in enumerate(_chain(first, blocks)):
                if not np.isfinite(block).all():
                    raise AudioError(f"{format_path(path)} cannot be written: samples are not finite numbers")
                if form in ("WAV", "AIFF") and (samples + len(block)) * channels * WIDTH[encoding] > LARGEST:
                    raise AudioError(
                        f"{format_path(path)} cannot be written: more than {form.lower()} holds; choose flac"
                    )
                out, beyond = _quantised(block, encoding, index)
                sound.write(out)
                sink.check()
                samples, clipped = samples + len(block), clipped + beyond
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all was written
        sink.check()
        raise AudioError(f"{format_path(path)} cannot be written: {error}") from error
    sink.check()
    return Written(path, samples, channels, clipped)


def _then_silence(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    channels = 0
    for block in blocks:
        channels = block.shape[1]
        yield block
    if channels:
        yield np.zeros((samples, channels), np.float32)


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _quantised(block: np.ndarray, encoding: str, index: int) -> tuple[np.ndarray, int]:
    """What the encoder is given for a block, and how many samples lay beyond full scale."""
    if encoding == "FLOAT":
        return np.asarray(block, np.float32), 0
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
        """Writes, or remembers why not."""
        if self._error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self._error = error
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves; what is buffered is written by that."""
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            self._error = self._error or error
            return -1

    def tell(self) -> int:
        """The position, bytes."""
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """Some encoders look back at their own header."""
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        return self._file.readinto(buffer)  # type: ignore[attr-defined]

    def check(self) -> None:
        """Raises the first failure."""
        if self._error is not None:
            raise self._error
