"""MIDI files in: times by the tempo map, and one line for every file that cannot be read."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from musika.errors import ScoreError
from musika.score import find_midi, read_notes

HEADER = b"MThd\x00\x00\x00\x06"


def write(path: Path, *messages: mido.Message | mido.MetaMessage, kind: int = 1) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def note(key: int, ticks: int, velocity: int = 80, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=key, velocity=velocity, time=ticks, channel=channel)


def test_onsets_follow_the_tempo_map(tmp_path: Path) -> None:
    slower = mido.MetaMessage("set_tempo", tempo=1_000_000, time=0)
    path = write(tmp_path / "a.mid", note(60, 480), note(60, 0, 0), slower, note(64, 480, 100, channel=9))
    notes = read_notes(path)
    np.testing.assert_allclose(notes.onsets, [0.5, 1.5])
    assert notes.pitches.tolist() == [60, 64] and notes.velocities.tolist() == [80, 100]
    assert notes.is_drum.tolist() == [False, True]
    assert len(notes.select(~notes.is_drum)) == 1


def test_tracks_are_read_together(tmp_path: Path) -> None:
    file = mido.MidiFile(type=1)
    for key in (60, 50):
        file.tracks.append(mido.MidiTrack([note(key, 480 * (key - 49))]))
    file.save(tmp_path / "two.mid")
    assert read_notes(tmp_path / "two.mid").pitches.tolist() == [50, 60]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "no MIDI file, or damaged"),
        (b"RIFF and more", "no MIDI file, or damaged"),
        (HEADER, "no MIDI file, or damaged"),
        (HEADER + b"\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x00\x20\x00\x90\x3c", "no MIDI file, or damaged"),
        (HEADER + b"\x00\x01\x00\x01\xe7\x28MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "counts time in frames"),
        (HEADER + b"\x00\x02\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "type 2"),
        (HEADER + b"\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "has no notes"),
    ],
)
def test_files_that_are_no_scores_are_one_line(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(ScoreError, match=part) as caught:
        read_notes(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_every_cut_of_a_file_is_notes_or_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mid", *(note(60 + k, 120) for k in range(20))).read_bytes()
    path = tmp_path / "cut.mid"
    outcomes = set()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            outcomes.add(len(read_notes(path)) > 0)
        except ScoreError as error:
            assert "\n" not in str(error)
            outcomes.add(False)
    assert False in outcomes


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.MID", "inner/a.midi", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert find_midi(tmp_path) == sorted([tmp_path / "b.MID", tmp_path / "inner" / "a.midi"])
    assert find_midi(tmp_path / "c.txt") == [tmp_path / "c.txt"]
    with pytest.raises(ScoreError, match="there is no folder"):
        find_midi(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScoreError, match="no MIDI files"):
        find_midi(tmp_path / "empty")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"none\.mid cannot be read: no such file"):
        read_notes(tmp_path / "none.mid")
