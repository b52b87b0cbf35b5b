"""A folder that keeps the latest files only, for what a page hands to browsers."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from musika import audio

KEPT_FILES = 16
KEPT_BYTES = 1 << 30


class RecentFiles:
    """A bounded folder: the oldest files are removed.

    Args:
        folder: that holds them and nothing else.
        limit: number of files.
        limit_bytes: of all files together. The newest file stays in any case.
    """

    def __init__(self, folder: Path, limit: int = KEPT_FILES, limit_bytes: int = KEPT_BYTES) -> None:
        self.folder, self.limit, self.limit_bytes = folder, limit, limit_bytes
        self._lock = threading.Lock()

    def add(self, name: str, waveform: np.ndarray, sample_rate: int) -> Path:
        """Writes an audio file, as its name's ending says. A file of the same name is replaced.

        Args:
            waveform: `[N, 2]`.
        """
        path = self.folder / name
        audio.write(path, waveform, sample_rate)
        self.remove_old(path)
        return path

    def remove_old(self, newest: Path) -> None:
        """Removes the oldest files above the limits, after another file has been written.

        Args:
            newest: stays.
        """
        with self._lock:
            present = [path for path in self.folder.iterdir() if path.is_file() and path != newest]
            present.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            total = newest.stat().st_size
            for number, path in enumerate(present, 2):
                total += path.stat().st_size
                if number > self.limit or total > self.limit_bytes:
                    path.unlink(missing_ok=True)
