"""Music to standard output, for other programs: `musika generate --save_path - --seconds inf | player`.

A slow reader slows the rendering, since nothing is made before it is read but one block. When the reader leaves, the
command ends well. Lines for the person go to standard error.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from musika import console, render
from musika.audio.encodings import choose_encoding
from musika.audio.live import LiveEncoder
from musika.audio.quantise import Quantiser
from musika.cli.flags import GenerateOptions
from musika.codec.base import AUDIO_CHANNELS

STDOUT = "-"  # as --save_path
RAW = "raw"


def run(options: GenerateOptions, make_piece: Callable[[], render.Piece]) -> int:
    """Writes one piece to standard output and returns 0, also when its reader leaves.

    Raises:
        MusikaError: a checkpoint or a flag that cannot be used.
    """
    with contextlib.suppress(BrokenPipeError), console.take_stdout() as file:
        piece = make_piece()
        console.say(f"{piece.model.name}, seed {piece.seed}, {piece.model.sample_rate} Hz, {options.format}")
        seconds = piece.loop_seconds or options.seconds
        finish = render.Finish(options.loudness, options.fade_in, options.fade_out)
        blocks = _open_blocks(piece, options.start, seconds, finish)
        try:
            for data in encode(blocks, options.format, piece.model.sample_rate):
                _write_all(file, data)
        finally:
            blocks.close()
    return 0


def _open_blocks(
    piece: render.Piece, start: float, seconds: float, finish: render.Finish
) -> Generator[np.ndarray, None, None]:
    """The blocks of a part of a piece, perhaps without end."""
    if math.isinf(seconds):
        return piece.stream(start)
    return piece.stream_finished(start, seconds, finish)


def encode(blocks: Iterable[np.ndarray], form: str, sample_rate: int) -> Iterator[bytes]:
    """A waveform in blocks as the bytes of an audio stream.

    Args:
        form: an extension without its dot, or "raw": 16-bit little-endian samples, left and right by turns.
    """
    if form == RAW:
        quantiser = Quantiser(choose_encoding(Path("samples.wav"), "16"), AUDIO_CHANNELS)
        for block in blocks:
            yield quantiser.quantise(block).astype("<i2").tobytes()
        return
    encoder = LiveEncoder(f".{form}", sample_rate, AUDIO_CHANNELS)
    try:
        for block in blocks:
            yield encoder.encode(block)
        yield encoder.finish()
    finally:
        encoder.close()


def _write_all(file: BinaryIO, data: bytes) -> None:
    """A pipe may take only a part at once."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]
