"""Audio files in: anything that libsndfile or ffmpeg decodes becomes a waveform `[N, 2]`, float32, 44.1 kHz.

Conventions. Integer formats are scaled by their full scale to [-1, 1]; peaks above 1 are kept. Mono is doubled, 5.1 and
7.1 are mixed down by ITU-R BS.775. Any rate from 8 to 192 kHz is resampled; N samples at rate R become
round(N · 44100 / R). Whatever cannot be read is an AudioError with the file's name and the reason: not a regular file,
empty, no permission, not audio, no audio stream, damaged, truncated, NaN or infinite samples, a decoder that crashes,
hangs or takes too much memory.

What counts as truncated: wav, aiff and flac whose header promises more than the file holds; mp3 whose first frame says
how many follow (0.2 s of slack); Ogg (Vorbis, Opus) that ends inside a page; and what ffmpeg calls torn. An mp3 without
that count, AAC without a container, and Ogg cut exactly between two pages cannot be told from whole files.

Decoding happens in a worker process (process.py).
"""

from __future__ import annotations

import itertools
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
)
from musika.audio.convert import rechunk, resample, to_stereo
from musika.audio.messages import Format
from musika.audio.process import MEMORY, PATIENCE, Decoder
from musika.config import SAMPLE_RATE
from musika.errors import AudioError
from musika.files import format_path, list_files

BLOCK = 1 << 16  # samples
SOUND = "aac ac3 aif aifc aiff alac amr ape au caf dsf dts eac3 flac m4a m4b mka mp1 mp2 mp3 mpa mpc oga ogg oma opus"
SOUND_TOO = "ra rf64 snd spx tak tta voc w64 wav wave weba wma wv"
VIDEO = "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts vob webm wmv"
EXTENSIONS = frozenset(f".{name}" for name in f"{SOUND} {SOUND_TOO} {VIDEO}".split())


def find(folder: Path) -> list[Path]:
    """The audio files (and videos, for their sound) in a folder and its sub-folders, by extension, sorted by path.

    Hidden files and folders are left out. A sub-folder that cannot be opened is in the list, too: reading it gives the
    reason. A path of one file gives that file, whatever its extension.

    Raises:
        AudioError: no such folder, or no audio in it.
    """
    if not os.path.lexists(folder):
        raise AudioError(f"there is no folder {format_path(folder)}", about="audio")
    if not folder.is_dir():
        return [folder]
    found = [path for path in list_files(folder) if path.suffix.lower() in EXTENSIONS or path.is_dir()]
    if found == [folder]:
        raise AudioError(f"the folder {format_path(folder)} cannot be opened; give yourself permission to read it")
    if not found:
        raise AudioError(
            f"there is no audio in {format_path(folder)} or its sub-folders; looked for wav, flac, ogg, opus, mp3, "
            "aiff, m4a and other sound and video files",
            about="audio",
        )
    return found


def read(path: Path, note: Callable[[str], object] | None = None) -> np.ndarray:
    """A whole file, `[N, 2]` float32, 44.1 kHz; see `blocks`."""
    return np.concatenate(list(blocks(path, note=note)))


def blocks(
    path: Path,
    block_samples: int = BLOCK,
    note: Callable[[str], object] | None = None,
    sample_rate: int = SAMPLE_RATE,
    memory: int = MEMORY,
    patience: float = PATIENCE,
) -> Iterator[np.ndarray]:
    """A file piece by piece: `[block_samples, 2]` float32, the last piece shorter.

    Args:
        path: the file.
        block_samples: samples in a piece.
        note: told, as the end of a sentence, what a person should know about how the file was read.
        sample_rate: Hz that the pieces have.
        memory: bytes of address space that the decoder may take.
        patience: seconds that the decoder may go without giving samples.

    Raises:
        AudioError: the file cannot be read, or not to its end; pieces may have been given before that.
    """
    check_file(path)
    with Decoder(path, memory, patience) as decoder:
        by_format = itertools.groupby(decoder, key=lambda item: item[0])
        pieces = (
            piece
            for form, items in by_format
            for piece in _read_format(path, form, (block for _, block in items), note or _ignore, sample_rate)
        )
        is_empty = True
        for piece in rechunk(pieces, block_samples):
            is_empty = False
            yield piece
        if is_empty:
            raise FileError(path, "holds no samples")


def _ignore(remark: str) -> None:
    """Nobody wants to know."""


def _read_format(
    path: Path, form: Format, blocks: Iterator[np.ndarray], note: Callable[[str], object], sample_rate: int
) -> Iterator[np.ndarray]:
    """The blocks of one format in two channels and at the new rate."""
    check_rate(path, form.rate)
    for remark in (*form.notes, describe_channels(form.channels), describe_rate(form.rate)):
        if remark is not None:
            note(remark)
    checked = _check_blocks(path, blocks, form.rate)
    yield from resample((to_stereo(block, form.order) for block in checked), form.rate, sample_rate)


def _check_blocks(path: Path, blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Passes samples on as long as they are sound and not too many."""
    done = 0
    for block in blocks:
        check_samples(path, block, done, rate)
        done += len(block)
        if done > LONGEST * rate:
            raise FileError(path, f"is longer than {LONGEST // 3600} hours")
        yield block
