"""Tracks: what is known about the music, on the latent grid, as functions of position."""

from musika.tracks.base import Track
from musika.tracks.dropout import choose_dropped_tracks, drop_tracks
from musika.tracks.families import DRUMS, FAMILIES, PITCHED, find_families, get_family, list_programs, select_family
from musika.tracks.kinds import TRACK_KINDS, TrackFacts, TrackKind, get_track_kinds, make_tracks
from musika.tracks.levels import read_levels
from musika.tracks.loudness import LoudnessTrack
from musika.tracks.notes import NotesTrack

__all__ = [
    "DRUMS",
    "FAMILIES",
    "PITCHED",
    "TRACK_KINDS",
    "LoudnessTrack",
    "NotesTrack",
    "Track",
    "TrackFacts",
    "TrackKind",
    "choose_dropped_tracks",
    "drop_tracks",
    "find_families",
    "get_family",
    "get_track_kinds",
    "list_programs",
    "make_tracks",
    "read_levels",
    "select_family",
]
