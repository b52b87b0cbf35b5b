"""Excerpts that a codec's run is measured on and that it never trains on, the same for the whole run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika import audio
from musika.errors import AudioError

EXCERPTS = 4  # files held out of a folder by themselves
ENOUGH = 16  # files from which on that many can be spared
MOST = 32  # excerpts of a folder of one's own
SECONDS = 10
SKIPPED = 20  # seconds of a long file before its excerpt: beginnings are often quiet


def split(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train on, and files, spread over the list, to hold out: a function of the list alone.

    Of fewer than ENOUGH files none is held out.
    """
    if len(files) < ENOUGH:
        return files, []
    held = {files[(2 * n + 1) * len(files) // (2 * EXCERPTS)] for n in range(EXCERPTS)}
    return [path for path in files if path not in held], sorted(held)


def excerpts(files: list[Path], sample_rate: int) -> tuple[list[tuple[Path, np.ndarray]], list[tuple[Path, str]]]:
    """(file, up to SECONDS of it `[N, 2]`), and (file, reason) of those that cannot be read."""
    found, failed = [], []
    for path in files[:MOST]:
        try:
            found.append((path, _excerpt(path, sample_rate)))
        except AudioError as error:
            failed.append((path, str(error)))
    return found, failed


def _excerpt(path: Path, sample_rate: int) -> np.ndarray:
    """SECONDS after the first SKIPPED seconds, or the end of a shorter file."""
    length = SECONDS * sample_rate
    last = np.zeros((0, 2), np.float32)
    for number, block in enumerate(audio.read_blocks(path, length, sample_rate=sample_rate)):
        last = np.concatenate([last, block])[-length:]
        if number * SECONDS >= SKIPPED:
            break
    return last
