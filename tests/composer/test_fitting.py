"""What was asked for is exact in the notes: chords, register, dynamics, articulation; a given melody stays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from musika.composer.arranging import assign_programs
from musika.composer.chord_fitting import PASSING, fit_chords, list_chord_changes
from musika.composer.clock import SectionPlace
from musika.composer.fitting import (
    BAND_MARGIN,
    REGISTER_MARGIN,
    fit_articulation,
    fit_density,
    fit_key,
    fit_notes,
    fit_velocities,
)
from musika.composer.sections import SectionNotes
from musika.composer.vocabulary import HIGHEST, LOWEST, UNITS_PER_BEAT
from musika.config import MusicalSettings
from musika.config.musical import Progression, parse_key, parse_progression
from musika.score import Notes

BAR = 4 * UNITS_PER_BEAT


def make_notes(seed: int, bars: int = 8, count: int = 150) -> SectionNotes:
    """Random notes on a grid of sixteenths."""
    random = np.random.default_rng(seed)
    onsets = np.sort(random.integers(0, bars * BAR // 3, count)) * 3
    pitches = random.integers(LOWEST, HIGHEST + 1, count)
    order = np.lexsort((pitches, onsets))
    lengths = random.choice([3, 6, 12, 24, 60], count)
    return SectionNotes(onsets[order], lengths[order], pitches[order], random.integers(0, 8, count))


def measure_outside(notes: SectionNotes, chords: Progression, first_beat: float) -> float:
    """Share of the sounding time of long notes, and those on a beat, that is outside the chord."""
    outside = total = 0
    for onset, length, pitch in zip(notes.onsets, notes.durations, notes.pitches, strict=True):
        if length <= PASSING and onset % UNITS_PER_BEAT:
            continue
        for unit in range(int(onset), int(onset + length)):
            chord = chords.get_chord(first_beat + unit / UNITS_PER_BEAT, Fraction(4))
            total += 1
            outside += int(pitch) % 12 not in chord.pitch_classes
    return outside / total


@pytest.mark.parametrize("text", ["Am F C G", "Am:1 F:3 C*2 G7", "| Dm7 G7 | Cmaj7 | C/E |", "Ebm7b5:6 Bdim"])
@pytest.mark.parametrize("first_bar", [0, 8, 808])
def test_only_short_notes_off_the_beat_are_outside_the_chords(text: str, first_bar: int) -> None:
    chords = parse_progression(text)
    place = SectionPlace(first_bar * BAR, 0.0, BAR, 8 * BAR)
    for seed in range(3):
        fitted = fit_chords(make_notes(seed), chords, place, None)
        assert measure_outside(fitted, chords, 4.0 * first_bar) == 0.0
        assert fitted.pitches.min() >= LOWEST and fitted.pitches.max() <= HIGHEST and fitted.durations.min() >= 1
        assert (np.diff(fitted.onsets * 128 + fitted.pitches) > 0).all()


def test_passing_notes_stay_where_they_belong_to_the_key_and_the_chord_sounds() -> None:
    onsets, lengths = np.array([0, 0, 6, 18]), np.array([24, 24, 6, 6])
    notes = SectionNotes(onsets, lengths, np.array([48, 55, 62, 61]), np.full(4, 4))
    place = SectionPlace(0, 0.0, BAR, BAR)
    assert fit_chords(notes, parse_progression("C"), place, parse_key("C")).pitches.tolist() == [48, 55, 62, 60]
    assert fit_chords(notes, parse_progression("C"), place, None).pitches.tolist() == [48, 55, 60, 60]
    alone = notes.select(np.array([0, 2]))
    assert fit_chords(alone, parse_progression("C"), place, parse_key("C")).pitches.tolist() == [48, 60]


def test_a_named_bass_is_the_lowest_note() -> None:
    notes = SectionNotes(np.zeros(4, int), np.full(4, BAR), np.array([36, 52, 55, 60]), np.full(4, 4))
    fitted = fit_chords(notes, parse_progression("C/E"), SectionPlace(0, 0.0, BAR, BAR), None)
    assert fitted.pitches.tolist()[0] % 12 == 4 and set((fitted.pitches % 12).tolist()) <= {0, 4, 7}


def test_a_given_melody_keeps_its_notes() -> None:
    melody = SectionNotes(np.arange(8) * 12, np.full(8, 12), np.array([61, 66, 70, 61, 63, 66, 68, 61]), np.full(8, 5))
    mixed = make_notes(0, 2, 40)
    columns = [np.concatenate([getattr(n, name) for n in (mixed, melody)]) for name in ("onsets", "durations")]
    columns += [np.concatenate([getattr(n, name) for n in (mixed, melody)]) for name in ("pitches", "velocities")]
    order = np.lexsort((columns[2], columns[0]))
    notes = SectionNotes(*(column[order] for column in columns))
    settings = MusicalSettings(chords="C F", register="low")
    fitted = fit_notes(notes, settings, SectionPlace(0, 0.0, BAR, 2 * BAR), melody)
    rows = set(zip(fitted.onsets.tolist(), fitted.pitches.tolist(), fitted.durations.tolist(), strict=True))
    asked = set(zip(melody.onsets.tolist(), melody.pitches.tolist(), melody.durations.tolist(), strict=True))
    kept = {(onset, pitch) for onset, pitch, _ in rows}
    assert {(onset, pitch) for onset, pitch, _ in asked} <= kept


@pytest.mark.parametrize(("register", "low", "high"), [("low", 48, 48), ("high", 72, 72), ("low..mid", 48, 60)])
def test_the_register_is_met(register: str, low: float, high: float) -> None:
    settings = MusicalSettings(register=register)
    for seed in range(3):
        notes = make_notes(seed)
        notes = SectionNotes(notes.onsets, notes.durations, 55 + notes.pitches % 20, notes.velocities)
        fitted = fit_notes(notes, settings, SectionPlace(0, 0.0, BAR, 8 * BAR))
        assert low - REGISTER_MARGIN <= fitted.pitches.mean() <= high + REGISTER_MARGIN


def test_velocities_are_within_the_dynamics_of_their_time() -> None:
    band = MusicalSettings(dynamics="0:00=pp, 0:10=ff").dynamics_value
    assert band is not None
    fitted = fit_velocities(np.full(3, 64), np.array([0.0, 5.0, 10.0]), band)
    assert fitted[0] == 24 + BAND_MARGIN and fitted[1] == 64 and fitted[2] == 104 - BAND_MARGIN


def test_lengths_follow_the_articulation() -> None:
    notes = SectionNotes(np.array([0, 48, 60]), np.full(3, 10), np.array([60, 60, 62]), np.full(3, 4))
    seconds = np.array([0.0, 50.0, 100.0])
    assert fit_articulation(notes, seconds, MusicalSettings()) is notes
    short = fit_articulation(notes, seconds, MusicalSettings(articulation="staccato"))
    assert short.durations.tolist() == [4, 4, 4]
    changing = fit_articulation(notes, seconds, MusicalSettings(articulation="0:00=staccato, 0:50=legato"))
    assert changing.durations.tolist() == [4, 13, 13]
    near = SectionNotes(np.array([0, 11]), np.full(2, 10), np.array([60, 60]), np.full(2, 4))
    tied = fit_articulation(near, np.zeros(2), MusicalSettings(articulation="legato"), near.select(slice(1, 2)))
    assert tied.durations.tolist() == [11, 10]  # up to the next stroke; the given one as it was


def test_chord_changes_within_a_section() -> None:
    chords = parse_progression("Am:6 N.C.:2 F:8")
    place = SectionPlace(4 * UNITS_PER_BEAT, 0.0, BAR, 12 * UNITS_PER_BEAT)
    assert list_chord_changes(chords, place) == ([0.0, 24.0, 48.0], [True, False, True])


def test_instruments_share_the_notes_by_height() -> None:
    onsets = np.repeat([0.0, 1.0, 2.0], [3, 1, 1])
    pitches = np.array([40, 55, 72, 74, 38])
    notes = Notes(onsets, onsets + 1, pitches, np.full(5, 80), np.zeros(5), np.zeros(5))

    def assign(names: str) -> list[int]:
        return assign_programs(notes, MusicalSettings(instruments=names).instruments_value).tolist()

    assert assign("violin") == [40] * 5
    assert assign("flute, strings") == [48, 48, 73, 73, 48]
    assert assign("flute, piano, cello") == [42, 0, 73, 73, 42]


@pytest.mark.parametrize("name", ["C major", "F# minor", "Bb major"])
def test_the_key_is_met(name: str) -> None:
    key = parse_key(name)
    scale = np.array(sorted(parse_key("D major" if key.mode == "major" else "A minor").scale))
    random = np.random.default_rng(1)
    pitches = 48 + scale[random.choice(7, 80, p=[0.25, 0.1, 0.15, 0.1, 0.2, 0.1, 0.1])]
    notes = SectionNotes(np.arange(80) * 4, np.full(80, 12), pitches, np.full(80, 4))
    fitted = fit_key(notes, key, np.zeros(80, bool))
    assert np.isin(fitted.pitches % 12, list(key.usual_notes)).all()
    moved = (fitted.pitches - notes.pitches) % 12
    assert np.mean(moved == np.bincount(moved).argmax()) > 0.8  # transposed as a whole
    given = np.arange(80) % 2 == 0
    kept = fit_key(notes, key, given)
    pairs = set(zip(kept.onsets.tolist(), kept.pitches.tolist(), strict=True))
    assert set(zip(notes.onsets[given].tolist(), notes.pitches[given].tolist(), strict=True)) <= pairs


@pytest.mark.parametrize("count", [20, 60, 150, 260])
def test_the_density_is_met(count: int) -> None:
    notes = make_notes(2)
    given = np.arange(len(notes)) % 20 == 0
    fitted = fit_density(notes, count, given)
    assert count / 1.25 <= len(fitted) <= 1.12 * count
    pairs = set(zip(fitted.onsets.tolist(), fitted.pitches.tolist(), strict=True))
    assert set(zip(notes.onsets[given].tolist(), notes.pitches[given].tolist(), strict=True)) <= pairs
    assert (np.diff(fitted.onsets * 128 + fitted.pitches) >= 0).all() and fitted.durations.min() >= 1


def test_nothing_changes_where_nothing_is_asked() -> None:
    notes = make_notes(1)
    fitted = fit_notes(notes, MusicalSettings(tempo="90", key="C"), SectionPlace(0, 0.0, BAR, 8 * BAR))
    assert fitted is notes
