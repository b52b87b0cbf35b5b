"""All kinds of tracks by name. A checkpoint lists the names of the tracks that it was trained with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from musika.config import require
from musika.score import Score
from musika.tracks.base import Track
from musika.tracks.families import FAMILIES
from musika.tracks.loudness import LoudnessTrack
from musika.tracks.notes import WIDTH, NotesTrack, make_absent


@dataclasses.dataclass(frozen=True)
class TrackFacts:
    """What is known about a piece, from which tracks are computed.

    Attributes:
        score: its notes.
        seconds_per_latent: the grid; 4096 / 44100 with our codec.
        level: how loud it is for its notes, dB; None where it is not known.
    """

    score: Score
    seconds_per_latent: float
    level: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TrackKind:
    """A kind of track.

    Attributes:
        width: K, numbers for each latent.
        absent: what it says where nothing is known, float32 `[K]`.
        make: computes the track of a piece from what is known about it.
    """

    width: int
    absent: np.ndarray
    make: Callable[[TrackFacts], Track]


def _make_notes_kind(family: str | None) -> TrackKind:
    return TrackKind(WIDTH, make_absent(), lambda facts: NotesTrack(facts.score, facts.seconds_per_latent, family))


TRACK_KINDS: dict[str, TrackKind] = {
    "notes": _make_notes_kind(None),
    **{f"notes/{family}": _make_notes_kind(family) for family in FAMILIES},
    "loudness": TrackKind(1, np.zeros(1, np.float32), lambda facts: LoudnessTrack(facts.level)),
}


def get_track_kinds(names: Sequence[str]) -> list[TrackKind]:
    """The kinds of some names.

    Raises:
        ConfigError: there is no such kind, or a name comes twice.
    """
    for name in names:
        require(name in TRACK_KINDS, f"there is no track {name!r}; there are {', '.join(TRACK_KINDS)}")
    require(len(set(names)) == len(names), f"tracks {', '.join(names)}: each may be named once")
    return [TRACK_KINDS[name] for name in names]


def make_tracks(
    names: Sequence[str], score: Score, seconds_per_latent: float, level: float | None = None
) -> tuple[Track, ...]:
    """The tracks of a piece, in the order of the names.

    Args:
        names: of kinds.
        score: of the piece.
        seconds_per_latent: the latent grid.
        level: how loud the recording is for its notes, dB (see `LoudnessTrack`); None where it is not known.

    Raises:
        ConfigError: there is no such kind, or a name comes twice.
    """
    facts = TrackFacts(score, seconds_per_latent, level)
    return tuple(kind.make(facts) for kind in get_track_kinds(names))
