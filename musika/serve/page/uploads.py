"""Files that a browser sends: where they may lie, how large and how long they may be, and that none stays.

Gradio writes an upload into its temporary folder and tells its path. A request could name any other path, or a URL, so
only files below that folder are opened.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musika import audio
from musika.errors import MusikaError, UsageError
from musika.files import escape, format_path

RATE = 8000  # Hz, at which the length of a recording is measured
LONGEST_NAME = 80  # characters of a name in a message
MIB = 1 << 20


@contextlib.contextmanager
def open_upload(payload: Any, most_bytes: int, keep: bool = False) -> Iterator[Path]:
    """The file of an upload while the block runs; it is gone afterwards.

    Args:
        payload: what a file component sends, before Gradio has looked at it: a mapping with a path, or a list of one.
        most_bytes: that the file may have.
        keep: a file that can be used stays, so that it can be used again; Gradio removes it within two hours.

    Raises:
        UsageError: there is no file, it is none that was sent to this page, it is empty, or it is too large.
    """
    path = find_upload(payload)
    try:
        size = path.stat().st_size
        if not size:
            raise UsageError(f"{format_name(path)} is empty")
        if size > most_bytes:
            raise UsageError(f"{format_name(path)} has {size / MIB:.1f} MiB: at most {most_bytes / MIB:.0f} MiB")
        yield path
    except MusikaError as error:
        keep = False
        raise UsageError(hide_folder(str(error), path), error.about) from None
    finally:
        if not keep:
            remove_upload(path)


def find_upload(payload: Any) -> Path:
    """The path of a file that was sent to this page.

    Raises:
        UsageError: it is none.
    """
    if isinstance(payload, list) and len(payload) == 1:
        payload = payload[0]
    named = payload.get("path") if isinstance(payload, dict) else payload
    if not named:
        raise UsageError("there is no file: choose one first")
    folder = os.path.realpath(os.environ.get("GRADIO_TEMP_DIR", os.devnull))
    path = os.path.realpath(named) if isinstance(named, str) and "\0" not in named else ""
    if not path.startswith(folder + os.sep) or not os.path.isfile(path):
        raise UsageError("that is no file that was sent to this page: choose a file of your computer")
    return Path(path)


def remove_upload(path: Path) -> None:
    """Removes an upload, and the folder that it alone was in."""
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def check_length(path: Path, longest: float) -> float:
    """Seconds of a recording, which is read at most that far.

    Raises:
        AudioError: it is no recording, or damaged.
        UsageError: it is longer than `longest` seconds.
    """
    samples = 0
    for block in audio.read_blocks(path, sample_rate=RATE):
        samples += len(block)
        if samples > longest * RATE:
            raise UsageError(f"{format_name(path)} is longer than {longest:g} seconds, which is the most here")
    return samples / RATE


def format_name(path: Path) -> str:
    """The name of an upload in a message, on one line."""
    name = escape(path.name)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def hide_folder(text: str, path: Path) -> str:
    """A message about an upload without the folder in which it lay."""
    return text.replace(f"{format_path(path.parent)}{os.sep}", "")
