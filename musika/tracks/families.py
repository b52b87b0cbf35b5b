"""Families of instruments: which programs of General MIDI sound alike enough to share a track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from musika.score import NO_PEDALS, Score

DRUMS = "drums"
# programs of General MIDI, counted from 0. Harps and zithers are plucked; timpani and steel drums have a pitch.
_PROGRAMS: dict[str, tuple[range, ...]] = {
    "piano": (range(0, 8),),
    "mallets": (range(8, 16), range(47, 48), range(108, 109), range(112, 120)),
    "organ": (range(16, 24),),
    "guitar": (range(24, 32), range(46, 47), range(104, 108)),
    "bass": (range(32, 40),),
    "strings": (range(40, 46), range(48, 52), range(55, 56), range(110, 111)),
    "choir": (range(52, 55),),
    "brass": (range(56, 64),),
    "winds": (range(64, 80), range(109, 110), range(111, 112)),  # reeds and pipes
    "synthesiser": (range(80, 104), range(120, 128)),
}
PITCHED = tuple(_PROGRAMS)
FAMILIES = (*PITCHED, DRUMS)


def _index_programs() -> np.ndarray:
    indices = np.full(128, -1)
    for number, ranges in enumerate(_PROGRAMS.values()):
        for programs in ranges:
            indices[list(programs)] = number
    return indices


_FAMILY_OF_PROGRAM = _index_programs()


def get_family(program: int) -> str:
    """The family of a program, 0 to 127, that is not on the percussion channel."""
    return PITCHED[_FAMILY_OF_PROGRAM[program]]


def list_programs(family: str) -> list[int]:
    """The programs of a family of pitched instruments, ascending."""
    return np.flatnonzero(PITCHED.index(family) == _FAMILY_OF_PROGRAM).tolist()


def find_families(score: Score) -> list[str]:
    """The families that play in a score, in the order of FAMILIES."""
    notes = score.notes
    playing = {PITCHED[number] for number in np.unique(_FAMILY_OF_PROGRAM[notes.programs[~notes.is_drum]])}
    return [family for family in FAMILIES if family in playing or (family == DRUMS and notes.is_drum.any())]


def select_family(score: Score, family: str) -> Score:
    """The score of one family alone, with its pedals. Drums have none."""
    notes, pedals = score.notes, score.pedals
    if family == DRUMS:
        return replace(score, notes=notes.select(notes.is_drum), pedals=NO_PEDALS)
    number = PITCHED.index(family)
    notes = notes.select(~notes.is_drum & (_FAMILY_OF_PROGRAM[notes.programs] == number))
    return replace(score, notes=notes, pedals=pedals.select(_FAMILY_OF_PROGRAM[pedals.programs] == number))
