"""One file of latents: `.npy`, float32 `[T, C]`, C order, read strictly and written in any length.

A file's header is checked before its data, nothing is ever unpickled, and no more of a file is read than is asked for.
"""

from __future__ import annotations

import dataclasses
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from musika.errors import LatentsError
from musika.files import describe_error, format_path, list_files

WARN_BEYOND = 1.5  # absolute value from which on a person is warned: latents lie in [-1, 1]
REFUSE_BEYOND = 8.0  # absolute value from which on a file is refused
ROWS = 4096  # latents read at once
HEADER = 128  # bytes of the headers that we write, enough for any length
_DTYPE = np.dtype("<f4")


class BadValues(LatentsError):
    """Values that no latents have."""


@dataclasses.dataclass(frozen=True)
class LatentsFile:
    """One `.npy` file whose header was checked: `length` latents of `channels` numbers, from byte `offset` on."""

    path: Path
    length: int
    channels: int
    offset: int

    def read_rows(self, start: int, count: int) -> np.ndarray:
        """Latents start ... start + count, `[count, C]` float32.

        Raises:
            LatentsError: they lie outside the file, or the file has changed since it was opened.
        """
        if start < 0 or count < 0 or start + count > self.length:
            raise LatentsError(f"{format_path(self.path)} has {self.length} latents, not {start}..{start + count}")
        width = self.channels * _DTYPE.itemsize
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset + start * width)
                data = file.read(count * width)
        except OSError as error:
            raise LatentsError(f"{format_path(self.path)} cannot be read: {describe_error(error)}") from error
        if len(data) < count * width:
            raise LatentsError(f"{format_path(self.path)} has become shorter since it was opened")
        return np.frombuffer(data, _DTYPE).reshape(count, self.channels).astype(np.float32)

    def read_blocks(self, length: int = ROWS) -> Iterator[np.ndarray]:
        """All latents in pieces `[length, C]`, the last one shorter."""
        for start in range(0, self.length, length):
            yield self.read_rows(start, min(length, self.length - start))

    def find_largest(self) -> float:
        """The largest absolute value.

        Raises:
            BadValues: a value is not a number, not finite, or beyond ±8.
        """
        largest = 0.0
        for block in self.read_blocks():
            largest = max(largest, check_values(block, format_path(self.path)))
        return largest


def check_values(latents: np.ndarray, name: str) -> float:
    """The largest absolute value of latents that may be used.

    Raises:
        BadValues: a value is not finite or beyond ±8; the text begins with `name`.
    """
    largest = float(np.abs(latents).max(initial=0.0))  # NaN if there is one
    if not np.isfinite(largest):
        raise BadValues(f"{name} has values that are not finite numbers; encode its source again")
    if largest > REFUSE_BEYOND:
        raise BadValues(f"{name} has values up to {largest:.3g}; latents lie in -1..1, this is something else")
    return largest


def open_latents(path: Path, channels: int | None = None) -> LatentsFile:
    """Checks the header of an `.npy` file: version, dtype, order, shape and size. Its values are not read.

    Args:
        path: the file.
        channels: C, where it is known what to expect.

    Raises:
        LatentsError: the header does not fit; the text names the file and the remedy.
    """
    name = format_path(path)
    try:
        with open(path, "rb") as file:
            shape, fortran, dtype = _read_header(file, name)
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise LatentsError(f"{name} cannot be read: {describe_error(error)}") from error
    if dtype.hasobject:
        raise LatentsError(f"{name} holds Python objects, which are never read; encode its source again")
    if dtype != _DTYPE:
        raise LatentsError(f"{name} holds {dtype.name} numbers; latents are float32: encode its source again")
    if len(shape) != 2 or fortran or shape[0] < 1 or shape[1] < 1:
        order = " in Fortran order" if fortran else ""
        raise LatentsError(f"{name} has shape {list(shape)}{order}; latents are [time, channels] in C order")
    if channels is not None and shape[1] != channels:
        raise LatentsError(
            f"{name} has {shape[1]} numbers in a latent, the codec has {channels}", about="codec of latents"
        )
    expected = offset + shape[0] * shape[1] * _DTYPE.itemsize
    if size != expected:
        state = "truncated" if size < expected else "too long"
        raise LatentsError(f"{name} is {state}: {size} bytes instead of {expected}; encode its source again")
    return LatentsFile(path, shape[0], shape[1], offset)


def _read_header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and dtype."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError, TypeError, MemoryError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise LatentsError(f"{name} is not an .npy file of latents ({reason})") from error
    raise LatentsError(f"{name} is an .npy file of an unknown version {version[0]}.{version[1]}")


class LatentsWriter:
    """Writes one `.npy` file whose length is known only at the end; one block at a time is in memory."""

    def __init__(self, file: BinaryIO, channels: int) -> None:
        """Takes an empty file, open for writing."""
        self._file, self.channels, self.length = file, channels, 0
        self._file.write(self._make_header())

    def add(self, block: np.ndarray) -> None:
        """Appends `[n, C]`."""
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise LatentsError(f"a block of shape {list(block.shape)} among latents of {self.channels} channels")
        self._file.write(np.ascontiguousarray(block, _DTYPE).data)
        self.length += len(block)

    def finish(self) -> None:
        """Writes the true length into the header."""
        self._file.seek(0)
        self._file.write(self._make_header())
        self._file.seek(0, os.SEEK_END)

    def _make_header(self) -> bytes:
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self.length}, {self.channels}), }}"
        return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + text.ljust(HEADER - 11).encode() + b"\n"


def find_latents(folder: Path) -> list[Path]:
    """The `.npy` files in a folder and its sub-folders, sorted; a path of one file gives that file.

    Raises:
        LatentsError: no such folder, or no `.npy` in it.
    """
    if not folder.exists():
        raise LatentsError(f"there is no folder {format_path(folder)}", about="latents")
    if not folder.is_dir():
        return [folder]
    paths = [path for path in list_files(folder) if path.suffix == ".npy"]
    if not paths:
        raise LatentsError(f"there are no latents (.npy) in {format_path(folder)}", about="latents")
    return paths
