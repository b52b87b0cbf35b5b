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

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from musika.audio.convert import rechunk, resample, stereo_note, to_stereo
from musika.audio.process import MEMORY, PATIENCE, Decoder, FileError
from musika.config import SAMPLE_RATE
from musika.errors import AudioError
from musika.files import describe_error, format_path, list_files

BLOCK = 1 << 16  # samples
RATES = (8_000, 192_000)  # Hz
LOW_RATE = 32_000  # Hz; below it a person is told that treble is missing
LONGEST = 100 * 3600  # seconds of audio in one file
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
        raise AudioError(f"there is no folder {format_path(folder)}; --files_path names the folder with audio files")
    if not folder.is_dir():
        return [folder]
    found = [path for path in list_files(folder) if path.suffix.lower() in EXTENSIONS or path.is_dir()]
    if found == [folder]:
        raise AudioError(f"the folder {format_path(folder)} cannot be opened; give yourself permission to read it")
    if not found:
        raise AudioError(
            f"there is no audio in {format_path(folder)}; looked for wav, flac, ogg, opus, mp3, aiff, m4a "
            f"and other sound "
            "and video files, in sub-folders too"
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
        if not RATES[0] <= decoder.rate <= RATES[1]:
            raise FileError(path, f"has a sample rate of {decoder.rate} Hz; 8000 to 192000 Hz can be read")
        remark = stereo_note(decoder.channels)
        if note is not None and remark is not None:
            note(remark)
        if note is not None and decoder.rate < LOW_RATE:
            note(f"has a sample rate of {decoder.rate} Hz: there is nothing above {decoder.rate // 2} Hz in it")
        stereo = _finite(path, (to_stereo(block, decoder.order) for block in decoder), decoder.rate)
        given = False
        for piece in rechunk(_checked(path, resample(stereo, decoder.rate, sample_rate)), block_samples):
            given = True
            yield piece
        if not given:
            raise FileError(path, "holds no samples")


def check_file(path: Path) -> None:
    """Whether this is a file with something in it that may be read.

    Raises:
        FileError: it is not; the reason says why.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise FileError(path, "is a link to nothing" if path.is_symlink() else "does not exist") from None
    except OSError as error:
        raise FileError(path, f"cannot be read: {describe_error(error)}") from None
    try:
        if stat.S_ISDIR(status.st_mode):
            os.listdir(path)
            raise FileError(path, "is a folder, not an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise FileError(path, "is not a regular file")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FileError(path, f"cannot be read: {describe_error(error)}") from None
    if status.st_size == 0:
        raise FileError(path, "is empty (0 bytes)")


def _finite(path: Path, stereo: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Passes samples on as long as they are finite and not too many."""
    done = 0
    for block in stereo:
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            where = (done + int(np.argmax(bad))) / rate
            raise FileError(path, f"has samples that are not finite numbers (NaN or infinite), first at {where:.2f} s")
        done += len(block)
        if done > LONGEST * rate:
            raise FileError(path, f"is longer than {LONGEST // 3600} hours")
        yield block


def _checked(path: Path, resampled_blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same once more behind the resampler, where samples near the largest float overflow."""
    for block in resampled_blocks:
        if not np.isfinite(block).all():
            raise FileError(path, "has samples so large that they cannot be resampled")
        yield block
