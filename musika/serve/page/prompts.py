"""Words and melodies as settings of a form, where a person can change them."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

from musika.config import MusicalSettings
from musika.errors import ConfigError, UsageError
from musika.render.recipe import describe_input
from musika.serve.page.uploads import check_length
from musika.words import Encoder, describe_meaning, find_folder, load_encoder, read_captions, read_prompt
from musika.words.meaning import describe_setting

MIDI_BEGINS = b"MThd"
LONGEST_LINE = 300  # characters of settings in a line for a person
_encoders: list[Encoder] = []
_loading = threading.Lock()


def understand_words(text: Any, folder: Path | None = None) -> tuple[dict[str, Any], list[str]]:
    """The settings that words ask for, and lines that say how they were understood.

    Args:
        text: the words.
        folder: of the checkpoint whose captions choose a style; None leaves it open.

    Raises:
        UsageError, ConfigError: nothing in them is understood, or they ask for what cannot be.
    """
    if not isinstance(text, str) or not text.strip():
        raise UsageError("there are no words: say what the music is like, such as slow sad piano in A minor")
    captions = None if folder is None else read_captions(folder)
    meaning = read_prompt(text, _get_encoder(), captions)
    style = {} if meaning.style is None else {"style" if captions is None else captions.setting: meaning.style}
    return {**meaning.settings.get_given(), **style}, describe_meaning(meaning)


def _get_encoder() -> Encoder | None:
    """The text encoder where one is installed, loaded once."""
    with _loading:
        if not _encoders and find_folder() is not None:
            _encoders.append(load_encoder())
    return _encoders[0] if _encoders else None


def understand_melody(path: Path, longest: float) -> tuple[dict[str, Any], dict[str, str], str]:
    """The melody of a MIDI file or a recording: as an input of a recipe, its own settings, and a line about it.

    Args:
        path: of the file.
        longest: seconds that a recording may last.

    Raises:
        MusikaError: it has no melody, cannot be read, or is too long.
    """
    from musika.composer.piece import make_melody
    from musika.listening import describe_melody, read_melody

    with open(path, "rb") as file:
        is_midi = file.read(4) == MIDI_BEGINS
    if not is_midi:
        check_length(path, longest)
    score = read_melody(path)
    settings = describe_melody(score)
    told = ", ".join(describe_setting(name, text) for name, text in settings.get_given().items())
    told = told if len(told) <= LONGEST_LINE else f"{told[: LONGEST_LINE - 1]}…"
    line = f"melody: {len(score.notes)} notes{', ' if told else ''}{told}"
    return describe_input(make_melody(score)), settings.get_given(), line


def merge_settings(mine: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Settings of a form, and from others those that are left open there.

    Raises:
        ConfigError: they cannot be met together.
    """
    names = {field.name for field in dataclasses.fields(MusicalSettings)}
    own = {name: text for name, text in mine.items() if name in names and isinstance(text, str)}
    try:
        return MusicalSettings(**own).merge(MusicalSettings(**other)).get_given()
    except ConfigError as error:
        raise UsageError(str(error)) from None
