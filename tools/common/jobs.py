"""One file after another into another folder: targets that are checked, failures that are listed and stop nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from musika import console
from musika.errors import UsageError
from musika.files import format_path


def check_target(folder: Path, target: Path) -> None:
    """Checks that a target does not lie in the folder that is read, where the next run would take it for input.

    Raises:
        UsageError: it does.
    """
    if target.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"the target {format_path(target)} lies in {format_path(folder)}: another run would read what this one "
            "writes; name a folder elsewhere"
        )


def report_results(results: Iterable[tuple[Path, str, str]]) -> int:
    """Prints a line for each file as it is finished; returns 0, or 1 if some failed.

    Args:
        results: the file, what was done, and why not ("" if it succeeded).
    """
    failed = 0
    for path, text, reason in results:
        if reason:
            failed += 1
            console.fail(f"{format_path(path)}: {reason}")
        else:
            console.say(text)
    return int(failed > 0)
