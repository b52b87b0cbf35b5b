"""The process that reads HDF5 files (legacy_worker.py): started, fed, watched, and ended; nothing it says is trusted.

A file is read in two steps: first names and shapes, then, once the caller has found them right, the numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from musika.errors import CheckpointError
from musika.files import shown

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_FILE = 2 << 30  # bytes; the largest published file has 84 million
MAX_DATA = 2 << 30  # bytes of arrays in one file, uncompressed
MAX_LISTING = 4 << 20  # bytes of names and shapes
MAX_REASON = 160  # characters of what libhdf5 says
MEMORY = 1 << 30  # bytes of address space that the worker may take, and five times the file's size
PATIENCE = 60.0  # seconds for one step
BLOCK = 1 << 20  # bytes sent at once
NONSENSE = "made its reader answer nonsense"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array as the file lists it.

    Attributes:
        layer: name of its layer.
        weight: its own name, such as `kernel`, without the path and the number that Keras puts around it.
        shape: as stored.
    """

    layer: str
    weight: str
    shape: tuple[int, ...]


class Reader:
    """Reads files one after the other, in a context: `with Reader(largest) as reader: ...`.

    Args:
        largest: bytes of the largest file that will be read; memory is limited by it.
        patience: seconds after which a file that takes so long is given up.
    """

    def __init__(self, largest: int, patience: float = PATIENCE) -> None:
        self._patience, self._late = patience, False
        self._path = Path()
        self._entries: list[Entry] = []
        self._process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt from the keyboard is ours to handle
            env={**os.environ, **ENVIRONMENT},
        )
        limits = {"memory": MEMORY + 5 * min(largest, MAX_FILE), "seconds": math.ceil(patience), "data": MAX_DATA}
        with contextlib.suppress(BrokenPipeError):  # a worker that is gone already: the first answer will say so
            self._stdin.write(json.dumps(limits).encode("ascii") + b"\n")
            self._stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self._process.pid

    def entries(self, path: Path) -> list[Entry]:
        """What a file holds, in stored order; the numbers are still unread, and `arrays` or `skip` must follow.

        Raises:
            CheckpointError: it is missing, too large, no HDF5 file, damaged, or has anything but plain arrays of
                float32 as Keras 2 lists them.
        """
        self._path = path
        if not path.is_file():
            raise CheckpointError(f"{shown(path)} is missing: {shown(path.parent)} is not a whole Musika checkpoint")
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if file.read(len(SIGNATURE)) != SIGNATURE:
                    raise self._error("is no HDF5 file: weights as Keras 2 saves them are expected")
                if size > MAX_FILE:
                    raise self._error(f"has {size} bytes: more than {MAX_FILE} are not read")
                file.seek(0)
                with self._watched():
                    self._feed(file, size)
                    listing = self._listing()
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror or error}") from error
        self._entries = self._checked(listing)
        return self._entries

    def arrays(self) -> list[np.ndarray]:
        """The numbers of the last file, in the order of its entries, float32.

        Raises:
            CheckpointError: they cannot be read, or one is not finite.
        """
        self._say(b"R")
        arrays = [np.empty(entry.shape, np.float32) for entry in self._entries]
        for array in arrays:
            with self._watched():
                self._fill(array)
        for entry, array in zip(self._entries, arrays, strict=True):
            if not np.isfinite(array).all():
                raise self._error(f"has numbers that are not finite, in '{entry.layer}/{entry.weight}'")
        return arrays

    def skip(self) -> None:
        """Leaves the numbers of the last file unread."""
        with self._watched():
            self._say(b"N")

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    # ------------------------------------------------------------------------------------------ conversation

    @property
    def _stdin(self) -> BinaryIO:
        assert self._process.stdin is not None
        return self._process.stdin  # type: ignore[return-value]

    def _error(self, reason: str) -> CheckpointError:
        return CheckpointError(f"{shown(self._path)} {reason}")

    def _feed(self, file: BinaryIO, size: int) -> None:
        """Sends a file."""
        self._say(struct.pack("<Q", size), flush=False)
        left = size
        while left:
            block = file.read(min(BLOCK, left))
            if not block:
                self.close()  # it waits for bytes that will not come
                raise self._error("became shorter while it was read")
            self._say(block, flush=False)
            left -= len(block)
        self._say(b"")

    def _say(self, data: bytes, flush: bool = True) -> None:
        try:
            self._stdin.write(data)
            if flush:
                self._stdin.flush()
        except (BrokenPipeError, ValueError):  # gone, or closed by us before
            raise self._error(self._cause_of_death()) from None

    def _hear(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise self._error(self._cause_of_death())
        return data

    def _message(self) -> tuple[bytes, int]:
        """Kind and length of the next message; an E is raised."""
        head = self._hear(9)
        kind, size = head[:1], struct.unpack("<Q", head[1:])[0]
        if kind != b"E":
            return kind, size
        if size <= MAX_LISTING:
            with contextlib.suppress(ValueError, RecursionError):
                reason = json.loads(self._hear(size))
                if isinstance(reason, str):
                    raise self._error(_line(reason))
        raise self._error(NONSENSE)

    def _listing(self) -> Any:
        kind, size = self._message()
        if kind != b"L" or size > MAX_LISTING:
            raise self._error(NONSENSE)
        try:
            return json.loads(self._hear(size))
        except (ValueError, RecursionError):
            raise self._error(NONSENSE) from None

    def _fill(self, array: np.ndarray) -> None:
        """Reads the next array's numbers."""
        kind, size = self._message()
        if kind != b"A" or size != array.nbytes:
            raise self._error(NONSENSE)
        assert self._process.stdout is not None
        view = memoryview(array.reshape(-1).view(np.uint8))
        if self._process.stdout.readinto(view) != size:  # type: ignore[attr-defined]
            raise self._error(self._cause_of_death())

    def _checked(self, listing: Any) -> list[Entry]:
        """The listing as entries, if that is what it is."""
        try:
            found = [Entry(_text(layer), _plain(_text(weight)), _shape(shape)) for layer, weight, shape in listing]
        except (TypeError, ValueError):
            raise self._error(NONSENSE) from None
        if sum(4 * math.prod(entry.shape) for entry in found) > MAX_DATA:
            raise self._error(NONSENSE)
        return found

    # ------------------------------------------------------------------------------------------ life and death

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Ends a worker that takes too long over what happens inside."""
        timer = threading.Timer(self._patience, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._process.kill()

    def _cause_of_death(self) -> str:
        if self._late:
            return f"stopped its reader: no answer for {self._patience:.0f} s"
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return NONSENSE
        return f"crashed its reader ({signal.Signals(-code).name})" if code < 0 else f"stopped its reader (code {code})"


ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "HDF5_PLUGIN_PRELOAD": "::",  # no filters from shared libraries
    "HDF5_USE_FILE_LOCKING": "FALSE",
}


def command() -> list[str]:
    """The program that reads; -P keeps the worker's own folder from hiding other packages."""
    return [sys.executable, "-P", str(Path(__file__).with_name("legacy_worker.py"))]


def _line(reason: str) -> str:
    """What the worker says, as printable characters of a bounded number."""
    text = shown(" ".join(reason.split()))
    return text if len(text) <= 2 * MAX_REASON else f"{text[: 2 * MAX_REASON]}..."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _shape(value: Sequence[Any]) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int and n > 0 for n in value) or not 1 <= len(value) <= 4:
        raise TypeError
    return tuple(value)


def _plain(weight: str) -> str:
    """`conv2d_17/kernel:0` is `kernel`."""
    return weight.rsplit("/", 1)[-1].removesuffix(":0")
