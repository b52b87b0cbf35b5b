"""Files on request: rendered to a temporary folder, one at a time, then sent."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import numpy as np

from musika.render import Piece

BLOCK = 1 << 16  # bytes that are read and sent at once
ASK_EVERY = 0.2  # seconds between two looks whether the client is still there


class ClientLeft(Exception):
    """Nobody waits for the file any more."""


class FileMaker:
    """Makes files of pieces."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="musika-serve-", ignore_cleanup_errors=True)
        self._numbers = itertools.count()
        self._one = asyncio.Semaphore(1)

    async def make(
        self, piece: Piece, start: float, seconds: float, kind: str, has_left: Callable[[], Awaitable[bool]]
    ) -> Path:
        """A file with a part of a piece, for whoever asked to remove.

        Args:
            start: seconds.
            seconds: length.
            kind: "wav", "mp3" ...
            has_left: whether the client has left, which stops the rendering.

        Raises:
            ClientLeft: it has.
            MusikaError: the file cannot be rendered or written.
        """
        path = Path(self._folder.name, f"{next(self._numbers)}.{kind}")
        async with self._one:
            left = threading.Event()

            def watch(block: np.ndarray) -> None:
                del block
                if left.is_set():
                    raise ClientLeft

            work = asyncio.ensure_future(asyncio.to_thread(piece.save, path, seconds, start, on_block=watch))
            try:
                while not work.done():
                    if await has_left():
                        left.set()
                    await asyncio.wait([work], timeout=ASK_EVERY)
            finally:
                left.set()
            await work
        return path

    def close(self) -> None:
        """Removes what is left of the files."""
        self._folder.cleanup()


async def read_and_remove(path: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a file, which is gone at the end."""
    try:
        with open(path, "rb") as file:
            while data := await asyncio.to_thread(file.read, BLOCK):
                yield data
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
