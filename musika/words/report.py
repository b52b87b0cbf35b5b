"""What a person is told about words: what they were taken to mean, and what was not understood."""

from __future__ import annotations

from musika.files import escape
from musika.words.encoder import INSTALL, find_folder
from musika.words.meaning import Meaning


def describe_meaning(meaning: Meaning) -> list[str]:
    """What a prompt was taken to mean, and what was not understood."""
    lines = [f"prompt: {meaning}"]
    if meaning.nearest:
        lines.append(f"as in the nearest of the music that was learned from: {', '.join(meaning.nearest)}")
    if meaning.guessed:
        guesses = ", ".join(f"{escape(word)} (as {near})" for word, near in meaning.guessed)
        lines.append(f"nearest words that are known: {guesses}")
    if meaning.unknown:
        advice = "" if find_folder() is not None else f"; words are looked up in a table, {INSTALL} understands more"
        lines.append(f"not understood: {', '.join(map(escape, meaning.unknown))}{advice}")
    return lines
