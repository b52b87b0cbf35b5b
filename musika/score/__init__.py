"""Scores: notes, pedals, tempo and metre; MIDI files in and out. Times are seconds, and beats are kept beside them."""

from musika.score.looping import find_end_of_last_bar, repeat_score
from musika.score.midi import MAX_BYTES, find_midi, parse_midi, read_score
from musika.score.notes import NO_NOTES, NO_PEDALS, Notes, Pedals, find_ends, join_notes, join_pedals
from musika.score.packing import pack_score, unpack_score
from musika.score.score import Score
from musika.score.timing import NO_METRES, Metres, TempoMap, make_constant_tempo

__all__ = [
    "MAX_BYTES",
    "NO_METRES",
    "NO_NOTES",
    "NO_PEDALS",
    "Metres",
    "Notes",
    "Pedals",
    "Score",
    "TempoMap",
    "find_end_of_last_bar",
    "find_ends",
    "find_midi",
    "join_notes",
    "join_pedals",
    "make_constant_tempo",
    "pack_score",
    "parse_midi",
    "read_score",
    "repeat_score",
    "unpack_score",
]
