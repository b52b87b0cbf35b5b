"""Where audio files are decoded: in a worker process with a limit on memory and one on silence, one worker a file.

The worker (worker.py) sends raw samples through a pipe, in messages of a letter and a length: whatever a hostile
file does to it, nothing that comes back is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from musika.errors import AudioError
from musika.files import format_path

MEMORY = 2 << 30  # bytes of address space that a decoder may take
PATIENCE = 60.0  # seconds that a decoder may go without giving samples
MESSAGE = 1 << 19  # bytes of samples in one message
MAX_CHANNELS = 64
NONSENSE = "made its decoder answer nonsense"


class FileError(AudioError):
    """An audio file that cannot be read: `reason` is the end of a sentence that begins with the file's name."""

    def __init__(self, path: os.PathLike[str] | str, reason: str) -> None:
        super().__init__(f"{format_path(path)} {reason}")
        self.reason = reason


def command() -> list[str]:
    """The program that decodes; -P keeps the worker's own folder from hiding other packages."""
    return [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]


class Decoder:
    """The samples of one file as they are, in a context: `with Decoder(path) as decoder: for block in decoder: ...`.

    Attributes:
        rate: Hz.
        channels: how many.
        order: how channels are sorted where there are more than two, "wave" or "vorbis".
    """

    def __init__(self, path: Path, memory: int = MEMORY, patience: float = PATIENCE) -> None:
        """Starts the worker and waits for the file's header.

        Raises:
            FileError: the file cannot be decoded.
        """
        self._path, self._patience = path, patience
        self._waiting_since: float | None = None
        self._late = False
        self._closed = threading.Event()
        # a session of its own: an interrupt from the keyboard is ours to handle, and ffmpeg goes with the worker
        self._process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            request = {"path": os.path.abspath(path), "memory": memory, "block": MESSAGE}
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # a worker that is gone already: the header will say so
                self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
                self._process.stdin.flush()
            kind, header = self._receive()
            if kind == b"E":
                raise FileError(path, header["error"] or "has no samples")
            if kind != b"H":
                raise FileError(path, NONSENSE)
            self.rate, self.channels = header["rate"], header["channels"]
            self.order, self._dtype = str(header.get("order")), np.dtype(header["dtype"])
            if not 0 < self.channels <= MAX_CHANNELS:
                raise FileError(path, f"has {self.channels} channels; 1 to {MAX_CHANNELS} can be read")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Blocks `[n, channels]`, float32.

        Raises:
            FileError: the file is damaged or truncated, or its decoder crashed or hung.
        """
        while True:
            kind, content = self._receive()
            if kind == b"E":
                if content["error"]:
                    raise FileError(self._path, content["error"])
                return
            if kind != b"S" or len(content) % (self._dtype.itemsize * self.channels):
                raise FileError(self._path, NONSENSE)
            yield np.frombuffer(content, self._dtype).astype(np.float32).reshape(-1, self.channels)

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        self._closed.set()
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _receive(self) -> tuple[bytes, Any]:
        """The next message: JSON of a header or an end, bytes of samples."""
        assert self._process.stdout is not None
        self._waiting_since = time.monotonic()
        head = self._process.stdout.read(5)
        size = struct.unpack("<I", head[1:])[0] if len(head) == 5 else 0
        content = self._process.stdout.read(size) if 0 < size <= 4 * MESSAGE else b""
        self._waiting_since = None
        if len(head) < 5 or len(content) < size:
            raise FileError(self._path, self._cause_of_death())
        kind = head[:1]
        if kind == b"S":
            return kind, content
        try:
            message = json.loads(content)
            if kind == b"E" and (message["error"] is None or isinstance(message["error"], str)):
                return kind, message
            if kind == b"H" and message["dtype"] in ("<f4", ">f4"):
                return kind, {**message, "rate": int(message["rate"]), "channels": int(message["channels"])}
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            pass
        raise FileError(self._path, NONSENSE)

    def _cause_of_death(self) -> str:
        if self._late:
            return f"stopped its decoder: no samples for {self._patience:.0f} s"
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return NONSENSE
        return (
            f"crashed its decoder ({signal.Signals(-code).name})" if code < 0 else f"stopped its decoder (code {code})"
        )

    def _watch(self) -> None:
        """Ends a worker that gives nothing for too long while somebody waits for it."""
        while not self._closed.wait(min(1.0, self._patience / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._patience:
                self._late = True
                self._kill()
                return

    def _kill(self) -> None:
        if self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
