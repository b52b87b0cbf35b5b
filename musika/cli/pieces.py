"""Writing a piece into a file, with progress and a line about it: what `generate` and `play` share."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from musika import console, render
from musika.audio import WrittenFile
from musika.errors import UsageError
from musika.files import describe_error, format_path
from musika.score import Score


def write_piece(
    piece: render.Piece,
    path: Path,
    bar: console.Progress,
    tags: Mapping[str, str],
    start: float = 0.0,
    seconds: float | None = None,
    keep_existing: bool = False,
    bits: str | None = None,
) -> WrittenFile:
    """Renders a part of a piece into a file, and prints a line about it.

    Args:
        bar: shows the seconds that are done.
        tags: more than the recipe, as `Piece.save` takes them.
        start: second of the piece to begin with.
        seconds: length; None goes up to the end of a piece that has one.
        keep_existing: never replace a file that holds something else: take the next free name.
        bits: of the samples, as `Piece.save` takes them.

    Raises:
        MusikaError: the piece cannot be rendered, or the file cannot be written.
    """
    began = time.perf_counter()
    rate = piece.model.sample_rate
    written = piece.save(
        path, seconds, start, tags, keep_existing, bits, on_block=lambda block: bar.advance(len(block) / rate)
    )
    if written.path != path:
        bar.note(f"{format_path(path)} holds another piece, which is kept; this one is {written.path.name}")
    length = written.samples / written.rate
    bar.note(f"{format_path(written.path)}: {format_speed(length, time.perf_counter() - began)}")
    return written


def write_score(score: Score, path: Path, bar: console.Progress) -> None:
    """Writes the notes of a piece as a MIDI file, and prints a line about it.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        score.save(path)
    except OSError as error:
        raise UsageError(f"{format_path(path)} cannot be written: {describe_error(error)}", about="save") from error
    bar.note(f"{format_path(path)}: {len(score.notes)} notes")


def format_speed(seconds: float, spent: float) -> str:
    """How long an amount of music took, and how that compares with its length."""
    return f"{seconds:.6g} s in {spent:.1f} s, {seconds / max(spent, 1e-9):.0f} x real time"


def make_folder(folder: Path) -> None:
    """Makes a folder, and checks that files can be written to it, before anything slow begins.

    Raises:
        UsageError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"{format_path(folder)} cannot be written to: {describe_error(error)}"
        raise UsageError(reason, about="save") from error
