"""Musical settings: what texts mean, what cannot be met together, and values as functions of position."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.config import MusicalSettings
from musika.config.musical import Curve, parse_chord, parse_key, parse_progression, parse_time, read_curve
from musika.config.musical.chords import KINDS
from musika.config.musical.curves import format_time
from musika.config.musical.instruments import FAMILIES, PROGRAMS, find_instrument, list_names
from musika.config.musical.keys import get_pitch_class
from musika.config.musical.levels import DYNAMICS, get_density, get_notes_per_beat
from musika.errors import ConfigError

# what a person writes, and the one form that is kept
TEXTS = [
    ("tempo", "124", "124"),
    ("tempo", "124 BPM", "124"),
    ("tempo", "0:00=90, 1:00=120", "0:00=90, 1:00=120"),
    ("tempo", "0=90; 60s=120;1:00:00=60", "0:00=90, 1:00=120, 1:00:00=60"),
    ("metre", " 3 / 4 ", "3/4"),
    ("key", "f# minor", "F# minor"),
    ("key", "Bb", "Bb major"),
    ("key", "Am", "A minor"),
    ("key", "b flat min", "Bb minor"),
    ("key", "E♭ Dur", "Eb major"),
    ("key", "0:00=Am, 1:00=C", "0:00=A minor, 1:00=C major"),
    ("mode", "Moll", "minor"),
    ("chords", "Am F C G", "Am F C G"),
    ("chords", "am, F-C-G", "Am F C G"),
    ("chords", "Am - F - C - G", "Am F C G"),
    ("chords", "| Dm7 G7 | CM7 | % |", "Dm7*1/2 G7*1/2 Cmaj7 Cmaj7"),
    ("chords", "Am:2 F:1.5 C*2 C/E Bø N.C.", "Am:2 F:3/2 C*2 C/E Bm7b5 N.C."),
    ("form", "a a b a", "AABA"),
    ("density", "0.7", "0.7"),
    ("density", "0:00=sparse, 2:00=dense", "0:00=sparse, 2:00=dense"),
    ("dynamics", "pp..ff", "pp..ff"),
    ("dynamics", "0:00=pp, 1:00=ff", "0:00=pp, 1:00=ff"),
    ("register", "LOW", "low"),
    ("register", "low..67", "low..67"),
    ("articulation", "staccato", "staccato"),
    ("instruments", "Piano and violins, sax", "piano, violin, alto saxophone"),
]
WRONG = [
    ("tempo", "fast", "'fast' is not understood: say beats a minute from 30 to 300"),
    ("tempo", "29", "out of range"),
    ("tempo", "301", "out of range"),
    ("tempo", "nan", "out of range"),
    ("tempo", "0:00=90, 120", "'120' has no time: say 0:00=120"),
    ("tempo", "1:00=90, 0:00=120", "times must ascend"),
    ("tempo", "1:xx=90", "'1:xx' is no time"),
    ("tempo", "0:75=90", "'0:75' is no time"),
    ("tempo", "7:60:00=90", "'7:60:00' is no time"),
    ("tempo", "101:00:00=90", "beyond 100 hours"),
    ("metre", "3/5", "no metre: say beats"),
    ("metre", "waltz", "no metre"),
    ("metre", "0/4", "no metre"),
    ("key", "H minor", "no key: say a note and major or minor"),
    ("key", "C dorian", "no key"),
    ("key", "CM", "no key"),
    ("mode", "sad", "say major or minor"),
    ("chords", "Am X", "'X' is no chord: say a root and a kind"),
    ("chords", "Am Ffoo", "'Ffoo' is no chord"),
    ("chords", "Am:0", "more than 0"),
    ("chords", "Am:x", "'x' is no length"),
    ("chords", "Am:1/0", "no length"),
    ("chords", "% Am", "repeats the chord before it"),
    ("chords", "||", "no chord"),
    ("chords", "C " * 300, "too many"),
    ("form", "A1B", "no form"),
    ("form", "A" * 65, "too many"),
    ("density", "much", "say sparse, medium, dense or a number from 0 to 1"),
    ("dynamics", "ff..pp", "say the lower one first, such as pp..ff"),
    ("register", "soprano", "say low, mid, high"),
    ("articulation", "3", "out of range"),
    ("instruments", "pianno", "did you mean piano?"),
    ("instruments", "xyzzy", "say some of piano"),
    ("instruments", ",", "names none"),
]
TOGETHER = [
    ({"key": "C major", "chords": "F# B"}, "the chords F#, B have notes outside C major"),
    ({"key": "C major", "mode": "minor"}, "the key C major is not in minor"),
    ({"key": "0:00=C, 1:00=D", "chords": "C G"}, "chords that repeat stay in one key"),
]


@pytest.mark.parametrize(("name", "text", "kept"), TEXTS)
def test_texts_are_understood_and_kept_in_one_form(name: str, text: str, kept: str) -> None:
    asked = MusicalSettings(**{name: text})
    assert getattr(asked, name) == kept and asked.get_given() == {name: kept}
    assert MusicalSettings(**{name: kept}) == asked == MusicalSettings.from_dict(asked.to_dict())


@pytest.mark.parametrize(("name", "text", "message"), WRONG)
def test_a_text_that_means_nothing_says_what_would_be_understood(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as failure:
        MusicalSettings(**{name: text})
    assert message in str(failure.value) and str(failure.value).startswith(name) and failure.value.about == name
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(("asked", "message"), TOGETHER)
def test_what_cannot_be_met_together_is_refused_with_the_reason(asked: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MusicalSettings(**asked)


def test_chords_may_leave_a_key_for_a_while() -> None:
    for key, chords in (("A minor", "Am F C E7"), ("C major", "C A7 Dm G7")):
        settings = MusicalSettings(key=key, chords=chords)
        assert settings.get_given() == {"key": key, "chords": chords}


def test_numbers_are_texts_too() -> None:
    assert MusicalSettings.from_dict({"tempo": 124, "density": 0.25}).get_given() == {"tempo": "124", "density": "0.25"}
    with pytest.raises(ConfigError):
        MusicalSettings.from_dict({"tempo": True})


def test_settings_that_are_left_open_come_from_others() -> None:
    words = MusicalSettings(tempo="60", key="A minor", dynamics="pp")
    assert MusicalSettings(tempo="90").merge(words).get_given() == {"tempo": "90", "key": "A minor", "dynamics": "pp"}
    assert MusicalSettings(chords="C G").merge(words).get_given() == {"tempo": "60", "chords": "C G", "dynamics": "pp"}


POINTS = st.lists(
    st.tuples(st.integers(0, 3600), st.integers(30, 300)), min_size=1, max_size=8, unique_by=lambda point: point[0]
).map(lambda points: Curve(tuple((float(time), float(value)) for time, value in sorted(points))))


@settings(max_examples=100, deadline=None)
@given(POINTS, st.floats(0, 8000))
def test_a_tempo_curve_says_beats_and_seconds_in_closed_form(curve: Curve, second: float) -> None:
    beats = curve.scale(1 / 60)
    assert beats.find_second(beats.integrate(second)) == pytest.approx(second, abs=1e-6)
    step = 1e-3
    slope = (beats.integrate(second + step) - beats.integrate(second)) / step
    assert slope == pytest.approx(beats.get_value(second + step / 2), abs=0.15)
    assert beats.integrate(0.0) == pytest.approx(0.0, abs=1e-9)


def test_a_curve_is_constant_outside_its_points_and_may_jump() -> None:
    curve = Curve(((10.0, 60.0), (20.0, 120.0), (20.0, 30.0)))
    values = [curve.get_value(second) for second in (0.0, 10.0, 15.0, 19.999, 20.0, 1e6)]
    assert values == [60.0, 60.0, 90.0, pytest.approx(119.994), 30.0, 30.0]


@given(st.integers(0, 360_000_000))
def test_times_are_exact_to_the_millisecond(milliseconds: int) -> None:
    assert round(parse_time(format_time(milliseconds / 1000)) * 1000) == milliseconds


def test_chords_repeat_over_any_length() -> None:
    chords = parse_progression("Am F:2 | C*2 | G")
    bar = Fraction(4)
    assert chords.get_length(bar) == 2 + 2 + 8 + 4
    names = [str(chords.get_chord(beat, bar)) for beat in (0, 1.99, 2, 4, 11.9, 12, 16, 1_600_000, 1_600_002)]
    assert names == ["Am", "Am", "F", "C", "C", "G", "Am", "Am", "F"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chord_is_read_back(kind: str) -> None:
    chord = parse_chord(f"F#{kind}")
    assert (chord.root, chord.kind) == ("F#", kind) and parse_chord(str(chord)) == chord
    assert chord.pitch_classes == {(6 + step) % 12 for step in KINDS[kind]}


def test_notes_of_keys_and_chords() -> None:
    assert parse_key("A minor").scale == parse_key("C").scale == {0, 2, 4, 5, 7, 9, 11}
    assert parse_chord("C/E").bass_class == 4 and parse_chord("C/D").pitch_classes == {0, 2, 4, 7}
    assert parse_chord("CM7") != parse_chord("Cm7")
    assert [get_pitch_class(note) for note in ("Cb", "B#", "F#", "Gb")] == [11, 0, 6, 6]


@pytest.mark.parametrize("name", list_names())
def test_every_name_of_an_instrument_is_one(name: str) -> None:
    instrument = find_instrument(name)
    assert instrument is not None and 0 <= instrument.program <= 127
    assert find_instrument(str(instrument)) == instrument


def test_programs_are_those_of_general_midi() -> None:
    assert len(PROGRAMS) == 128 and len(set(PROGRAMS)) == 128
    places = {"grand piano": 0, "violin": 40, "string ensemble": 48, "trumpet": 56, "flute": 73, "gunshot": 127}
    assert {name: PROGRAMS.index(name) for name in places} == places
    assert all(find_instrument(family).program == program for family, program in FAMILIES.items())  # type: ignore[union-attr]


@given(st.floats(0, 1))
def test_density_counts_notes(density: float) -> None:
    assert get_density(get_notes_per_beat(density)) == pytest.approx(density, abs=1e-9)


def test_dynamics_are_velocities() -> None:
    assert [round(127 * level) for level in DYNAMICS.values()] == [8, 24, 40, 56, 72, 88, 104, 120]
    band = MusicalSettings(dynamics="0:00=pp..mp, 1:00=f").dynamics_value
    assert band is not None and not band.is_single
    assert band.get_value(0, 0) == DYNAMICS["pp"] and band.get_value(0, 1) == DYNAMICS["mp"]
    assert band.get_middle(60) == DYNAMICS["f"]


def test_a_curve_from_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "tempo.csv"
    path.write_text("\ufefftime,tempo\n0,90\n1:30,120\n")
    assert MusicalSettings(tempo=read_curve(path)).tempo == "0:00=90, 1:30=120"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no times"),
        (b"time,tempo\n", "no times"),
        (b"0,90\n1\n", "'1' is not a time and a value"),
        (b"0,90,3\n", "not a time and a value"),
        (b"\xff\xfe\x00", "no CSV file"),
        (b"0,90\n" * 2000, "2000 times"),
        (b"0" * (1 << 21), "larger than"),
    ],
)
def test_a_file_that_is_no_curve(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_curve(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_curve(tmp_path / "none.csv")
