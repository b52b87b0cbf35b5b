"""`tools/vary_midi.py`: the same pieces in other keys, at other speeds, with another touch."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np

from musika.score import read_score
from musika.tracks import get_family
from tests.helpers.tools import run_module
from tools.common.variation import Take, vary_score

MODULE = "tools.vary_midi"


def write_song(path: Path) -> None:
    """Eight notes of half a second on a harpsichord, one of them too high to go up, and a drum."""
    track = mido.MidiTrack([mido.Message("program_change", program=6)])
    for note in (60, 62, 64, 65, 67, 69, 71, 108):
        track.append(mido.Message("note_on", note=note, velocity=64, time=0))
        track.append(mido.Message("note_off", note=note, time=480))
    track.append(mido.Message("note_on", note=40, velocity=100, channel=9, time=0))
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)


def list_notes(path: Path) -> list[tuple[float, int, int]]:
    """(seconds, key, velocity) of each note that begins."""
    found, now = [], 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            found.append((now, message.note, message.velocity))
    return found


def test_takes_differ_in_key_and_speed_alone(tmp_path: Path) -> None:
    source = tmp_path / "in" / "sub"
    source.mkdir(parents=True)
    write_song(source / "a.mid")
    (source / "b.mid").write_text("no music")
    made = run_module(MODULE, tmp_path / "in", tmp_path / "out", "--takes", 4, "--semitones", 1, "--tempo", 0.2)
    assert made.returncode == 1 and "b.mid" in made.stderr and "Traceback" not in made.stderr
    names = ["a_0+0.mid", "a_1+1.mid", "a_2-1.mid", "a_3+0.mid"]
    assert sorted(path.name for path in (tmp_path / "out" / "sub").iterdir()) == names
    own = list_notes(source / "a.mid")[:8]  # without the drum
    speeds = []
    for name, key in zip(names, (0, 1, -1, 0), strict=True):
        path = tmp_path / "out" / "sub" / name
        kept = [note for note in own if note[1] + key <= 108]
        played = list_notes(path)
        assert [note[1:] for note in played] == [(note + key, velocity) for _, note, velocity in kept]
        speeds.append(kept[-1][0] / played[-1][0])
        np.testing.assert_allclose([n[0] for n in played], [n[0] / speeds[-1] for n in kept], atol=2e-3)
        assert [m.program for m in mido.MidiFile(path) if m.type == "program_change"] == [0]
        assert sum(m.type == "set_tempo" for m in mido.MidiFile(path)) == 1
    assert abs(speeds[0] - 1) < 1e-3 and all(1 / 1.21 < speed < 1.21 for speed in speeds)
    assert len({round(speed, 3) for speed in speeds}) == 4
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "sub").iterdir()}
    run_module(MODULE, tmp_path / "in", tmp_path / "out", "--takes", 4, "--semitones", 1, "--tempo", 0.2)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out" / "sub").iterdir()}


def test_a_touch_moves_loudness_and_time_a_little(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_song(tmp_path / "in" / "a.mid")
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", "--takes", 1, "--touch", 20).returncode == 0
    own, played = list_notes(tmp_path / "in" / "a.mid")[:8], list_notes(tmp_path / "out" / "a_0+0.mid")
    moved = np.array([b[0] - a[0] for a, b in zip(own, played, strict=True)])
    louder = np.array([b[2] - a[2] for a, b in zip(own, played, strict=True)])
    assert 0 < np.abs(moved).max() <= 0.016
    assert 0 < np.abs(louder).max() <= 24 and len(set(louder)) > 3


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for words, message in (
        ([tmp_path / "in", tmp_path / "out"], "there are no MIDI files (.mid) in"),
        ([tmp_path / "in", tmp_path / "in" / "out"], "lies in"),
        ([tmp_path / "in", tmp_path / "out", "--takes", 0], "--takes: 0 must be at least 1"),
    ):
        said = run_module(MODULE, *words)
        assert said.returncode == 2 and message in said.stderr and said.stderr.count("\n") == 1


def test_instruments_and_drums_can_stay(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_song(tmp_path / "in" / "a.mid")
    words = ("--takes", 2, "--semitones", 1, "--instruments", "keep")
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", *words).returncode == 0
    score = read_score(tmp_path / "out" / "a_1+1.mid")
    assert set(score.notes.programs[~score.notes.is_drum]) == {6}
    assert score.notes.pitches[score.notes.is_drum].tolist() == [40]  # a drum stays that drum
    assert score.notes.pitches[0] == 61


def test_drums_alone_leave_nothing_for_a_piano(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("note_on", note=40, channel=9)])]).save(
        tmp_path / "in" / "a.mid"
    )
    made = run_module(MODULE, tmp_path / "in", tmp_path / "out")
    assert made.returncode == 1 and "a.mid: no note is left" in made.stderr and not (tmp_path / "out").exists()
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", "--instruments", "keep").returncode == 0


def test_a_family_plays_within_its_range(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_song(tmp_path / "in" / "a.mid")
    words = ("--takes", 3, "--semitones", 2, "--instruments", "bass")
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", *words).returncode == 0
    programs = set()
    for path in sorted((tmp_path / "out").iterdir()):
        notes = read_score(path).notes
        assert not notes.is_drum.any() and notes.pitches.min() >= 24 and notes.pitches.max() <= 67
        assert {get_family(program) for program in notes.programs} == {"bass"}
        programs |= set(notes.programs)
    own = read_score(tmp_path / "in" / "a.mid").notes.select(slice(0, 8)).pitches
    first = read_score(tmp_path / "out" / "a_0+0.mid").notes.pitches
    np.testing.assert_array_equal(first % 12, own % 12)
    assert len(programs) > 1


def test_a_pedal_is_added_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_song(tmp_path / "in" / "a.mid")
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", "--takes", 1, "--pedal", 1).returncode == 0
    score = read_score(tmp_path / "out" / "a_0+0.mid")
    assert (score.pedals.values > 0).any() and (score.pedals.values == 0).any()
    again = vary_score(score, Take(0, 1.0, 0.0, pedal=True, seed=1))
    np.testing.assert_array_equal(again.pedals.values, score.pedals.values)  # it has one
