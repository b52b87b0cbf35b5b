"""MIDI files: finding them, reading them whole or with a reason, and their notes in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from musika.errors import MusikaError, UsageError
from musika.files import format_path, list_files

ENDINGS = (".mid", ".midi")
PERCUSSION = 9  # the channel of drums


class MidiError(MusikaError):
    """A MIDI file that cannot be read."""


class Note(NamedTuple):
    """A note: start and length in seconds, channel, key and velocity."""

    start: float
    length: float
    channel: int
    key: int
    velocity: int


def import_mido() -> Any:
    """The module `mido`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import mido
    except ImportError:
        raise UsageError("MIDI files need the package mido: pip install mido") from None
    return mido


def find_midi_files(folder: Path) -> list[Path]:
    """All MIDI files of a folder and its sub-folders, sorted.

    Raises:
        UsageError: there are none.
    """
    files = [path for path in list_files(folder) if path.suffix.lower() in ENDINGS] if folder.is_dir() else []
    if not files:
        raise UsageError(f"there are no MIDI files in {format_path(folder)}")
    return files


def read_messages(path: Path) -> list[tuple[float, Any]]:
    """All messages of a MIDI file in order, each with the second at which it comes.

    Raises:
        MidiError: the file cannot be read.
    """
    mido = import_mido()
    messages, now = [], 0.0
    try:
        for message in mido.MidiFile(path):
            now += message.time
            messages.append((now, message))
    except (OSError, EOFError, ValueError, TypeError, LookupError) as error:
        raise MidiError(f"is not a MIDI file that can be read ({str(error) or type(error).__name__})") from None
    return messages


def read_notes(path: Path, seconds: float) -> list[Note]:
    """The notes that begin within that many seconds, sorted. A note ends where its key is pressed again.

    Raises:
        MidiError: the file cannot be read.
    """
    notes = []
    pressed: dict[tuple[int, int], tuple[float, int]] = {}  # channel and key to start and velocity
    for now, message in read_messages(path):
        if message.type not in ("note_on", "note_off"):
            continue
        place = message.channel, message.note
        if place in pressed:
            start, velocity = pressed.pop(place)
            notes.append(Note(start, now - start, *place, velocity))
        if message.type == "note_on" and message.velocity and now < seconds:
            pressed[place] = now, message.velocity
    return sorted(notes)
