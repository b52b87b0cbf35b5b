"""Starts the process that decodes an audio file, and receives the samples.

Each file has a process of its own (worker.py), with a limit on memory, and on the time until it gives the next samples.
It sends raw samples in messages of a letter and a length (messages.py). Whatever a hostile file does to that process,
nothing that comes back is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from musika.audio import messages
from musika.audio.checks import FileError
from musika.audio.messages import MAX_CHANNELS, Format

MEMORY = 2 << 30  # bytes of address space that a decoder may take
TIMEOUT = 60.0  # seconds that a decoder may take until it gives the next samples
BLOCK = 1 << 19  # bytes of samples in one message
INVALID_ANSWER = "cannot be decoded: its decoder gave an invalid answer"


def get_command() -> list[str]:
    """The program that decodes; -P keeps the worker's own folder from hiding other packages."""
    return [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]


class Decoder:
    """The samples of one file as they are, in a context: `with Decoder(path) as decoder: for form, block in decoder:`.

    Attributes:
        format: of the samples to come; it may change within a file.
    """

    def __init__(self, path: Path, memory: int = MEMORY, timeout: float = TIMEOUT) -> None:
        """Starts the worker and waits for the first format.

        Raises:
            FileError: the file cannot be decoded.
        """
        self._path, self._timeout = path, timeout
        self._waiting_since: float | None = None
        self._is_late = False
        self._closed = threading.Event()
        # a session of its own: an interrupt from the keyboard is ours to handle, and ffmpeg goes with the worker
        self._process = subprocess.Popen(
            get_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            request = {"path": os.path.abspath(path), "memory": memory, "block": BLOCK}
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # a worker that is gone already: there will be no format
                self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
                self._process.stdin.flush()
            kind, content = self._receive()
            if kind == b"E":
                raise FileError(path, self._read_end(content) or "holds no samples")
            if kind != b"H":
                raise FileError(path, INVALID_ANSWER)
            self.format = self._read_format(content)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Format, np.ndarray]]:
        """Blocks `[n, channels]`, float32, each with its format.

        Raises:
            FileError: the file is damaged or truncated, or its decoder crashed or hung.
        """
        before = b"H"
        while True:
            kind, content = self._receive()
            if kind == b"E":
                if error := self._read_end(content):
                    raise FileError(self._path, error)
                return
            if kind == b"H" and before != b"H":
                self.format = self._read_format(content)
            elif kind == b"S" and not len(content) % (4 * self.format.channels):
                block = np.frombuffer(content, self.format.dtype).astype(np.float32)
                yield self.format, block.reshape(-1, self.format.channels)
            else:
                raise FileError(self._path, INVALID_ANSWER)
            before = kind

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        self._closed.set()
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _receive(self) -> tuple[bytes, bytes]:
        """The letter and the content of the next message."""
        assert self._process.stdout is not None
        self._waiting_since = time.monotonic()
        head = self._process.stdout.read(messages.HEAD_SIZE)
        size = messages.read_size(head)
        content = self._process.stdout.read(size) if 0 < size <= 4 * BLOCK else b""
        self._waiting_since = None
        if not head[:1] or not size or len(content) < size:
            raise FileError(self._path, self._explain_silence())
        return head[:1], content

    def _read_format(self, content: bytes) -> Format:
        try:
            form = messages.read_format(content)
        except ValueError:
            raise FileError(self._path, INVALID_ANSWER) from None
        if not 0 < form.channels <= MAX_CHANNELS:
            raise FileError(self._path, f"has {form.channels} channels; 1 to {MAX_CHANNELS} can be read")
        return form

    def _read_end(self, content: bytes) -> str | None:
        try:
            return messages.read_end(content)
        except ValueError:
            raise FileError(self._path, INVALID_ANSWER) from None

    def _explain_silence(self) -> str:
        """Why the worker no longer answers."""
        if self._is_late:
            return f"cannot be decoded: its decoder gave no samples for {self._timeout:.0f} s"
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return INVALID_ANSWER
        how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended early (exit code {code})"
        return f"cannot be decoded: its decoder {how}"

    def _watch(self) -> None:
        """Ends a worker that gives nothing for too long while somebody waits for it."""
        while not self._closed.wait(min(1.0, self._timeout / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._timeout:
                self._is_late = True
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
