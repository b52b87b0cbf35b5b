"""Audio files: `find_files`, `read` and `read_blocks` for input; `write` and `encode` for output.

`read_tags` reads what a file says about itself, `LiveEncoder` encodes a stream without end.
"""

from musika.audio.checks import FileError, check_file
from musika.audio.encodings import FORMATS, Encoding, choose_encoding
from musika.audio.live import LiveEncoder
from musika.audio.reader import find_files, read, read_blocks, read_unchanged
from musika.audio.tags import read_tags
from musika.audio.writer import WrittenFile, encode, write

__all__ = [
    "FORMATS",
    "Encoding",
    "FileError",
    "LiveEncoder",
    "WrittenFile",
    "check_file",
    "choose_encoding",
    "encode",
    "find_files",
    "read",
    "read_blocks",
    "read_tags",
    "read_unchanged",
    "write",
]
