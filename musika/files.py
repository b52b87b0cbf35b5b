"""Files that are there whole or not at all, folders walked in a fixed order, names that fit on one line."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def format_path(path: os.PathLike[str] | str) -> str:
    """A path as one printable line, whatever bytes its name has."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def describe_error(error: OSError) -> str:
    """What the system says about a failure, without the path, beginning small: `no space left on device`."""
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


@contextlib.contextmanager
def open_replacement(path: Path) -> Iterator[BinaryIO]:
    """A new file, readable and writable, that takes the place of `path` when the block ends well.

    Until then it has a hidden name in the same folder; when the block fails, it is gone. Folders above are made.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}.partial"
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder survive a power cut, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def list_files(folder: Path) -> Iterator[Path]:
    """Everything in a folder and its sub-folders that is not a folder, sorted by path; hidden names are left out.

    Links to folders are followed, each folder once, so loops end. A sub-folder that cannot be opened is itself part of
    the list, so that whoever reads it finds the reason.
    """
    unreadable: list[str] = []
    seen: set[tuple[int, int]] = set()
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=lambda e: unreadable.append(e.filename), followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if not name.startswith(".")]
    yield from sorted([*found, *map(Path, unreadable)])
