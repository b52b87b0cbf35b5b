"""Writing a piece into a file, with progress and a line about it: what `generate` and `play` share."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from musika import audio, console, render
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
) -> tuple[Path, int]:
    """Renders a part of a piece into a file, prints a line about it, and returns the file and its samples.

    Args:
        bar: shows the seconds that are done.
        tags: as `audio.write` takes them.
        start: second of the piece to begin with.
        seconds: length; None goes up to the end of a piece that has one.
        keep_existing: never replace a file that holds something else: take the next free name.

    Raises:
        MusikaError: the piece cannot be rendered, or the file cannot be written.
    """
    began = time.perf_counter()
    meter = _Meter(piece.model.sample_rate, bar)
    blocks = piece.stream(start, seconds)
    try:
        rate = piece.model.sample_rate
        written = audio.write(path, meter.count(blocks), rate, metadata=tags, keep_existing=keep_existing)
    finally:
        blocks.close()
    if written.path != path:
        bar.note(f"{format_path(path)} holds another piece, which is kept; this one is {written.path.name}")
    speed = format_speed(meter.samples / piece.model.sample_rate, time.perf_counter() - began)
    bar.note(f"{format_path(written.path)}: {speed}")
    return written.path, meter.samples


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


class _Meter:
    """Counts the samples of one piece, and shows progress."""

    def __init__(self, sample_rate: int, bar: console.Progress) -> None:
        self.sample_rate, self.bar = sample_rate, bar
        self.samples = 0

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks."""
        for block in blocks:
            self.samples += len(block)
            yield block
            self.bar.advance(len(block) / self.sample_rate)


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
