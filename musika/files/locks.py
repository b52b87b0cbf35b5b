"""Locks on files and folders that keep other processes out.

They are the kernel's (`flock`) and end with the process that holds them, however it ends. Where the system has no such
locks, nothing is locked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:
    HAS_LOCKS = False  # Windows
else:
    HAS_LOCKS = True  # single file systems may still lack them

NO_DESCRIPTOR = -1  # stands for a folder where folders cannot be locked


class FolderInUse(Exception):
    """Another process has locked the folder."""


@contextlib.contextmanager
def lock_folder(folder: Path, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
    """Keeps other processes that lock the same folder out while the block runs. The folder is made where needed.

    Args:
        on_wait: called when another process has the lock, whose end is then waited for; without it that is an error.

    Raises:
        FolderInUse: another process has the lock.
        OSError: the folder cannot be made or opened.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = open_folder(folder)
        try:
            locked = try_lock(descriptor)
            if locked is False:
                if on_wait is None:
                    raise FolderInUse(folder)
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if locked is None or is_at(descriptor, folder):  # whoever had it may have renamed or removed it
                yield
                return
        finally:
            close_descriptor(descriptor)


def open_folder(folder: Path) -> int:
    """A descriptor of a folder; NO_DESCRIPTOR where folders cannot be locked."""
    return os.open(folder, os.O_RDONLY) if HAS_LOCKS else NO_DESCRIPTOR


def close_descriptor(descriptor: int) -> None:
    """Closes what `open_folder` gave, which ends its lock."""
    if descriptor != NO_DESCRIPTOR:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Whether a lock was free, and is now held until the descriptor is closed; None where there are no locks."""
    if not HAS_LOCKS:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return None


def is_at(descriptor: int, path: Path) -> bool:
    """Whether what is open still has its name; True where that cannot be seen."""
    if descriptor == NO_DESCRIPTOR:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
