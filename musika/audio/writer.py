"""Writes audio of any length as WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more: as a file, or in memory.

A file has its name only when it is complete, and the same samples and tags give the same bytes. 16-bit formats get
triangular dither, the same for the same samples whatever blocks they come in. Samples beyond full scale are clipped and
counted, unless they are stored as floats.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from musika.audio.convert import rechunk, resample
from musika.audio.encoders import make_encoder
from musika.audio.encodings import OPUS_RATE, Encoding, choose_encoding
from musika.audio.ogg import choose_serial, set_serial
from musika.audio.opus import LOOKAHEAD, shorten
from musika.errors import AudioError
from musika.files import describe_error, format_path, open_new_file

BLOCK = 1 << 16  # samples that an encoder gets at once


@dataclasses.dataclass(frozen=True)
class WrittenFile:
    """A file that was written.

    Attributes:
        path: where it is.
        samples: how many per channel.
        channels: how many.
        rate: Hz.
        clipped_samples: samples of all channels that lay beyond full scale.
    """

    path: Path
    samples: int
    channels: int
    rate: int
    clipped_samples: int

    @property
    def clipped_share(self) -> float:
        """Share of the samples of all channels that lay beyond full scale, 0 to 1."""
        return self.clipped_samples / max(1, self.samples * self.channels)


def write(
    path: Path,
    waveform: np.ndarray | Iterable[np.ndarray],
    sample_rate: int,
    metadata: Mapping[str, str] | None = None,
    keep_existing: bool = False,
    bits: str | None = None,
) -> WrittenFile:
    """Writes a waveform, or one that comes in blocks, in the format that the extension names.

    Args:
        path: of the file; folders above it are made.
        waveform: `[N, channels]` float32 in [-1, 1], or blocks of it.
        sample_rate: Hz. Opus is written at 48 kHz.
        metadata: tags: `title`, `artist`, `album`, `comment`, `date`, `genre`, `license`, `software` to text.
        keep_existing: never replace a file that holds something else: the new one gets the next free name, such as
            `song-2.wav`, which the result says.
        bits: "16", "24" or "32f" (floats); None is 16 where the format has a choice.

    Raises:
        AudioError: unknown extension or bits, no samples or not finite ones, the disk is full, no permission.
    """
    encoding = choose_encoding(path, bits)
    try:
        with open_new_file(path, keep_existing) as new:
            samples, channels, clipped = _encode(
                new.file, format_path(path), waveform, sample_rate, encoding, metadata or {}
            )
    except OSError as error:
        raise AudioError(f"{format_path(path)} cannot be written: {describe_error(error)}") from error
    rate = OPUS_RATE if encoding.codec == "OPUS" else sample_rate
    return WrittenFile(new.path, samples, channels, rate, clipped)


def encode(
    waveform: np.ndarray | Iterable[np.ndarray],
    sample_rate: int,
    extension: str,
    metadata: Mapping[str, str] | None = None,
    bits: str | None = None,
) -> bytes:
    """A complete audio file in memory, with the same content as `write` gives it.

    Args:
        waveform: `[N, channels]` float32 in [-1, 1], or blocks of it.
        sample_rate: Hz. Opus is written at 48 kHz.
        extension: names the format, one of `FORMATS`.
        metadata: tags, as `write` takes them.
        bits: as `write` takes them.

    Raises:
        AudioError: unknown extension or bits, no samples or not finite ones.
    """
    file = io.BytesIO()
    _encode(file, "sound", waveform, sample_rate, choose_encoding(Path(f"sound{extension}"), bits), metadata or {})
    return file.getvalue()


def _encode(
    file: BinaryIO,
    name: str,
    waveform: np.ndarray | Iterable[np.ndarray],
    rate: int,
    encoding: Encoding,
    tags: Mapping[str, str],
) -> tuple[int, int, int]:
    """Encodes a waveform into an open file; returns samples, channels and how many samples were clipped.

    Raises:
        AudioError: no samples or not finite ones, more than the format holds, or libsndfile refuses.
        OSError: the file cannot be written.
    """
    blocks: Iterable[np.ndarray] = [waveform] if isinstance(waveform, np.ndarray) else waveform
    extra = 0
    if encoding.codec == "OPUS":
        blocks, rate, extra = _append_silence(resample(blocks, rate, OPUS_RATE), LOOKAHEAD), OPUS_RATE, LOOKAHEAD
    samples, channels, clipped = _encode_blocks(file, name, rechunk(blocks, BLOCK), rate, encoding, tags)
    if extra:
        shorten(file, extra)
    if encoding.container == "OGG":
        set_serial(file, choose_serial(tags))
    return samples - extra, channels, clipped


def _encode_blocks(
    file: BinaryIO, name: str, blocks: Iterator[np.ndarray], rate: int, encoding: Encoding, tags: Mapping[str, str]
) -> tuple[int, int, int]:
    """`_encode` for blocks of `BLOCK` samples."""
    block = next(blocks, None)
    if block is None:
        raise AudioError(f"{name} cannot be written: there are no samples")
    channels = block.shape[1]
    encoder = make_encoder(file, name, encoding, rate, channels, tags, endless=False)
    samples = 0
    try:
        while block is not None:
            encoder.write(block)
            samples += len(block)
            block = next(blocks, None)
        encoder.finish()
    except BaseException:
        encoder.abandon()
        raise
    return samples, channels, encoder.clipped_samples


def _append_silence(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The same blocks and a silent one; nothing where there are none."""
    channels = 0
    for block in blocks:
        channels = block.shape[1]
        yield block
    if channels:
        yield np.zeros((samples, channels), np.float32)
