"""Decodes an audio file to raw samples with libsndfile, or with ffmpeg what libsndfile does not know.

This runs in the worker process (worker.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from typing import Any

from musika.audio import ffmpeg
from musika.audio.layout import Layout, Part, PartFile, Unreadable, read_layout
from musika.audio.layout.part import SLACK, describe_cut
from musika.audio.messages import Format

UNKNOWN = 1 << 62  # samples: libsndfile's way of saying that it does not know yet


class NotForLibsndfile(Exception):
    """libsndfile does not know the format: ffmpeg may."""


def decode(path: str, block: int) -> Iterator[Format | bytes | memoryview]:
    """Decodes a file: a format, samples of that format (interleaved), the next format if it changes, and so on.

    Args:
        path: the file.
        block: bytes of samples to give at once. They must be used before the next are asked for.

    Raises:
        Unreadable: the file is damaged or truncated, has no audio stream, or is not audio.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        layout = read_layout(file)
    try:
        yield from _decode_by_libsndfile(path, layout, block)
    except NotForLibsndfile as reason:
        yield from ffmpeg.decode(path, block, str(reason), layout.notes)


def _decode_by_libsndfile(path: str, layout: Layout, block: int) -> Iterator[Format | memoryview]:
    """Decodes part after part.

    Raises:
        NotForLibsndfile: before anything was given.
        Unreadable: damaged or truncated.
    """
    try:
        import soundfile  # type: ignore[import-untyped]
    except (ImportError, OSError) as reason:
        raise NotForLibsndfile(f"soundfile is not installed: {reason}") from None
    seconds = 0.0  # of the parts before
    for number, part in enumerate(layout.parts, 1):
        with contextlib.ExitStack() as stack:
            try:
                sound = _open_part(stack, path, part)
            except soundfile.LibsndfileError as error:
                refusal = _shorten(error)
                if number == 1:
                    raise NotForLibsndfile(refusal) from None
                raise Unreadable(
                    f"is damaged after {seconds:.1f} s: its part {number} cannot be read ({refusal})"
                ) from None
            order = "vorbis" if sound.format == "OGG" and sound.subtype in ("VORBIS", "OPUS") else "wave"
            dtype = "<f4" if sys.byteorder == "little" else ">f4"
            form = Format(sound.samplerate, sound.channels, order, dtype, layout.notes if number == 1 else ())
            done = 0
            for samples in _read_samples(sound, part, block, seconds):
                if not done:
                    yield form
                yield samples
                done += len(samples)
            seconds += done / (4 * sound.channels) / sound.samplerate


def _open_part(stack: contextlib.ExitStack, path: str, part: Part) -> Any:
    """Opens a part, and closes it with the stack.

    Raises:
        soundfile.LibsndfileError: libsndfile does not read it.
    """
    import soundfile

    class Forward(soundfile.SoundFile):
        """A file that is read from front to back: soundfile seeks after each read of a seekable one, which fails at
        the end of FLAC files of unstated length and in Opus files of more than two channels."""

        def seekable(self) -> bool:
            return False

    if part.streamed:
        return stack.enter_context(Forward(_make_pipe(path, part)))
    if part.is_whole_file(os.path.getsize(path)):  # a descriptor has no extension that libsndfile could believe in
        return stack.enter_context(Forward(os.open(path, os.O_RDONLY)))
    file = stack.enter_context(open(path, "rb"))  # noqa: SIM115 - the stack closes it
    return stack.enter_context(Forward(PartFile(file, part)))


def _read_samples(sound: Any, part: Part, block: int, seconds: float) -> Iterator[memoryview]:
    """Reads an open part to its end.

    Args:
        sound: the open part.
        part: what is known of it.
        block: bytes to give at once.
        seconds: of sound in the parts before, for messages.

    Raises:
        Unreadable: it is damaged or truncated.
    """
    import soundfile

    width = 4 * sound.channels
    most = max(1, block // width)
    buffer = memoryview(bytearray(most * width))
    promised = 0 if part.streamed or sound.frames >= UNKNOWN else sound.frames
    done = 0
    try:
        while True:
            wanted = min(most, promised - done) if promised > done else most  # not beyond the end: junk may follow it
            count = sound.buffer_read_into(buffer[: wanted * width], dtype="float32")
            if not count:
                break
            yield buffer[: count * width]
            done += count
    except soundfile.LibsndfileError as error:
        if not done >= promised > 0:  # else it is about what follows the sound
            place = seconds + done / sound.samplerate
            raise Unreadable(f"is damaged or truncated after {place:.1f} s ({_shorten(error)})") from None
    part.check_length(done, sound.samplerate)
    if done < promised - (SLACK if sound.format == "MP3" else 0):
        raise Unreadable(describe_cut(promised / sound.samplerate, done / sound.samplerate))


def _shorten(error: Any) -> str:
    """libsndfile's words without its "Error : " and full stop."""
    return error.error_string.strip().removeprefix("Error : ").rstrip(".")


def _make_pipe(path: str, part: Part) -> int:
    """A descriptor that gives the bytes of a part but cannot seek, nor tell how many there are."""
    receiving, sending = os.pipe()

    def feed() -> None:
        with contextlib.suppress(OSError), open(path, "rb") as file, os.fdopen(sending, "wb") as sink:
            shutil.copyfileobj(PartFile(file, part), sink, 1 << 14)

    threading.Thread(target=feed, daemon=True).start()
    return receiving
