"""Writing a part of a piece into a file, with progress and a line about it: what `generate` and `play` share."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from musika import console, render
from musika.audio import WrittenFile
from musika.audio.loudness import LoudnessMeter
from musika.cli.targets import describe_kept
from musika.codec.base import AUDIO_CHANNELS
from musika.errors import UsageError
from musika.files import describe_error, format_path
from musika.score import Score

QUIETER = 0.5  # LU by which a file may be quieter than was asked for before a line says so


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
    written, loudness = _save(model, part, workers, lambda block: bar.advance(len(block) / rate))
    bar.note(_describe(written, part, loudness, time.perf_counter() - began))
    return written


def write_part(model: render.Model, part: Part) -> tuple[Part, Path, str]:
    """The same in a worker process; returns the part, the file and the line."""
    began = time.perf_counter()
    written, loudness = _save(model, part)
    return part, written.path, _describe(written, part, loudness, time.perf_counter() - began)


def _save(
    model: render.Model,
    part: Part,
    workers: render.Workers | None = None,
    on_block: Callable[[np.ndarray], None] | None = None,
) -> tuple[WrittenFile, float | None]:
    """The file, and where a loudness is wanted and no fade, the one that it has, in LUFS."""
    finish = part.finish
    is_measured = finish.loudness is not None and not finish.fade_in and not finish.fade_out
    meter = LoudnessMeter(model.sample_rate, AUDIO_CHANNELS) if is_measured else None

    def watch(block: np.ndarray) -> None:
        if meter is not None:
            meter.add(block)
        if on_block is not None:
            on_block(block)

    written = dataclasses.replace(part.piece, model=model).save(
        part.path,
        part.seconds,
        part.start,
        part.tags,
        True,
        part.bits,
        watch,
        **dataclasses.asdict(part.finish),
        workers=workers,
    )
    return written, None if meter is None else meter.measure()


def _describe(written: WrittenFile, part: Part, loudness: float | None, spent: float) -> str:
    """The line about a file, and others where it got another name or is quieter than was asked for."""
    lines = [f"{format_path(written.path)}: {format_speed(written.samples / written.rate, spent)}"]
    if written.path != part.path:
        lines.insert(0, describe_kept(part.path, written.path))
    if loudness is not None and part.finish.loudness is not None and loudness < part.finish.loudness - QUIETER:
        lines.append(f"it has {loudness:.1f} LUFS: its peaks leave no room for {part.finish.loudness:g}")
    return "\n".join(lines)


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
