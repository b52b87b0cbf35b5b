"""Form: letters of sections, such as AABA. Sections with the same letter have the same theme."""

from __future__ import annotations

from musika.errors import ConfigError

MOST_SECTIONS = 64


def parse_form(text: str) -> str:
    """The letters of a form, from which spaces, commas and dashes are left out.

    Raises:
        ConfigError: something else than letters, none, or too many.
    """
    letters = "".join(text.split()).replace(",", "").replace("-", "").upper()
    if not letters or not all("A" <= letter <= "Z" for letter in letters):
        raise ConfigError(f"{text.strip()!r} is no form: say a letter for each section, such as AABA")
    if len(letters) > MOST_SECTIONS:
        raise ConfigError(f"{len(letters)} sections are too many: at most {MOST_SECTIONS}, which repeat")
    return letters


def format_form(letters: str) -> str:
    """The text that `parse_form` reads as these letters."""
    return letters
