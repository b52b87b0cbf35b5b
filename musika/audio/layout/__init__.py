"""Where the sound lies in an audio file: `read_layout` finds the parts that decoders read, and refuses cut files.

Headers are often wrong: programs that write into a pipe cannot know a size, a recorder that loses power never fills it
in, 32 bits are too few for it, and some files are several files one after another. Decoders believe the header, and
then refuse a good file or lose sound without a word. So the sizes are compared with what is there first. The decoding
process and the tensorflow-io reader both begin here. Standard library only, to load at once.
"""

from musika.audio.layout.part import Layout, Part, PartFile, Unreadable
from musika.audio.layout.recognise import read_layout

__all__ = ["Layout", "Part", "PartFile", "Unreadable", "read_layout"]
