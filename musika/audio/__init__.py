"""Audio files: `find_files`, `read` and `read_blocks` for input; `write` and `encode` for output."""

from musika.audio.checks import FileError, check_file
from musika.audio.reader import find_files, read, read_blocks
from musika.audio.writer import WrittenFile, encode, write

__all__ = [
    "FileError",
    "WrittenFile",
    "check_file",
    "encode",
    "find_files",
    "read",
    "read_blocks",
    "write",
]
