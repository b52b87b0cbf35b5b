"""What is trained on, and what is held out to measure on. A person is told which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from musika import console
from musika.errors import UsageError
from musika.files import format_path
from musika.training.validation import split_files


def leave_out(paths: Sequence[Path], held_out: Iterable[Path], valid_path: Path, what: str) -> list[int]:
    """Numbers of the files that are trained on, where a folder to measure on is named: those that are not in it.

    Args:
        paths: files to train on.
        held_out: files of the folder to measure on.
        what: they are, in messages.

    Raises:
        UsageError: there are none.
    """
    known = {path.resolve() for path in held_out}
    rest = [number for number, path in enumerate(paths) if path.resolve() not in known]
    if not rest:
        raise UsageError(f"{format_path(valid_path)} holds all of the {what}: there is nothing left to train on")
    return rest


def hold_some_out(files: list[Path], what: str) -> tuple[list[Path], list[Path]]:
    """Files to train on and files to measure on, where no folder to measure on is named; the latter may be none.

    Args:
        what: they are, in messages.
    """
    kept, held = split_files(files)
    if held:
        console.say(
            f"{len(held)} of {len(files)} {what} are held out to measure on; a folder of your own can be named instead"
        )
    else:
        console.warn(f"{len(files)} {what} are too few to hold some out: figures are of music that is trained on")
    return kept, held
