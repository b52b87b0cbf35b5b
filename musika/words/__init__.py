"""Words: what a text says about music, as musical settings."""

from musika.words.captions import Captions, read_captions
from musika.words.encoder import Encoder, find_folder, load_encoder
from musika.words.meaning import Meaning
from musika.words.prompt import read_prompt
from musika.words.report import describe_meaning

__all__ = [
    "Captions",
    "Encoder",
    "Meaning",
    "describe_meaning",
    "find_folder",
    "load_encoder",
    "read_captions",
    "read_prompt",
]
