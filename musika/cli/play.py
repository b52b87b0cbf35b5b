"""`play`: a MIDI file as audio, played by a trained performer. `generate --midi` plays several into a folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from musika import console, render
from musika.audio import choose_encoding
from musika.cli import models
from musika.cli.flags import MAX_SEED, GenerateOptions, PlayOptions
from musika.cli.pieces import Part, format_speed, write_piece
from musika.cli.targets import make_folder
from musika.errors import MusikaError, UsageError
from musika.files import format_path
from musika.score import Score, read_score

SEEDS = 2**32  # seeds are chosen below this, so that they can be typed


def run(options: PlayOptions) -> int:
    """Plays one MIDI file into one audio file and returns 0.

    Raises:
        MusikaError: a file, a checkpoint or a flag that cannot be used.
    """
    score = read_score(options.song)  # first: a mistake is reported before networks are loaded
    choose_encoding(options.target, options.bits)
    make_folder(options.target.parent)
    model = models.load_performer(options.load_path, options)
    piece = model.play(score, options.seed, style=options.style, touch=options.touch)
    _say_remarks(model, score, options.song)
    _write(piece, options.song, options.target, options.start, options.seconds, bits=options.bits)
    return 0


def run_all(options: GenerateOptions, workers: render.Workers | None = None) -> int:
    """Plays the MIDI files of `--midi` into files of their names; returns 0, or 1 where some could not be played.

    Args:
        workers: other processes that help to decode; None is this one alone.

    Raises:
        MusikaError: a checkpoint or a flag that cannot be used; or none of the files can be played.
    """
    if options.score:
        raise UsageError("--score hands out the notes of composed pieces: leave it out with --midi")
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    if seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    scores, failures = _read_scores(options.midi)
    make_folder(options.save_path)
    started = time.perf_counter()
    model = models.load_performer(options.load_path, options)
    console.say(f"{model.name} loaded in {time.perf_counter() - started:.1f} s, seed {seed}")
    started, total = time.perf_counter(), 0.0
    for path, score in scores:
        try:
            pieces = [
                model.play(score, number, style=options.style) for number in range(seed, seed + options.num_samples)
            ]
        except UsageError as error:
            failures.append(MusikaError(f"{format_path(path)}: {error}"))
            continue
        _say_remarks(model, score, path)
        if options.loop:
            pieces = [piece.make_loop() for piece in pieces]
            console.say(
                f"{format_path(path)}: a loop of {pieces[0].loop_seconds:.3f} s, {model.describe_loop(pieces[0])}"
            )
        for piece in pieces:
            kind = "-loop" if options.loop else ""
            target = options.save_path / f"{path.stem}-seed-{piece.seed}{kind}.{options.format}"
            seconds = options.seconds if "seconds" in options.given else piece.loop_seconds or None
            finish = render.Finish(options.loudness, options.fade_in, options.fade_out)
            total += _write(piece, path, target, options.start, seconds, finish, options.bits, workers)
    if not total:
        raise failures[0]
    for failure in failures:
        console.warn(str(failure))
    if len(scores) * options.num_samples > 1:
        console.say(format_speed(total, time.perf_counter() - started))
    return 1 if failures else 0


def _read_scores(paths: Sequence[Path]) -> tuple[list[tuple[Path, Score]], list[MusikaError]]:
    """The scores that can be read, and why others cannot; raises the first reason where none can."""
    scores, failures = [], []
    for path in paths:
        try:
            scores.append((path, read_score(path)))
        except MusikaError as error:
            failures.append(error)
    if not scores:
        raise failures[0]
    return scores, failures


def _write(
    piece: render.Piece,
    song: Path,
    target: Path,
    start: float,
    seconds: float | None,
    finish: render.Finish | None = None,
    bits: str | None = None,
    workers: render.Workers | None = None,
) -> float:
    """Writes a part of a piece, and returns its seconds."""
    length = piece.find_rest(start) if seconds is None else seconds
    if not length or piece.model.count_samples(length) < 1:
        raise UsageError(f"{format_path(song)} lasts {piece.duration:.6g} s: nothing is left from {start:g} s on")
    tags, finish = {"title": song.stem}, finish or render.Finish()
    part = Part(render.detach(piece), target, tags, start, length, finish, bits)
    with console.progress(length, "s", "play") as bar:
        written = write_piece(piece.model, part, bar, workers)
    return written.samples / written.rate


def _say_remarks(model: render.PerformerModel, score: Score, song: Path) -> None:
    for line in model.list_remarks(score):
        console.warn(f"{format_path(song)}: {line}")
