"""What an audio file must fulfil, whichever reader decodes it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from musika.errors import AudioError
from musika.files import describe_error, format_path

RATES = (8_000, 192_000)  # Hz
LOW_RATE = 32_000  # Hz; below it a person is told that treble is missing
LONGEST = 100 * 3600  # seconds of sound in one file
# The largest sample that is still music (full scale is 1). A float file may go beyond full scale: masters do by up to
# 12 dB, unfinished mixes by 24 dB (a factor of 16). Floats in integer units go much further: in the smallest units, of
# 8 bits, full scale is 128, and of 16 bits it is 32768. The limit of 64 (36 dB) lies between the two.
LARGEST = 64.0


class FileError(AudioError):
    """An audio file that cannot be read: `reason` is the end of a sentence that begins with the file's name."""

    def __init__(self, path: os.PathLike[str] | str, reason: str) -> None:
        super().__init__(f"{format_path(path)} {reason}")
        self.reason = reason


def check_file(path: Path) -> None:
    """Checks that this is a file with something in it that may be read.

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


def check_rate(path: Path, rate: int) -> None:
    """Checks that files of this sample rate (Hz) are read.

    Raises:
        FileError: they are not.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise FileError(path, f"has a sample rate of {rate} Hz; {RATES[0]} to {RATES[1]} Hz can be read")


def check_samples(path: Path, block: np.ndarray, done: int, rate: int) -> None:
    """Checks that samples are finite numbers, and no larger than those of music.

    Args:
        path: the file that they come from.
        block: `[n, channels]`.
        done: samples before the block.
        rate: Hz.

    Raises:
        FileError: they are not.
    """
    peaks = np.abs(block).max(axis=1, initial=0.0)  # [n]; NaN where any channel is
    if not np.isfinite(peaks).all():
        place = (done + int(np.argmin(np.isfinite(peaks)))) / rate
        raise FileError(path, f"has samples that are not finite numbers (NaN or infinite), first at {place:.2f} s")
    if peaks.max(initial=0.0) > LARGEST:
        place = (done + int(np.argmax(peaks))) / rate
        raise FileError(
            path,
            f"has samples so large ({peaks.max():.6g} at {place:.2f} s, where full scale is 1) that they must be in "
            "integer units; divide them by 32768 if they come from 16-bit samples",
        )


def refuse_empty(path: Path, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Passes blocks on.

    Raises:
        FileError: there are none.
    """
    is_empty = True
    for block in blocks:
        is_empty = False
        yield block
    if is_empty:
        raise FileError(path, "holds no samples")


def describe_channels(channels: int) -> str | None:
    """A remark on a number of channels whose layout is not known, None where there is nothing to say."""
    return None if channels in (1, 2, 6, 8) else f"has {channels} channels: the first two are taken"


def describe_rate(rate: int) -> str | None:
    """A remark on a sample rate (Hz) that leaves no room for treble, None where there is nothing to say."""
    if rate >= LOW_RATE:
        return None
    return f"has a sample rate of {rate} Hz: there is nothing above {rate // 2} Hz in it"
