"""What the worker process sends: messages of a letter, four bytes of length (little-endian), and that many bytes.

    H  a header as JSON: the format of the samples that follow
    S  samples, interleaved
    E  the end, as JSON: error (null, or what is wrong with the file)

A worker that ends without E has crashed. Standard library only, to load at once.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import IO, Any

HEAD_SIZE = 5  # bytes before the content of a message
MAX_CHANNELS = 64
MAX_NOTES = 16


@dataclasses.dataclass(frozen=True)
class Format:
    """How samples are to be understood.

    Attributes:
        rate: Hz.
        channels: how many.
        order: how more than two channels are sorted: "wave" (L R C LFE ...) or "vorbis" (L C R ...).
        dtype: of a sample, "<f4" or ">f4".
        notes: remarks on the file for a person, each the end of a sentence that begins with its name.
    """

    rate: int
    channels: int
    order: str
    dtype: str
    notes: tuple[str, ...] = ()


def send(stream: IO[bytes], kind: bytes, content: bytes | memoryview) -> None:
    """Writes one message."""
    stream.write(kind + struct.pack("<I", len(content)))
    stream.write(content)
    stream.flush()


def send_format(stream: IO[bytes], form: Format) -> None:
    """Writes a format."""
    send(stream, b"H", json.dumps(dataclasses.asdict(form)).encode("ascii"))


def send_end(stream: IO[bytes], error: str | None) -> None:
    """Writes the last message."""
    send(stream, b"E", json.dumps({"error": error}).encode("ascii"))


def read_size(head: bytes) -> int:
    """The length of a message's content, from the bytes before it; 0 where these are not complete."""
    return struct.unpack("<I", head[1:])[0] if len(head) == HEAD_SIZE else 0


def read_format(content: bytes) -> Format:
    """Reads a format that may come from a damaged worker.

    Raises:
        ValueError: it is none.
    """
    try:
        message: Any = json.loads(content)
        form = Format(
            int(message["rate"]),
            int(message["channels"]),
            str(message["order"]),
            message["dtype"],
            tuple(str(note) for note in message.get("notes", ())[:MAX_NOTES]),
        )
    except (TypeError, KeyError, RecursionError, OverflowError, AttributeError) as error:
        raise ValueError("no format") from error
    if form.dtype not in ("<f4", ">f4") or form.order not in ("wave", "vorbis"):
        raise ValueError("no format")
    return form


def read_end(content: bytes) -> str | None:
    """Reads what is wrong with the file, None where nothing is.

    Raises:
        ValueError: this is not the end.
    """
    try:
        error = json.loads(content)["error"]
    except (TypeError, KeyError, RecursionError) as failure:
        raise ValueError("no end") from failure
    if error is not None and not isinstance(error, str):
        raise ValueError("no end")
    return error
