"""Reads audio files: what libsndfile or ffmpeg decodes becomes a waveform `[N, 2]`, float32, 44.1 kHz.

Conventions. Integer formats are scaled by their full scale to [-1, 1]. Samples beyond full scale are kept, up to a
limit that only floats in integer units exceed. Mono is doubled, 5.1 and 7.1 are mixed down by ITU-R BS.775. Any rate
from 8 to 192 kHz is resampled; N samples at rate R become round(N · 44100 / R).

A file that cannot be read is a FileError with its name and the reason: it is no regular file, empty, not audio, without
an audio stream, damaged or truncated; it may not be read; its samples are not finite, too large or none; its decoder
crashes, hangs or needs too much memory.

Before a file is decoded, its header is compared with what it holds (`musika.audio.layout`): that tells truncated files
from those whose header is wrong. Decoding happens in a process of its own (process.py).
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from musika.audio.checks import (
    LONGEST,
    FileError,
    check_file,
    check_rate,
    check_samples,
    describe_channels,
    describe_rate,
    refuse_empty,
)
from musika.audio.convert import rechunk, resample, to_stereo
from musika.audio.messages import Format
from musika.audio.process import MEMORY, TIMEOUT, Decoder
from musika.config import SAMPLE_RATE
from musika.errors import AudioError
from musika.files import format_path, list_files

BLOCK = 1 << 16  # samples
AUDIO = (
    "aac ac3 aif aifc aiff alac amr ape au caf dsf dts eac3 flac m4a m4b mka mp1 mp2 mp3 mpa mpc oga ogg oma opus "
    "ra rf64 snd spx tak tta voc w64 wav wave weba wma wv"
)
VIDEO = "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts vob webm wmv"
EXTENSIONS = frozenset(f".{name}" for name in f"{AUDIO} {VIDEO}".split())


def find_files(folder: Path) -> list[Path]:
    """The audio files (and videos, for their sound) in a folder and its sub-folders, by extension, sorted by path.

    Hidden files and folders are left out. A sub-folder that cannot be opened is in the list, too: reading it gives the
    reason. The path of a file gives that file, whatever its extension.

    Raises:
        AudioError: no such folder, or no audio in it.
    """
    if not os.path.lexists(folder):
        raise AudioError(f"there is no folder {format_path(folder)}", about="audio")
    if not folder.is_dir():
        return [folder]
    paths = [path for path in list_files(folder) if path.suffix.lower() in EXTENSIONS or path.is_dir()]
    if paths == [folder]:
        raise AudioError(f"the folder {format_path(folder)} cannot be opened; give yourself permission to read it")
    if not paths:
        raise AudioError(
            f"there is no audio in {format_path(folder)} or its sub-folders; looked for wav, flac, ogg, opus, mp3, "
            "aiff, m4a and other sound and video files",
            about="audio",
        )
    return paths


def read(path: Path, note: Callable[[str], object] | None = None) -> np.ndarray:
    """A whole file, `[N, 2]` float32, 44.1 kHz; see `read_blocks`."""
    return np.concatenate(list(read_blocks(path, note=note)))


def read_unchanged(
    path: Path, note: Callable[[str], object] | None = None, seconds: float = math.inf
) -> tuple[np.ndarray, int]:
    """A whole file at its own rate: float32 `[N, channels]` and Hz. One channel stays one, more than two become two.

    Where the format changes within the file, the first one counts for all of it.

    Args:
        note: as `read_blocks` has it.
        seconds: reading ends soon after so many; the result is longer then.

    Raises:
        FileError: as `read_blocks` says.
    """
    check_file(path)
    with Decoder(path, MEMORY, TIMEOUT) as decoder:
        form = decoder.format
        blocks, count = [], 0
        for block in _read_converted(path, decoder, note or _ignore, form.rate):
            blocks.append(block)
            count += len(block)
            if count > seconds * form.rate:
                break
    if not count:
        raise FileError(path, "holds no samples")
    waveform = np.concatenate(blocks)
    return (waveform[:, :1] if form.channels == 1 else waveform), form.rate


def read_blocks(
    path: Path,
    block_samples: int = BLOCK,
    note: Callable[[str], object] | None = None,
    sample_rate: int = SAMPLE_RATE,
    memory: int = MEMORY,
    timeout: float = TIMEOUT,
) -> Iterator[np.ndarray]:
    """Reads a file block by block: `[block_samples, 2]` float32, the last one shorter.

    Args:
        path: the file.
        block_samples: samples in a block.
        note: is called with remarks for a person, each the end of a sentence that begins with the file's name.
        sample_rate: Hz that the blocks have.
        memory: bytes of address space that the decoder may take.
        timeout: seconds that the decoder may take until it gives the next samples.

    Raises:
        FileError: the file cannot be read, or not to its end; blocks may have been given before that.
    """
    check_file(path)
    with Decoder(path, memory, timeout) as decoder:
        blocks = _read_converted(path, decoder, note or _ignore, sample_rate)
        yield from refuse_empty(path, rechunk(blocks, block_samples))


def _read_converted(
    path: Path, decoder: Decoder, note: Callable[[str], object], sample_rate: int
) -> Iterator[np.ndarray]:
    """All blocks of a file with two channels and at one rate, whatever its formats are."""
    for form, items in itertools.groupby(decoder, key=lambda item: item[0]):
        yield from _convert_blocks(path, form, (block for _, block in items), note, sample_rate)


def _ignore(remark: str) -> None:
    """What `note` does where nobody listens."""


def _convert_blocks(
    path: Path, form: Format, blocks: Iterator[np.ndarray], note: Callable[[str], object], sample_rate: int
) -> Iterator[np.ndarray]:
    """Blocks of one format with two channels and at the new rate."""
    check_rate(path, form.rate)
    for remark in (*form.notes, describe_channels(form.channels), describe_rate(form.rate)):
        if remark is not None:
            note(remark)
    checked = _check_blocks(path, blocks, form.rate)
    yield from resample((to_stereo(block, form.order) for block in checked), form.rate, sample_rate)


def _check_blocks(path: Path, blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Passes blocks on if their samples are those of music, and not too many."""
    done = 0
    for block in blocks:
        check_samples(path, block, done, rate)
        done += len(block)
        if done > LONGEST * rate:
            raise FileError(path, f"is longer than {LONGEST // 3600} hours")
        yield block
