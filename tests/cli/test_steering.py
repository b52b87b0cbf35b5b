"""What is asked of composed music on the command line: what wins, what is said, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from musika.cli import steering
from musika.cli.flags import parse_generate
from musika.config import MusicalSettings
from musika.errors import MusikaError, UsageError
from musika.score import Notes, Score, make_constant_tempo
from musika.words import report
from tests.helpers import tiny

PIANO = Path(__file__).parents[2] / "checkpoints" / "piano"


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    """Five notes of C major in 3/4 at 96, as a MIDI file."""
    onsets = np.arange(5) * 60 / 96
    notes = Notes(onsets, onsets + 0.5, np.array([60, 64, 67, 65, 60]), np.full(5, 80), np.zeros(5), np.zeros(5))
    return Score(notes, tempo=make_constant_tempo(96)).save(tmp_path / "tune.mid")


def read(*words: str) -> steering.Steering:
    return steering.read_steering(parse_generate([*words]))


def test_nothing_is_asked_unless_something_is_written() -> None:
    assert read("--seed", "1").is_empty


def test_flags_win_over_words() -> None:
    found = read("--prompt", "slow sad piano in A minor", "--tempo", "124", "--key", "F# minor")
    assert found.settings.tempo == "124" and found.settings.key == "F# minor"
    assert found.settings.instruments == "piano" and found.settings.dynamics
    assert found.lines[0].startswith("prompt: tempo 64, A minor, ")


def test_what_was_not_understood_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_folder", lambda: None)
    monkeypatch.setattr(steering, "find_folder", lambda: None)
    found = read("--prompt", "slow grumbuzzle")
    assert found.lines[1].startswith("not understood: grumbuzzle; words are looked up in a table, pip install")


def test_a_curve_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "tempo.csv").write_text("0,90\n60,120\n")
    assert read("--tempo", str(tmp_path / "tempo.csv")).settings.tempo == "0:00=90, 1:00=120"


def test_a_melody_brings_its_tempo_key_and_metre(tune: Path) -> None:
    found = read("--melody", str(tune))
    assert found.melody is not None and found.melody.notes.pitches.tolist() == [60, 64, 67, 65, 60]
    assert found.settings.tempo == "96" and found.settings.key == "C major"
    assert found.lines[0].startswith("melody of tune.mid: 5 notes, tempo 96")
    assert read("--melody", str(tune), "--tempo", "60").settings.tempo == "60"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tempo", "fast"], "tempo: 'fast' is not understood: say beats a minute from 30 to 300"),
        (["--tempo", "301"], "out of range"),
        (["--tempo", "none.csv"], "none.csv cannot be read"),
        (["--key", "H"], "key: 'H' is no key: say a note and major or minor"),
        (["--chords", "Am X"], "chords: 'X' is no chord"),
        (["--metre", "3/5"], "no metre"),
        (["--key", "C", "--chords", "F# B"], "have notes outside C major"),
        (["--chords", "Am", "--harmony_of", "song.wav"], "--chords and --harmony_of both say the chords"),
        (["--melody", "TUNE", "--key", "F# major"], "the melody, which keeps its notes, is in C major"),
        (["--prompt", "asdf"], "says nothing that is understood: say how fast"),
        (["--melody", "none.mid"], "cannot be read"),
        (["--like_audio", "none.wav"], "none.wav"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str, tune: Path) -> None:
    with pytest.raises(MusikaError) as failure:
        read(*(str(tune) if word == "TUNE" else word for word in words))
    assert message in str(failure.value) and "\n" not in str(failure.value)


def test_a_model_without_notes_cannot_follow() -> None:
    model, options = tiny.make_model(tiny.SMALL), parse_generate(["--tempo", "90", "--key", "C"])
    with pytest.raises(UsageError, match=r"writes no notes, so it cannot follow .* \(tempo, key\)"):
        steering.fit_to_model(read("--tempo", "90", "--key", "C"), model, options)
    assert steering.fit_to_model(steering.Steering(), model, options).is_empty


def test_a_model_without_notes_follows_the_style_that_words_choose() -> None:
    model, options = tiny.make_model(tiny.SMALL), parse_generate([])
    asked = steering.Steering(MusicalSettings(tempo="64"), style=5)
    fitted = steering.fit_to_model(asked, model, options)
    assert fitted.get_arguments() == {"style_seed": 5}
    assert fitted.lines[-1].endswith("writes no notes: only the style is followed, not tempo")
    with pytest.raises(UsageError, match=r"\(tempo\)"):
        steering.fit_to_model(dataclasses.replace(asked, required=frozenset({"tempo"})), model, options)
    written = steering.fit_to_model(steering.Steering(style=5), model, parse_generate(["--style_seed", "3"]))
    assert written.style is None, "flags win"


def test_words_choose_one_of_two_pianos() -> None:
    found = read("--prompt", "dark sound", "--load_path", str(PIANO))
    assert found.style == 2 and found.lines[0] == "prompt: dark sound, style 2"


def test_an_empty_flag_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="--tempo is empty"):
        read("--tempo", "")
