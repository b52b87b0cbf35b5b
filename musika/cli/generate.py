"""`generate`: new music from a trained generator, into files or to standard output.

A piece that was made before is never lost: a new one that differs from the file of its name gets the next free name,
`piano-seed-7-2.wav`. Files are compared by their bytes. A piece is a function of checkpoint, seed and settings, so the
same settings give the same bytes and no second file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import secrets
import time
from pathlib import Path

from musika import console, render
from musika.checkpoint import locate
from musika.cli import like, models, output, play, steering
from musika.cli.flags import MAX_SECONDS, MAX_SEED, GenerateOptions
from musika.cli.pieces import Part, format_speed, write_part, write_piece, write_score
from musika.cli.targets import STDOUT, check_format, make_folder
from musika.config import GeneratorSettings
from musika.config.fields import get_fields
from musika.config.musical.curves import format_time
from musika.errors import UsageError

# settings of pieces that have flags beside those of `steering`; which of them there are depends on the model
SETTINGS = ("truncation", "variation", "style", "style_seed", "styles", "guidance")
WITHOUT_NOTES = "checkpoints/open"  # a checkpoint whose pieces have all of them
SEEDS = 2**32  # seeds are chosen below this, so that they can be typed
HOUR = 3600.0  # seconds of each file of a piece without end


def run(options: GenerateOptions) -> int:
    """Generates the pieces and returns 0; or plays MIDI files; or makes a file again.

    Raises:
        MusikaError: a checkpoint, a folder or a flag that cannot be used; a file that cannot be written.
    """
    if options.like is not None:
        return like.run(options)
    to_stdout = options.save_path == STDOUT
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    _check(options, seed, to_stdout)
    asked = steering.read_steering(options)  # first: a mistake is reported before networks are loaded
    if options.midi and not asked.is_empty:
        raise UsageError("--midi plays the notes of a file as they are: leave out what is asked of composed music")
    with _start_workers(options) as workers:
        if options.midi:
            return play.run_all(options, workers)
        if to_stdout:
            return output.run(options, lambda: _make_piece(*_load(options, asked), seed, options), workers)
        make_folder(options.save_path)
        _generate(options, asked, seed, workers)
    return 0


def _start_workers(options: GenerateOptions) -> contextlib.AbstractContextManager[render.Workers | None]:
    """The processes of `--jobs`, in a context; None where this one is the only one."""
    if options.jobs == 1:
        return contextlib.nullcontext()
    locate.resolve_checkpoint(options.load_path, "generator")  # a mistake is reported once, not by each process
    return render.Workers(functools.partial(models.load_in_worker, options), options.jobs)


def _check(options: GenerateOptions, seed: int, to_stdout: bool) -> None:
    """Raises UsageError for flags that do not go together."""
    endless = math.isinf(options.seconds)
    if seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    if not endless and options.seconds > MAX_SECONDS:
        raise UsageError(f"--seconds {options.seconds:g}: at most {MAX_SECONDS}, or inf")
    check_format(options.format, options.bits, options.save_path, HOUR if endless else options.seconds)
    if to_stdout and options.score:
        raise UsageError("--save_path - takes sound alone: leave out --score, or write into a folder")
    single = {"--seconds inf": endless, "--save_path -": to_stdout}
    for name, chosen in single.items():
        if chosen and (options.num_samples > 1 or options.midi):
            raise UsageError(f"{name} is for one piece: leave out {'--midi' if options.midi else '--num_samples'}")
    finished = options.loudness is not None or options.fade_in or options.fade_out
    if endless and (finished or options.loop):
        raise UsageError("--seconds inf has no end: leave out --loudness, --loop and fades")
    if options.loop and options.start:
        raise UsageError("--loop begins at the start of the piece: leave out --start")
    if options.midi:
        _check_midi(options)


def _check_midi(options: GenerateOptions) -> None:
    """Raises UsageError for flags that do not go with MIDI files."""
    for name in SETTINGS:
        if name in options.given and name != "style":
            raise UsageError(f"--midi plays files as they are: --{name} has no effect, leave it out")
    if options.loop and "seconds" in options.given:
        raise UsageError("--loop gives MIDI files the length that they have: leave out --seconds")


def _load(options: GenerateOptions, asked: steering.Steering) -> tuple[render.Model, steering.Steering]:
    """The model, and what is asked of it in its terms; lines tell what that means."""
    model = models.load_model(options)
    asked = steering.fit_to_model(asked, model, options)
    for line in asked.lines:
        console.say(line)
    return model, asked


def _generate(options: GenerateOptions, asked: steering.Steering, seed: int, workers: render.Workers | None) -> None:
    """Writes all files."""
    started = time.perf_counter()
    model, asked = _load(options, asked)
    console.say(f"{model.name} loaded in {time.perf_counter() - started:.1f} s, seed {seed}")
    parts = [_make_part(model, asked, number, options) for number in range(seed, seed + options.num_samples)]
    started = time.perf_counter()
    if math.isinf(options.seconds):
        _write_hours(parts[0], model, options, workers)
        return
    total = sum(part.seconds for part in parts)
    with console.progress(total, "s", "generate") as bar:
        if workers is not None and len(parts) >= options.jobs:
            _write_at_once(parts, model, options, workers, bar)
        else:
            for part in parts:
                written = write_piece(model, part, bar, workers)
                _write_notes(model, part, written.path, options, bar)
    if len(parts) > 1:
        console.say(f"{len(parts)} pieces, {format_speed(total, time.perf_counter() - started)}")


def _write_at_once(
    parts: list[Part], model: render.Model, options: GenerateOptions, workers: render.Workers, bar: console.Progress
) -> None:
    """Writes files in several processes, each of which writes whole ones."""

    def write_here(part: Part) -> tuple[Part, Path, str]:
        return part, write_piece(model, part, bar).path, ""

    for part, path, line in workers.map(write_part, parts, write_here):
        if line:  # of another process
            bar.note(line)
            bar.advance(part.seconds)
        _write_notes(model, part, path, options, bar)


def _write_hours(part: Part, model: render.Model, options: GenerateOptions, workers: render.Workers | None) -> None:
    """Writes files of an hour each, until the process is ended; what is not whole then is removed."""
    with console.progress(None, "s", "generate") as bar:
        for number in itertools.count():
            start = options.start + number * HOUR
            name = f"{part.path.stem}-from-{format_time(start).replace(':', '-')}{part.path.suffix}"
            hour = dataclasses.replace(part, path=part.path.with_name(name), start=start, seconds=HOUR)
            written = write_piece(model, hour, bar, workers)
            _write_notes(model, hour, written.path, options, bar)


def _write_notes(model: render.Model, part: Part, path: Path, options: GenerateOptions, bar: console.Progress) -> None:
    """Writes the notes of a piece beside its file, where they are asked for."""
    if options.score:
        score = dataclasses.replace(part.piece, model=model).score(part.start, part.seconds)
        write_score(score, path.with_suffix(".mid"), bar)


def _make_piece(model: render.Model, asked: steering.Steering, seed: int, options: GenerateOptions) -> render.Piece:
    """The piece of a seed as the flags say; a line tells the length of a loop."""
    known = model.select_settings({name: getattr(options, name) for name in SETTINGS})
    for name in SETTINGS:
        if name not in known and name in options.given:
            other = f"--load_path {WITHOUT_NOTES} has, or " if name in get_fields(GeneratorSettings) else ""
            raise UsageError(f"{model.name} has no {name}: {other}leave out --{name}")
    piece = model.piece(seed, **{**known, **asked.get_arguments()})
    return piece.make_loop(options.seconds) if options.loop else piece


def _make_part(model: render.Model, asked: steering.Steering, seed: int, options: GenerateOptions) -> Part:
    """What is written into one file."""
    piece = _make_piece(model, asked, seed, options)
    if options.score:
        piece.score(options.start, 1.0)  # a checkpoint that has no notes is refused before it plays
    seconds = piece.loop_seconds or options.seconds
    if options.loop and (seed == options.seed or options.num_samples == 1):
        about = model.describe_loop(piece)
        console.say(
            f"the loop is {seconds:.3f} s long{f' ({about})' if about else ''}, "
            f"the nearest to {options.seconds:g} s that can loop"
        )
    if not math.isinf(seconds) and model.count_samples(seconds) < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    kind = "-loop" if options.loop else ""
    path = options.save_path / f"{model.name}-seed-{seed}{kind}.{options.format}"
    finish = render.Finish(options.loudness, options.fade_in, options.fade_out)
    return Part(render.detach(piece), path, {}, options.start, seconds, finish, bits=options.bits)
