"""Reads the tags of an audio file: title, comment ...

The file may come from anybody. So nothing but text is taken from it, and what is read is bounded: a tag that claims to
be huge, or a file of nothing but tags, is refused.
"""

from __future__ import annotations

import io
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from musika.audio.checks import FileError, check_file
from musika.audio.process import Decoder

LONGEST_READ = 1 << 20  # bytes at once
LARGEST_TOTAL = 1 << 24  # bytes in all
MOST_READS = 100_000


def read_tags(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The texts of each tag, by its name: `title`, `artist`, `album`, `comment` ...; nothing where there are none.

    Args:
        path: of an audio file.

    Raises:
        FileError: it cannot be read, is of another format, or its tags are damaged or too large.
    """
    import tinytag

    check_file(path)
    try:
        with open(path, "rb") as file:
            found = tinytag.TinyTag.get(file_obj=typing.cast(BinaryIO, _LimitedFile(file)), duration=False)
    except tinytag.UnsupportedFormatError:
        with Decoder(path):  # what is no audio is refused in the same words, whoever reads it
            raise FileError(path, "is audio of a kind whose tags are not read") from None
    except tinytag.ParseError as error:
        reason = str(error) if isinstance(error.__cause__, _TooLarge) else "they are damaged"
        raise FileError(path, f"has tags that cannot be read: {reason}") from None
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from None
    tags: dict[str, tuple[str, ...]] = {}
    for name, texts in found.as_dict().items():
        if isinstance(texts, list):
            tags[name] = tuple(text for text in texts if isinstance(text, str))
    return tags


class _TooLarge(Exception):
    """More would be read than tags have."""


class _LimitedFile(io.BufferedIOBase):
    """A file of which only so much is read.

    Raises:
        _TooLarge: by `read`, when it is more.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._left, self._reads = LARGEST_TOTAL, MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes from the position on."""
        if size is None or size < 0 or size > LONGEST_READ or size > self._left or not self._reads:
            raise _TooLarge("they are too large")
        data = self._file.read(size)
        self._left, self._reads = self._left - len(data), self._reads - 1
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position, bytes."""
        return self._file.tell()
