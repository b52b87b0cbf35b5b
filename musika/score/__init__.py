"""Scores: notes and MIDI files."""

from musika.score.midi import find_midi, read_notes
from musika.score.notes import Notes

__all__ = ["Notes", "find_midi", "read_notes"]
