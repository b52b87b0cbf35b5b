"""Output of `evaluate`: tables on the console, JSON and pictures in a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from musika import console
from musika.errors import MusikaError, UsageError
from musika.files import describe_error, format_path, open_replacement

MAX_NAME = 36  # characters of a file's name in a table


def make_folder(folder: Path) -> None:
    """Creates the folder for figures, so that a mistake shows before anything is measured.

    Raises:
        UsageError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--save_path {format_path(folder)} cannot be written to: {describe_error(error)}") from error


def measure_files(
    paths: Sequence[Path], measure: Callable[[Path], dict[str, Any]], errors: tuple[type[MusikaError], ...]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The figures of each file, and a line for each file that could not be measured; shows a progress bar.

    Args:
        measure: gives the figures of a file.
        errors: what it raises where a file cannot be measured. Other errors end the work.
    """
    entries: list[dict[str, Any]] = []
    failed: list[str] = []
    with console.progress(len(paths), "files", "evaluate") as bar:
        for path in paths:
            bar.status(format_path(path.name))
            try:
                entries.append(measure(path))
            except errors as error:
                failed.append(str(error) if path.name in str(error) else f"{format_path(path)}: {error}")
            bar.advance()
    return entries, failed


def save(path: Path, content: bytes | Mapping[str, Any]) -> None:
    """Writes bytes, or figures as JSON, where figures that are not defined (NaN) become null.

    Raises:
        UsageError: it cannot be written.
    """
    data = content if isinstance(content, bytes) else (json.dumps(to_plain(content), indent=2) + "\n").encode()
    try:
        with open_replacement(path) as file:
            file.write(data)
    except OSError as error:
        raise UsageError(
            f"--save_path {format_path(path.parent)} cannot be written to: {describe_error(error)}"
        ) from error


def to_plain(value: Any) -> Any:
    """The same value in types that JSON has: dictionaries, lists, text, finite numbers and None."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def format_number(value: float | int | None, digits: int = 3) -> str:
    """A figure for a table; one that is not defined is a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below their headings: the first column to the left, numbers to the right."""
    cells = [list(head), *([_shorten(row[0]), *row[1:]] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        padded = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        console.say("  ".join(padded).rstrip())


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"…{name[1 - MAX_NAME :]}"


def print_failures(reasons: Sequence[str], files: int) -> None:
    """Lists the files that could not be measured, with the reasons."""
    if reasons:
        console.say(f"{len(reasons)} of {files} files could not be measured:")
        for line in reasons:
            console.say(f"  {line}")
