"""Writing a part of a piece into a file, with progress and a line about it: what `generate` and `play` share."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from musika import console, render
from musika.audio import WrittenFile
from musika.cli.targets import describe_kept
from musika.errors import UsageError
from musika.files import describe_error, format_path
from musika.score import Score


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a piece and the file that it goes to. Without its model, so that it can go to another process.

    Attributes:
        piece: its model is replaced by the one that renders it.
        path: of the file.
        tags: more than the recipe, as `Piece.save` takes them.
        start: second of the piece to begin with.
        seconds: length.
        finish: what is done to the file after rendering.
        bits: of the samples, as `Piece.save` takes them.
    """

    piece: render.Piece
    path: Path
    tags: Mapping[str, str]
    start: float
    seconds: float
    finish: render.Finish = dataclasses.field(default_factory=render.Finish)
    bits: str | None = None


def write_piece(
    model: render.Model, part: Part, bar: console.Progress, workers: render.Workers | None = None
) -> WrittenFile:
    """Renders a part of a piece into a file, and prints a line about it.

    Args:
        bar: shows the seconds that are done, and the line.
        workers: other processes that help to decode; None is this one alone.

    Raises:
        MusikaError: the piece cannot be rendered, or the file cannot be written.
    """
    began = time.perf_counter()
    rate = model.sample_rate
    written = _save(model, part, workers, lambda block: bar.advance(len(block) / rate))
    bar.note(_describe(written, part, time.perf_counter() - began))
    return written


def write_part(model: render.Model, part: Part) -> tuple[Part, Path, str]:
    """The same in a worker process; returns the part, the file and the line."""
    began = time.perf_counter()
    written = _save(model, part)
    return part, written.path, _describe(written, part, time.perf_counter() - began)


def _save(
    model: render.Model,
    part: Part,
    workers: render.Workers | None = None,
    on_block: Callable[[np.ndarray], None] | None = None,
) -> WrittenFile:
    return dataclasses.replace(part.piece, model=model).save(
        part.path,
        part.seconds,
        part.start,
        part.tags,
        True,
        part.bits,
        on_block,
        **dataclasses.asdict(part.finish),
        workers=workers,
    )


def _describe(written: WrittenFile, part: Part, spent: float) -> str:
    """The line about a file, and another one where it got another name."""
    line = f"{format_path(written.path)}: {format_speed(written.samples / written.rate, spent)}"
    if written.path == part.path:
        return line
    return f"{describe_kept(part.path, written.path)}\n{line}"


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
    speed = seconds / max(spent, 1e-9)
    return f"{seconds:.6g} s in {spent:.1f} s, {speed:.{0 if speed >= 10 else 1}f} x real time"
