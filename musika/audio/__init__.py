"""Audio files in and out: `read`, `blocks` and `find` for input, `write` for output."""

from musika.audio.checks import FileError, check_file
from musika.audio.reader import EXTENSIONS, blocks, find, read
from musika.audio.writer import FORMATS, Written, write

__all__ = ["EXTENSIONS", "FORMATS", "FileError", "Written", "blocks", "check_file", "find", "read", "write"]
