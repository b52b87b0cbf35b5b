"""Files and folders that appear under their name when they are complete, or not at all.

While something is written it has a hidden name, `.musika-HOST-RANDOM.partial`, beside the place where it belongs, and
is locked. What a killed process has left is not locked, and is removed when somebody writes to that folder next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import secrets
import shutil
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from musika.files.locks import HAS_LOCKS, NO_DESCRIPTOR, close_descriptor, is_at, open_folder, try_lock

BLOCK = 1 << 20  # bytes compared at once


def is_writing() -> bool:
    """Whether this process has files or folders under a hidden name."""
    return bool(_unfinished)


@contextlib.contextmanager
def open_replacement(path: Path) -> Iterator[BinaryIO]:
    """A new file, readable and writable, that takes the place of `path` when the block ends well.

    Until then it has a hidden name in the same folder; when the block fails, it is removed. Folders above are made.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    with _open_partial(path.parent) as partial:
        yield partial.file
        partial.finish()
        os.replace(partial.path, path)
    sync_folder(path.parent)


@dataclasses.dataclass
class NewFile:
    """A file that is being written.

    Attributes:
        file: readable and writable.
        path: where it belongs; where it is, once it is complete.
    """

    file: BinaryIO
    path: Path


def have_same_bytes(first: Path, second: Path) -> bool:
    """Whether two files have the same content."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as other:
        while block := one.read(BLOCK):
            if block != other.read(BLOCK):
                return False
    return True


@contextlib.contextmanager
def open_new_file(path: Path, keep_existing: bool) -> Iterator[NewFile]:
    """`open_without_replacing` where existing files are to be kept, else `open_replacement`."""
    if keep_existing:
        with open_without_replacing(path) as new:
            yield new
    else:
        with open_replacement(path) as file:
            yield NewFile(file, path)


@contextlib.contextmanager
def open_without_replacing(path: Path) -> Iterator[NewFile]:
    """As `open_replacement`, but what other files hold is never lost: then the new one gets the next free name.

    `song.wav` becomes `song-2.wav`, `song-3.wav` ... A file of the same bytes stays as it is.

    Raises:
        OSError: as `open_replacement`.
    """
    with _open_partial(path.parent) as partial:
        new = NewFile(partial.file, path)
        yield new
        partial.finish()
        new.path = _move_to_free_name(partial.path, path)
    sync_folder(path.parent)


def _move_to_free_name(partial: Path, path: Path) -> Path:
    """Gives a complete file the first name that is free or holds the same, and returns that name."""
    for number in itertools.count(1):
        target = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        with contextlib.suppress(OSError):  # what cannot be read counts as different
            if target.is_file() and have_same_bytes(partial, target):
                os.utime(target)
                break
        try:
            os.link(partial, target)  # unlike a rename, this never replaces a file
            break
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            if not os.path.lexists(target):
                os.replace(partial, target)
                break
    return target


@contextlib.contextmanager
def open_folder_replacement(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` when the block ends well.

    A reader sees the old folder or the new one. Only between two renames is there neither: the old one is then at
    `get_backup(folder)`. When the block fails, the old one stays. Folders above are made.

    Raises:
        OSError: it cannot be made, filled or renamed.
    """
    backup = get_backup(folder)
    with _make_partial_folder(folder.parent) as new:
        _restore(folder, backup)
        yield new
        sync_folder(new)
        try:
            if folder.exists():
                os.rename(folder, backup)
            os.rename(new, folder)
        except BaseException:
            if backup.exists() and not folder.exists():
                os.rename(backup, folder)
            raise
        sync_folder(folder.parent)
        shutil.rmtree(backup, ignore_errors=True)


def get_backup(folder: Path) -> Path:
    """Where a folder is in the moment in which another takes its place."""
    return folder.with_name(f".{folder.name}.musika-old")


def _restore(folder: Path, backup: Path) -> None:
    """Repairs what a process left that was killed while it replaced the folder."""
    if backup.exists():
        if folder.exists():
            shutil.rmtree(backup)
        else:
            os.rename(backup, folder)


@contextlib.contextmanager
def _make_partial_folder(parent: Path) -> Iterator[Path]:
    """A new folder under a hidden name, locked while it is filled; the hidden name is gone at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    while True:
        folder = parent / _choose_partial_name()
        _unfinished.add(folder)
        descriptor = NO_DESCRIPTOR
        try:
            folder.mkdir()
            descriptor = open_folder(folder)
            if try_lock(descriptor) is False or not is_at(descriptor, folder):
                continue  # it was taken for abandoned before it was locked
            yield folder
            return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _unfinished.discard(folder)
            close_descriptor(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder survive a power cut, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Partial:
    """A file under its hidden name."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file

    def finish(self) -> None:
        """Brings all bytes to the disk, so that the file can be renamed."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if not HAS_LOCKS:
            self.file.close()  # Windows does not rename open files


@contextlib.contextmanager
def _open_partial(folder: Path) -> Iterator[_Partial]:
    """A new file under a hidden name, locked while it is written; the hidden name is gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned_once(folder)
    while True:
        path = folder / _choose_partial_name()
        _unfinished.add(path)
        try:
            with open(path, "x+b") as file:
                if try_lock(file.fileno()) is False or not is_at(file.fileno(), path):
                    continue  # it was taken for abandoned before it was locked
                yield _Partial(path, file)
                return
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
            _unfinished.discard(path)


def _choose_partial_name() -> str:
    return f"{_get_partial_prefix()}{secrets.token_hex(8)}.partial"


def _get_partial_prefix() -> str:
    """The same on one machine: whether a file of another one is in use cannot always be seen on a shared disk."""
    host = os.uname().nodename if hasattr(os, "uname") else ""
    return f".musika-{zlib.crc32(host.encode(errors='replace')):08x}-"


_unfinished: set[Path] = set()  # of this process, under their hidden names
_searched: set[str] = set()  # folders that this process has searched for what others left
_search = threading.Lock()


def _remove_abandoned_once(folder: Path) -> None:
    """`_remove_abandoned`, once for each folder: some get thousands of files."""
    with _search:
        name = os.path.abspath(folder)
        if name not in _searched:
            _searched.add(name)
            _remove_abandoned(folder)


def _remove_abandoned(folder: Path) -> None:
    """Removes what killed processes of this machine have left in a folder."""
    if HAS_LOCKS:
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(folder)):
                if entry.name.startswith(_get_partial_prefix()) and entry.name.endswith(".partial"):
                    _remove_if_abandoned(entry)


def _remove_if_abandoned(entry: os.DirEntry[str]) -> None:
    with contextlib.suppress(OSError):
        is_folder = entry.is_dir(follow_symlinks=False)
        descriptor = os.open(entry.path, (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW)
        try:
            if try_lock(descriptor) and is_at(descriptor, Path(entry.path)):
                if is_folder:
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
        finally:
            os.close(descriptor)
