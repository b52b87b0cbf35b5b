"""Paths as people read them, and folders listed in a fixed order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def format_path(path: os.PathLike[str] | str) -> str:
    """A path as one printable line, whatever bytes its name has."""
    return escape(os.fspath(path))


def escape(text: str, keep: str = "") -> str:
    """The text with an escape for everything that does not print, except the characters in `keep`.

    Python has surrogates for bytes of file names that it could not decode. Here they are decoded as UTF-8 if they are
    that, which happens in a locale with another encoding; if not, they become `\\xff`.
    """
    with contextlib.suppress(UnicodeEncodeError):  # a surrogate that stands for no byte
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)


def describe_error(error: OSError) -> str:
    """The system's reason for a failure, without the path, in lower case: `no space left on device`."""
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


def list_files(folder: Path) -> Iterator[Path]:
    """Everything in a folder and its sub-folders that is not a folder, sorted by path; hidden names are left out.

    Links to folders are followed, each folder once, so loops end. A sub-folder that cannot be opened is itself part of
    the list, so that whoever reads it finds the reason.
    """
    unreadable: list[str] = []
    seen: set[tuple[int, int]] = set()
    files: list[Path] = []
    for current, folders, names in os.walk(folder, onerror=lambda e: unreadable.append(e.filename), followlinks=True):
        status = os.stat(current)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(current, name) for name in names if not name.startswith(".")]
    yield from sorted([*files, *map(Path, unreadable)])
