"""Excerpts that a codec's run is measured on and never trained on; they stay the same for the whole run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika import audio
from musika.errors import AudioError

HELD_OUT = 4  # files that are held out of the training folder, where no folder to measure on is named
MIN_FILES = 16  # with fewer files, none is held out
MAX_EXCERPTS = 32  # of a folder to measure on
SECONDS = 10  # of an excerpt
SKIPPED_SECONDS = 20  # of a long file before its excerpt: beginnings are often quiet


def split_files(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train on, and files to hold out, evenly spread over the list: a function of the list alone.

    Of fewer than MIN_FILES files none is held out.
    """
    if len(files) < MIN_FILES:
        return files, []
    held = {files[(2 * n + 1) * len(files) // (2 * HELD_OUT)] for n in range(HELD_OUT)}
    return [path for path in files if path not in held], sorted(held)


def read_excerpts(files: list[Path], sample_rate: int) -> tuple[list[tuple[Path, np.ndarray]], list[tuple[Path, str]]]:
    """(file, up to SECONDS of it `[N, 2]`), and (file, reason) of those that cannot be read."""
    excerpts, failed = [], []
    for path in files[:MAX_EXCERPTS]:
        try:
            excerpts.append((path, _read_excerpt(path, sample_rate)))
        except AudioError as error:
            failed.append((path, str(error)))
    return excerpts, failed


def _read_excerpt(path: Path, sample_rate: int) -> np.ndarray:
    """SECONDS after the first SKIPPED_SECONDS, or the end of a shorter file."""
    length = SECONDS * sample_rate
    last = np.zeros((0, 2), np.float32)
    for number, block in enumerate(audio.read_blocks(path, length, sample_rate=sample_rate)):
        last = np.concatenate([last, block])[-length:]
        if number * SECONDS >= SKIPPED_SECONDS:
            break
    return last
