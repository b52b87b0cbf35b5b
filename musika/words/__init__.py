"""Words: what a text says about music, as musical settings."""

from musika.words.meaning import Meaning
from musika.words.prompt import read_prompt

__all__ = ["Meaning", "read_prompt"]
