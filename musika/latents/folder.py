"""A folder that latents are written to.

The folder keeps the sub-folders of the audio: `a/song.wav` becomes `a/song.wav_0000.npy`, `a/song.wav_0001.npy` ... in
chunks, or `a/song.wav.npy` whole. The extension stays in the name, so no two sources ever share one. Chunk k holds
latents k·M ... (k+1)·M of its source; when the source's length is no multiple of M, a last chunk holds its last M
latents and overlaps the one before, as in the original Musika.

The files of a source get their names together, when all of them are complete. The index is replaced afterwards. A run
that is killed leaves no incomplete files, and the next one continues with the first source that is not in the index.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from musika.errors import LatentsError
from musika.files import FolderInUse, describe_error, format_path, lock_folder, sync_folder
from musika.latents.file import LatentsWriter, check_values
from musika.latents.index import Index, LatentsSettings, Source, read_index, write_index

PARTIAL = ".partial"  # folder of what is not complete yet


class TooShort(LatentsError):
    """A source of fewer latents than one chunk has."""


class BadName(LatentsError):
    """A source whose latents cannot be named after it."""


def hash_folder(folder: Path) -> str:
    """Tells audio folders apart without revealing where they are."""
    return hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=6).hexdigest()


class LatentsFolder:
    """A folder that latents are being written to, by one process at a time.

    `with LatentsFolder(path, settings) as folder:`, then for each source `folder.has(...)` or
    `with folder.write_source(...) as source: source.add(block) ...; source.finish(samples)`.
    """

    def __init__(self, path: Path, settings: LatentsSettings) -> None:
        """Opens the folder, makes it where needed, and reads its index.

        Raises:
            LatentsError: it holds latents of another codec or other settings, another run writes to it, or it cannot be
                written to.
        """
        self.path, self.settings = path, settings
        self.skipped: list[dict[str, str]] = []
        self._sources: dict[str, Source] = {}
        self._lock = contextlib.ExitStack()
        self._saved_at, self._save_seconds, self._has_changes = -1e9, 0.0, False  # of the index
        try:
            self._lock.enter_context(lock_folder(path))
            index = read_index(path)  # after locking: what another run has just written counts
            if index is not None:
                _check_settings(path, index.settings, settings)
                self._sources = {source.path: source for source in index.sources}
            self._remove_incomplete()
            (path / PARTIAL).mkdir()
        except BaseException as error:
            self._lock.close()
            if isinstance(error, FolderInUse):
                raise LatentsError(
                    f"another run is writing to {format_path(path)}: wait for it", about="save"
                ) from None
            if isinstance(error, OSError):
                raise LatentsError(
                    f"{format_path(path)} cannot be written to: {describe_error(error)}", about="save"
                ) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._has_changes or kind is None:
                self.save()
        finally:
            with contextlib.suppress(OSError):
                self._remove_incomplete()
            self._lock.close()

    def get_source(self, path: str) -> Source | None:
        """The entry of a source in the index."""
        return self._sources.get(path)

    def has(self, path: str, status: os.stat_result) -> bool:
        """Whether a source has been encoded, has not changed since, and its latents are still there."""
        source = self._sources.get(path)
        return (
            source is not None
            and (source.size, source.mtime_ns) == (status.st_size, status.st_mtime_ns)
            and all((self.path / name).is_file() for name in source.files)
        )

    def skip(self, path: str, reason: str) -> None:
        """Records that a source is not among the latents, and why."""
        self.skipped.append({"path": path, "reason": reason})
        self._has_changes = True

    @contextlib.contextmanager
    def write_source(self, path: str, folder_hash: str, status: os.stat_result) -> Iterator[SourceWriter]:
        """Takes the latents of one source; they are dropped unless `finish` was called.

        Args:
            path: of the source, relative to the audio folder.
            folder_hash: of the audio folder, as `hash_folder` gives it.
            status: of the source's file.
        """
        writer = SourceWriter(self.path / PARTIAL, path, self.settings)
        try:
            yield writer
            if writer.samples is not None:
                source = Source(path, folder_hash, status.st_size, status.st_mtime_ns, writer.samples, 0, ())
                self._add(writer, source)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # the source's fault; the others can still be done
                raise BadName("has a name too long for that of its latents; give it a shorter one") from error
            raise LatentsError(
                f"latents cannot be written to {format_path(self.path)}: {describe_error(error)}"
            ) from error
        finally:
            writer.drop()

    def _add(self, writer: SourceWriter, source: Source) -> None:
        """Gives the files of a complete source their names, and enters it in the index."""
        names = tuple(writer.names)
        before = self._sources.get(source.path)
        for name, temporary in zip(names, writer.parts, strict=True):
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, target)
        sync_folder((self.path / names[0]).parent)
        for name in set(before.files if before is not None else ()) - set(names):
            with contextlib.suppress(OSError):
                (self.path / name).unlink()  # of an earlier, longer version of the source
        self._sources[source.path] = dataclasses.replace(source, latents=writer.length, files=names)
        self._has_changes = True
        # in a folder of very many sources, saving the index takes at most a twentieth of the time
        if time.monotonic() - self._saved_at > 20 * self._save_seconds:
            self.save()

    def save(self) -> None:
        """Replaces the index.

        Raises:
            LatentsError: it cannot be written.
        """
        started = time.monotonic()
        write_index(self.path, Index(self.settings, tuple(self._sources.values()), tuple(self.skipped)))
        self._saved_at, self._has_changes = time.monotonic(), False
        self._save_seconds = self._saved_at - started

    def _remove_incomplete(self) -> None:
        """Removes what an earlier run has left incomplete."""
        shutil.rmtree(self.path / PARTIAL, ignore_errors=True)


class SourceWriter:
    """Writes the latents of one source, as chunks or whole; at most two chunks are kept in memory."""

    def __init__(self, folder: Path, path: str, settings: LatentsSettings) -> None:
        self._folder, self._path, self._settings = folder, path, settings
        self._pending = np.zeros((0, settings.channels), np.float32)  # not written yet
        self._last_chunk = self._pending  # the last chunk written: what an overlapping one begins with
        self._stream: tuple[Any, LatentsWriter] | None = None
        self.length = 0
        self.samples: int | None = None
        self.parts: list[Path] = []

    @property
    def names(self) -> list[str]:
        """Where the parts belong, relative to the folder of latents."""
        if self._settings.whole:
            return [f"{self._path}.npy"]
        return [f"{self._path}_{number:04d}.npy" for number in range(len(self.parts))]

    def add(self, block: np.ndarray) -> None:
        """Takes the next latents, `[n, C]`.

        Raises:
            BadValues: values that are not finite or beyond ±8: the codec fails on this source.
        """
        check_values(block, "what the codec makes of it")
        self.length += len(block)
        if self._settings.whole:
            self._open_whole().add(block)
            return
        self._pending = np.concatenate([self._pending, block])
        size = self._settings.max_lat_len
        while len(self._pending) >= size:
            self._write_chunk(self._pending[:size])
            self._last_chunk, self._pending = self._pending[:size], self._pending[size:]

    def finish(self, samples: int) -> None:
        """Ends the latents of a source.

        Args:
            samples: length of the source.

        Raises:
            TooShort: there are fewer than one chunk has.
        """
        if self._settings.whole:
            file, writer = self._stream if self._stream is not None else (None, None)
            if file is None or writer is None:
                raise TooShort("no latents")
            writer.finish()
            _close_synced(file)
            self._stream = None
        elif not self.parts:
            raise TooShort(f"{self.length} latents")
        elif len(self._pending):
            self._write_chunk(np.concatenate([self._last_chunk, self._pending])[-self._settings.max_lat_len :])
        self.samples = samples

    def drop(self) -> None:
        """Removes what has not been given its name."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # what cannot be written is not wanted any more
                self._stream[0].close()
        for part in self.parts:
            with contextlib.suppress(OSError):
                part.unlink()

    def _open_whole(self) -> LatentsWriter:
        if self._stream is None:
            file = self._open_part()
            self._stream = file, LatentsWriter(file, self._settings.channels)
        return self._stream[1]

    def _write_chunk(self, rows: np.ndarray) -> None:
        with self._open_part() as file:
            writer = LatentsWriter(file, self._settings.channels)
            writer.add(rows)
            writer.finish()
            _close_synced(file)

    def _open_part(self) -> Any:
        self.parts.append(self._folder / f"{len(self.parts)}.npy")
        return open(self.parts[-1], "wb")


def _close_synced(file: Any) -> None:
    """Closes a file whose bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _check_settings(folder: Path, there: LatentsSettings, wanted: LatentsSettings) -> None:
    """Checks that new latents fit those that are there.

    Raises:
        LatentsError: with the remedy.
    """
    if there == wanted:
        return
    same_codec = dataclasses.replace(there, max_lat_len=wanted.max_lat_len, whole=wanted.whole) == wanted
    if not same_codec:
        raise LatentsError(
            f"{format_path(folder)} holds latents of another codec ({there.codec_identity or 'unknown'}, this is "
            f"{wanted.codec_identity})",
            about="codec of latents",
        )
    raise LatentsError(
        f"{format_path(folder)} holds {_describe_form(there)}, and {_describe_form(wanted)} are to be written",
        about="form of latents",
    )


def _describe_form(settings: LatentsSettings) -> str:
    return "latents of whole files" if settings.whole else f"chunks of {settings.max_lat_len} latents"
