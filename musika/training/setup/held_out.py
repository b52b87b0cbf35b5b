"""What is trained on, and what is held out to measure on. A person is told which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from musika import console
from musika.errors import UsageError
from musika.files import format_path
from musika.training.validation import split_files


def exclude_held_out(paths: Sequence[Path], held_out: Iterable[Path], valid_path: Path, what: str) -> list[int]:
    """Numbers of the files to train on that are not also in the folder to measure on.

    Args:
        paths: files to train on.
        held_out: files to measure on.
        valid_path: their folder, for messages.
        what: the files are, in messages.

    Raises:
        UsageError: all of them are.
    """
    known = {path.resolve() for path in held_out}
    rest = [number for number, path in enumerate(paths) if path.resolve() not in known]
    if not rest:
        raise UsageError(f"{format_path(valid_path)} holds all of the {what}: there is nothing left to train on")
    return rest


def split_off_held_out(files: list[Path], what: str) -> tuple[list[Path], list[Path]]:
    """Files to train on, and files to measure on, which may be none: for trainings without a folder to measure on.

    Args:
        what: the files are, in messages.
    """
    kept, held = split_files(files)
    if held:
        console.say(
            f"{len(held)} of {len(files)} {what} are held out to measure on; a folder of your own can be named instead"
        )
    else:
        console.warn(f"{len(files)} {what} are too few to hold some out: figures are of music that is trained on")
    return kept, held
