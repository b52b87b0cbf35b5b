"""What an audio file really holds: `read_layout` finds the parts that decoders read, and refuses truncated files.

Headers are often wrong. Programs that write into a pipe do not know the size. A recorder that loses its power never
fills it in. More than 4 GiB do not fit into 32 bits. Some files are several files, one after another. Decoders believe
the header: they refuse a good file, or lose sound silently. So the header is compared with the file first, and decoders
are given parts with a right header. The process that decodes and the tensorflow-io reader both begin here.

Standard library only.
"""

from musika.audio.layout.part import Layout, Part, PartFile, Unreadable
from musika.audio.layout.recognise import read_layout

__all__ = ["Layout", "Part", "PartFile", "Unreadable", "read_layout"]
