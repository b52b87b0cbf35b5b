"""`generate`: new music from a trained generator, into files."""

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

FRAME = 4  # bytes of one sample of both channels in a wav file
MAX_WAV = 2**32 - 2**16  # bytes of sound that a wav file can hold
DRAWN_SEEDS = 2**32  # below which a seed is drawn, so that it can be typed


def run(options: GenerateOptions) -> int:
    """Makes the pieces and returns 0.

    Raises:
        MusikaError: a checkpoint, a folder or a flag that cannot be used; a file that cannot be written.
    """
    seed = secrets.randbelow(DRAWN_SEEDS) if options.seed is None else options.seed
    if seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    if options.format == "wav" and options.seconds * SAMPLE_RATE * FRAME > MAX_WAV:
        raise UsageError(f"--seconds {options.seconds:g} is more than a wav file holds: choose --format flac")
    _make_folder(options.save_path)
    begun = time.perf_counter()
    model = models.load_model(options)
    count = model.samples(options.seconds)
    if count < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    console.say(f"{model.name} loaded in {time.perf_counter() - begun:.1f} s, seed {seed}")
    begun = time.perf_counter()
    with console.progress(options.num_samples * options.seconds, "s", "generate") as bar:
        for piece in range(seed, seed + options.num_samples):
            path = options.save_path / f"{model.name}-seed-{piece}.{options.format}"
            _write_piece(model, piece, count, options.truncation, path, bar)
    if options.num_samples > 1:
        spent = time.perf_counter() - begun
        total = options.num_samples * count / model.sample_rate
        console.say(f"{options.num_samples} pieces, {_speed(total, spent)}")
    return 0


def _write_piece(
    model: render.Model, seed: int, count: int, truncation: float, path: Path, bar: console.Progress
) -> None:
    """Renders `count` samples of one piece into a file, and says so."""
    begun = time.perf_counter()
    clipped = _Clipped()
    blocks = render.prefetch(render.stream_samples(model, seed, 0, count, truncation))
    said = {"title": f"{model.name} {seed}", "comment": f"seed {seed}, truncation {truncation:g}", "software": "musika"}
    try:
        audio.write(path, _watched(blocks, model.sample_rate, clipped, bar), model.sample_rate, metadata=said)
    finally:
        blocks.close()
    text = f"{path}: {_speed(count / model.sample_rate, time.perf_counter() - begun)}"
    bar.note(text + (f", {clipped.samples / (2 * count):.3%} of it clipped at full scale" if clipped.samples else ""))


class _Clipped:
    """How many numbers of one piece stand at full scale."""

    def __init__(self) -> None:
        self.samples = 0


def _watched(
    blocks: Iterable[np.ndarray], sample_rate: int, clipped: _Clipped, bar: console.Progress
) -> Iterator[np.ndarray]:
    """The same blocks, counted on their way to the file."""
    for block in blocks:
        clipped.samples += round(render.clipped_share(block) * block.size)
        yield block
        bar.advance(len(block) / sample_rate)


def _speed(seconds: float, spent: float) -> str:
    return f"{seconds:.6g} s in {spent:.1f} s, {seconds / max(spent, 1e-9):.0f} x real time"


def _make_folder(folder: Path) -> None:
    """Makes the folder, and sees that files can be made in it, before anything slow begins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--save_path {folder} cannot be written to: {error.strerror}") from error
