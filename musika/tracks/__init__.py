"""Tracks: what is known about the music, on the latent grid, as functions of position."""

from musika.tracks.base import Track
from musika.tracks.dropout import choose_dropped, drop_tracks
from musika.tracks.families import DRUMS, FAMILIES, PITCHED, find_families, get_family, list_programs, select_family
from musika.tracks.kinds import KINDS, Facts, Kind, get_kinds, make_tracks
from musika.tracks.levels import read_levels
from musika.tracks.loudness import LoudnessTrack
from musika.tracks.notes import NotesTrack

__all__ = [
    "DRUMS",
    "FAMILIES",
    "KINDS",
    "PITCHED",
    "Facts",
    "Kind",
    "LoudnessTrack",
    "NotesTrack",
    "Track",
    "choose_dropped",
    "drop_tracks",
    "find_families",
    "get_family",
    "get_kinds",
    "list_programs",
    "make_tracks",
    "read_levels",
    "select_family",
]
