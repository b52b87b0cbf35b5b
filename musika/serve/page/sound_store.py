"""Sounds that a person works on: samples on disk in a bounded folder, each under a name made from what it is.

The same recording gets the same name again, and so does the same edit of it. So nothing is stored or computed twice, a
list of edits stays valid as long as its recording is here, and no path of a file ever comes from a browser.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from musika import audio
from musika.audio import FileError
from musika.edit import Recording
from musika.errors import UsageError
from musika.files import escape

NAME = re.compile(r"[0-9a-f]{32}")
LONGEST_NAME = 255  # characters of a file's name
LIMIT_BYTES = 4 << 30  # of samples; those that were used longest ago are removed first


class SoundStore:
    """A bounded folder of sounds, as float32 arrays.

    Args:
        folder: that holds them and nothing else; it is made when the first sound comes.
        limit_bytes: of all sounds together. The newest one stays in any case.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        self._lock = threading.Lock()
        self._file_names: dict[str, str] = {}  # of recordings, as people have them: recipes name them

    def add(self, recording: Recording) -> str:
        """Stores a recording without edits; its name in the store."""
        samples = np.ascontiguousarray(recording.waveform, np.float32)
        name = make_name("recording", str(recording.sample_rate), str(samples.shape), hash_samples(samples))
        if self._find(name) is None:
            blocks = iter([samples])
            self.write(name, recording.sample_rate, samples.shape, blocks)
        with self._lock:
            self._file_names[name] = recording.name
        return name

    def get(self, name: str) -> Recording:
        """The sound of a name; its samples stay on disk.

        Raises:
            UsageError: it is not here, or not any more.
        """
        path = self._find(name)
        if path is None:
            raise UsageError("the recording is no longer here: drop it again")
        os.utime(path)
        waveform = np.load(path, mmap_mode="r", allow_pickle=False)
        return Recording(waveform, int(path.stem.split("-")[1]), name=self._file_names.get(name, ""))

    def holds(self, name: str) -> bool:
        """Whether a sound of that name is here."""
        return self._find(name) is not None

    def write(self, name: str, sample_rate: int, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
        """Stores a sound that comes in blocks `[n, channels]`. It has its name only once it is whole.

        Args:
            name: as `make_name` makes it.
            shape: of all samples, `[N, channels]`.
            blocks: what raises here ends the writing, and nothing is stored.

        Raises:
            FileError: the disk is full.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}-{sample_rate}.npy"
        part = self.folder / f".{secrets.token_hex(8)}"
        try:
            samples = np.lib.format.open_memmap(part, "w+", np.float32, shape)
            position = 0
            for block in blocks:
                samples[position : position + len(block)] = block
                position += len(block)
            samples.flush()
            del samples
            os.replace(part, path)
        except OSError as error:
            raise FileError(path, f"cannot be stored: {error.strerror or error}") from error
        finally:
            part.unlink(missing_ok=True)
        self._remove_old(path)

    def _find(self, name: str) -> Path | None:
        """The file of a sound. The name may come from anybody."""
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            return None
        return next(self.folder.glob(f"{name}-*.npy"), None)

    def _remove_old(self, newest: Path) -> None:
        with self._lock:
            present = [path for path in self.folder.glob("*.npy") if path != newest]
            present.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            total = newest.stat().st_size
            for path in present:
                total += path.stat().st_size
                if total > self.limit_bytes:
                    path.unlink(missing_ok=True)
                    self._file_names.pop(path.stem.split("-")[0], None)


def make_name(*parts: str) -> str:
    """The name of a sound that is made of these parts: 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def hash_samples(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.data.cast("B")).hexdigest()


def read_upload(path: Path, title: str, limit_seconds: float, note: Callable[[str], object] | None = None) -> Recording:
    """The recording in a file that was sent, at its own rate.

    Args:
        title: the file's name on the person's computer, for messages and recipes: where it lies here is nobody's
            business.
        limit_seconds: its greatest length. No more than that is decoded.
        note: is called with remarks on the file.

    Raises:
        FileError: the file cannot be read.
        UsageError: it is longer.
    """
    with name_upload(title):
        waveform, rate = audio.read_unchanged(path, note, limit_seconds)
    if len(waveform) > limit_seconds * rate:
        raise UsageError(f"the recording is longer than {limit_seconds:g} seconds: send a shorter part of it")
    return Recording(waveform, rate, name=escape(Path(title).name[:LONGEST_NAME]))


@contextlib.contextmanager
def name_upload(title: str) -> Iterator[None]:
    """Lets messages about a file that was sent name it as the person does."""
    try:
        yield
    except FileError as error:
        raise FileError(Path(title).name or "the file", error.reason) from None
