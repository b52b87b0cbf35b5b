"""`generate`: new music from a trained generator, into files.

A piece that was made before is never lost: a new one that differs from the file of its name gets the next free name,
`open-seed-7-2.wav`. Files are compared by their bytes. A piece is a function of checkpoint, seed and settings, so the
same settings give the same bytes and no second file.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from musika import audio, console, render
from musika.cli import models
from musika.cli.flags import MAX_SEED, GenerateOptions
from musika.config import SAMPLE_RATE
from musika.errors import UsageError
from musika.files import describe_error, format_path

FRAME = 4  # bytes of one sample of both channels in a wav file
MAX_WAV = 2**32 - 2**16  # bytes of sound that a wav file can hold
SEEDS = 2**32  # seeds are chosen below this, so that they can be typed


def run(options: GenerateOptions) -> int:
    """Generates the pieces and returns 0.

    Raises:
        MusikaError: a checkpoint, a folder or a flag that cannot be used; a file that cannot be written.
    """
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    if seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    if options.format == "wav" and options.seconds * SAMPLE_RATE * FRAME > MAX_WAV:
        raise UsageError(f"--seconds {options.seconds:g} is more than a wav file holds: choose --format flac")
    _make_folder(options.save_path)
    started = time.perf_counter()
    model = models.load_model(options)
    count = model.count_samples(options.seconds)
    if count < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    console.say(f"{model.name} loaded in {time.perf_counter() - started:.1f} s, seed {seed}")
    started = time.perf_counter()
    with console.progress(options.num_samples * options.seconds, "s", "generate") as bar:
        for piece in range(seed, seed + options.num_samples):
            path = options.save_path / f"{model.name}-seed-{piece}.{options.format}"
            _write_piece(model, piece, options.seconds, options.truncation, path, bar)
    if options.num_samples > 1:
        total = options.num_samples * count / model.sample_rate
        console.say(f"{options.num_samples} pieces, {_format_speed(total, time.perf_counter() - started)}")
    return 0


def _write_piece(
    model: render.Model, seed: int, seconds: float, truncation: float, path: Path, bar: console.Progress
) -> None:
    """Renders one piece into a file, and prints a line about it."""
    started = time.perf_counter()
    meter = _Meter(model.sample_rate, bar)
    blocks = model.piece(seed, truncation=truncation).stream(0.0, seconds)
    tags = {"title": f"{model.name} {seed}", "comment": f"seed {seed}, truncation {truncation:g}", "software": "musika"}
    try:
        written = audio.write(path, meter.count(blocks), model.sample_rate, metadata=tags, keep_existing=True)
    finally:
        blocks.close()
    if written.path != path:
        bar.note(f"{format_path(path)} holds another piece, which is kept; this one is {written.path.name}")
    speed = _format_speed(meter.samples / model.sample_rate, time.perf_counter() - started)
    clipped = meter.clipped / max(1, 2 * meter.samples)
    note = f", {clipped:.3%} of it clipped at full scale" if clipped else ""
    bar.note(f"{format_path(written.path)}: {speed}{note}")


class _Meter:
    """Counts the samples of one piece, shows progress, and counts how many numbers were clipped at full scale."""

    def __init__(self, sample_rate: int, bar: console.Progress) -> None:
        self.sample_rate, self.bar = sample_rate, bar
        self.samples = self.clipped = 0

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks."""
        for block in blocks:
            self.samples += len(block)
            self.clipped += round(render.measure_clipping(block) * block.size)
            yield block
            self.bar.advance(len(block) / self.sample_rate)


def _format_speed(seconds: float, spent: float) -> str:
    return f"{seconds:.6g} s in {spent:.1f} s, {seconds / max(spent, 1e-9):.0f} x real time"


def _make_folder(folder: Path) -> None:
    """Makes the folder, and checks that files can be written to it, before anything slow begins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--save_path {format_path(folder)} cannot be written to: {describe_error(error)}") from error
