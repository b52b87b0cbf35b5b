"""Saving what comes in blocks: pieces and recordings are written in the same way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from musika import audio
from musika.audio import WrittenFile


def save_blocks(
    path: str | Path,
    blocks: Generator[np.ndarray, None, None],
    sample_rate: int,
    tags: Mapping[str, str] | None = None,
    keep_existing: bool = False,
    bits: str | None = None,
    on_block: Callable[[np.ndarray], None] | None = None,
) -> WrittenFile:
    """Writes blocks `[n, channels]` into a file, and closes the generator whatever happens.

    Args:
        tags: as `audio.write` takes them; so are `keep_existing` and `bits`.
        on_block: is given each block once it is written; what it raises ends the writing, and there is no file.

    Raises:
        AudioError: the file cannot be written.
    """
    try:
        watched: Iterable[np.ndarray] = blocks if on_block is None else _watch(blocks, on_block)
        return audio.write(Path(path), watched, sample_rate, tags, keep_existing, bits)
    finally:
        blocks.close()


def _watch(blocks: Iterable[np.ndarray], on_block: Callable[[np.ndarray], None]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block
        on_block(block)
