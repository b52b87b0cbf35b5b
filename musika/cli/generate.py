"""`generate`: new music from a trained generator, into files.

A piece that was made before is never lost: a new one that differs from the file of its name gets the next free name,
`open-seed-7-2.wav`. Files are compared by their bytes. A piece is a function of checkpoint, seed and settings, so the
same settings give the same bytes and no second file.
"""

from __future__ import annotations

import secrets
import time

from musika import console
from musika.cli import like, models, play, steering
from musika.cli.flags import MAX_SEED, GenerateOptions
from musika.cli.pieces import format_speed, make_folder, write_piece, write_score
from musika.config import SAMPLE_RATE
from musika.errors import UsageError
from musika.render import Piece

FRAME = 4  # bytes of one sample of both channels in a wav file
MAX_WAV = 2**32 - 2**16  # bytes of sound that a wav file can hold
SEEDS = 2**32  # seeds are chosen below this, so that they can be typed


def run(options: GenerateOptions) -> int:
    """Generates the pieces and returns 0; or plays MIDI files; or makes a file again.

    Raises:
        MusikaError: a checkpoint, a folder or a flag that cannot be used; a file that cannot be written.
    """
    if options.like is not None:
        return like.run(options)
    asked = steering.read_steering(options)  # first: a mistake is reported before networks are loaded
    if options.midi:
        if not asked.is_empty:
            raise UsageError("--midi plays the notes of a file as they are: leave out what is asked of composed music")
        return play.run_all(options)
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    if seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    if options.format == "wav" and options.seconds * SAMPLE_RATE * FRAME > MAX_WAV:
        raise UsageError(f"--seconds {options.seconds:g} is more than a wav file holds: choose --format flac")
    make_folder(options.save_path)
    started = time.perf_counter()
    model = models.load_model(options)
    count = model.count_samples(options.seconds)
    if count < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    settings = model.select_settings({"truncation": options.truncation})
    if "truncation" in options.given and not settings:
        raise UsageError(
            f"{model.name} writes notes and plays them: --truncation is for other generators, leave it out"
        )
    asked = steering.fit_to_model(asked, model, options)
    for line in asked.lines:
        console.say(line)
    console.say(f"{model.name} loaded in {time.perf_counter() - started:.1f} s, seed {seed}")
    started = time.perf_counter()
    with console.progress(options.num_samples * options.seconds, "s", "generate") as bar:
        for number in range(seed, seed + options.num_samples):
            _write(options, model.piece(number, **settings, **asked.get_arguments()), bar)
    if options.num_samples > 1:
        total = options.num_samples * count / model.sample_rate
        console.say(f"{options.num_samples} pieces, {format_speed(total, time.perf_counter() - started)}")
    return 0


def _write(options: GenerateOptions, piece: Piece, bar: console.Progress) -> None:
    """Writes one piece, and its notes where they are asked for."""
    # the notes first: a checkpoint that has none is refused before it plays
    score = piece.score(options.start, options.seconds) if options.score else None
    path = options.save_path / f"{piece.model.name}-seed-{piece.seed}.{options.format}"
    written = write_piece(piece, path, bar, {}, options.start, options.seconds, keep_existing=True, bits=options.bits)
    if score is not None:
        write_score(score, written.path.with_suffix(".mid"), bar)
