"""What `evaluate` leaves behind: tables on the console, JSON in a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musika import console
from musika.errors import UsageError
from musika.files import describe_error, format_path, open_replacement

LONGEST_NAME = 36  # characters of a file's name in a table


def make_folder(folder: Path) -> None:
    """Makes the folder, so that what cannot be written is known before anything is measured.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--save_path {format_path(folder)} cannot be written to: {describe_error(error)}") from error


def save(path: Path, content: bytes | Mapping[str, Any]) -> None:
    """Writes a file, or figures as JSON; numbers that are not defined (NaN) become null.

    Raises:
        UsageError: it cannot be written.
    """
    data = content if isinstance(content, bytes) else (json.dumps(plain(content), indent=2) + "\n").encode()
    try:
        with open_replacement(path) as file:
            file.write(data)
    except OSError as error:
        raise UsageError(
            f"--save_path {format_path(path.parent)} cannot be written to: {describe_error(error)}"
        ) from error


def plain(value: Any) -> Any:
    """The same for JSON: dictionaries, lists, text, finite numbers and None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def number(value: float | int | None, digits: int = 3) -> str:
    """A figure for a table; one that is not defined is a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below their headings: the first column to the left, numbers to the right."""
    cells = [list(head), *([_short(row[0]), *row[1:]] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        padded = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        console.say("  ".join(padded).rstrip())


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def failures(refused: Sequence[str], wanted: int) -> None:
    """Says which files were left out and why."""
    if refused:
        console.say(f"left out, {len(refused)} of {wanted} files:")
        for line in refused:
            console.say(f"  {line}")
