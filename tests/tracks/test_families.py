"""Families of instruments: each program has one."""

from __future__ import annotations

import numpy as np

from musika.score import Notes, Score
from musika.tracks import FAMILIES, find_families, get_family, list_programs, select_family


def test_every_program_has_one_family() -> None:
    programs = [program for family in FAMILIES if family != "drums" for program in list_programs(family)]
    assert sorted(programs) == list(range(128))
    known = {0: "piano", 12: "mallets", 19: "organ", 25: "guitar", 33: "bass", 48: "strings", 52: "choir", 61: "brass"}
    known |= {66: "winds", 73: "winds", 81: "synthesiser", 47: "mallets", 105: "guitar"}
    assert {program: get_family(program) for program in known} == known


def test_families_of_a_score() -> None:
    times = np.zeros(3)
    notes = Notes(times, times + 1, np.full(3, 60), np.full(3, 80), [40, 0, 0], [False, False, True])
    score = Score(notes)
    assert find_families(score) == ["piano", "strings", "drums"]
    assert [len(select_family(score, family).notes) for family in ("strings", "drums", "brass")] == [1, 1, 0]
