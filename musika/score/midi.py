"""MIDI files in: notes with their onsets in seconds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from musika.errors import ScoreError
from musika.files import describe_error, format_path, list_files
from musika.score.notes import PERCUSSION, Notes

EXTENSIONS = frozenset({".mid", ".midi", ".kar"})
MAX_BYTES = 64 << 20  # of a file
LONGEST = 100 * 3600  # seconds


def find_midi(folder: Path) -> list[Path]:
    """The MIDI files in a folder and its sub-folders, by extension, sorted by path. The path of a file gives that file.

    Raises:
        ScoreError: no such folder, or no MIDI file in it.
    """
    if not os.path.lexists(folder):
        raise ScoreError(f"there is no folder {format_path(folder)}", about="midi")
    if not folder.is_dir():
        return [folder]
    found = [path for path in list_files(folder) if path.suffix.lower() in EXTENSIONS]
    if not found:
        raise ScoreError(f"there are no MIDI files (.mid) in {format_path(folder)}", about="midi")
    return found


def read_notes(path: Path) -> Notes:
    """All notes of a MIDI file of type 0 or 1. Its tempo map gives their times.

    Raises:
        ScoreError: it cannot be read, is no MIDI file, is damaged, or has no notes.
    """
    import mido

    try:
        if path.stat().st_size > MAX_BYTES:
            raise ScoreError(f"{format_path(path)} is larger than {MAX_BYTES >> 20} MiB: it is no score")
        file = mido.MidiFile(path, clip=True)  # data bytes beyond 127 are limited, as players do
        if file.type == 2:
            raise ScoreError(f"{format_path(path)} is a MIDI file of type 2, whose tracks are separate pieces")
        if file.ticks_per_beat <= 0:
            raise ScoreError(f"{format_path(path)} counts time in frames, not in beats; only beats can be read")
        now = 0.0
        notes: list[tuple[float, int, int, bool]] = []
        for message in file:
            now += message.time
            if now > LONGEST:
                raise ScoreError(f"{format_path(path)} is longer than {LONGEST // 3600} hours")
            if message.type == "note_on" and message.velocity:
                notes.append((now, message.note, message.velocity, message.channel == PERCUSSION))
    except OSError as error:  # mido says so of files without the header of MIDI, too
        reason = describe_error(error) if error.errno else "it is no MIDI file, or damaged"
        raise ScoreError(f"{format_path(path)} cannot be read: {reason}") from error
    except (EOFError, ValueError, KeyError, IndexError, TypeError, OverflowError, LookupError) as error:
        raise ScoreError(f"{format_path(path)} cannot be read: it is no MIDI file, or damaged") from error
    if not notes:
        raise ScoreError(f"{format_path(path)} has no notes")
    onsets, pitches, velocities, is_drum = (np.array(column) for column in zip(*notes, strict=True))
    return Notes(onsets.astype(float), pitches, velocities, is_drum)
