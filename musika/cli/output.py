"""Sound to standard output, for other programs: `musika generate --save_path - --seconds inf | player`.

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
from musika.audio import LiveEncoder, choose_encoding
from musika.audio.quantise import Quantiser
from musika.cli.flags import GenerateOptions
from musika.cli.targets import RAW
from musika.errors import AudioError
from musika.files import describe_error

Sound = tuple[int, Generator[np.ndarray, None, None]]  # Hz, and a waveform in blocks


def run(options: GenerateOptions, make_piece: Callable[[], render.Piece], workers: render.Workers | None = None) -> int:
    """Writes one piece to standard output and returns 0, also when its reader leaves.

    Args:
        workers: other processes that help to decode; None is this one alone.

    Raises:
        MusikaError: a checkpoint or a flag that cannot be used.
    """

    def open_sound() -> Sound:
        piece = make_piece()
        rate = piece.model.sample_rate
        console.say(f"{piece.model.name}, seed {piece.seed}, {rate} Hz, {options.format}")
        seconds = piece.loop_seconds or options.seconds
        if math.isinf(seconds):
            return rate, piece.stream(options.start, workers=workers)
        finish = render.Finish(options.loudness, options.fade_in, options.fade_out)
        return rate, piece.stream_finished(options.start, seconds, finish, workers)

    return send(open_sound, options.format, options.bits)


def send(open_sound: Callable[[], Sound], form: str, bits: str | None = None) -> int:
    """Writes sound to standard output to its end, or until its reader leaves; returns 0.

    Args:
        open_sound: gives Hz and the waveform in blocks. Lines for a person that it prints go to standard error.
        form: an extension without its dot, or "raw": 16-bit little-endian samples, left and right by turns.
        bits: of a sample, as `audio.choose_encoding` takes them.

    Raises:
        AudioError: standard output takes no more, such as a file on a full disk.
    """
    with contextlib.suppress(BrokenPipeError), console.take_stdout() as file:
        rate, blocks = open_sound()
        try:
            for data in _encode(blocks, form, bits, rate):
                _write_all(file, data)
        finally:
            blocks.close()
    return 0


def _encode(blocks: Iterable[np.ndarray], form: str, bits: str | None, sample_rate: int) -> Iterator[bytes]:
    """A waveform in blocks `[n, channels]` as the bytes of an audio stream."""
    if form == RAW:
        quantiser: Quantiser | None = None
        for block in blocks:
            quantiser = quantiser or Quantiser(choose_encoding(Path("samples.wav"), "16"), block.shape[1])
            yield quantiser.quantise(block).astype("<i2").tobytes()
        return
    encoder: LiveEncoder | None = None
    try:
        for block in blocks:
            encoder = encoder or LiveEncoder(f".{form}", sample_rate, block.shape[1], bits=bits)
            yield encoder.encode(block)
        if encoder is not None:
            yield encoder.finish()
    finally:
        if encoder is not None:
            encoder.close()


def _write_all(file: BinaryIO, data: bytes) -> None:
    """A pipe may take only a part at once."""
    view = memoryview(data)
    try:
        while len(view):
            view = view[file.write(view) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AudioError(f"standard output cannot be written to: {describe_error(error)}", about="save") from error
