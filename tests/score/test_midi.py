"""MIDI files in: times by the tempo map, what channels do, and one line for every file that cannot be read."""

from __future__ import annotations

import struct
from pathlib import Path

import mido
import numpy as np
import pytest

from musika.errors import ScoreError
from musika.score import find_midi, read_score

HEADER = b"MThd\x00\x00\x00\x06"


def write(path: Path, *messages: mido.Message | mido.MetaMessage, kind: int = 1) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def write_bytes(path: Path, track: bytes, ticks_per_beat: int = 480) -> Path:
    """A file of type 0 with these bytes as its track."""
    head = HEADER + struct.pack(">HHH", 0, 1, ticks_per_beat) + b"MTrk" + struct.pack(">I", len(track))
    path.write_bytes(head + track)
    return path


def control(number: int, value: int, ticks: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=number, value=value, time=ticks, channel=channel)


def note(key: int, ticks: int, velocity: int = 80, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=key, velocity=velocity, time=ticks, channel=channel)


def test_onsets_follow_the_tempo_map(tmp_path: Path) -> None:
    slower = mido.MetaMessage("set_tempo", tempo=1_000_000, time=0)
    path = write(tmp_path / "a.mid", note(60, 480), note(60, 0, 0), slower, note(64, 480, 100, channel=9))
    notes = read_score(path).notes
    np.testing.assert_allclose(notes.onsets, [0.5, 1.5])
    assert notes.pitches.tolist() == [60, 64] and notes.velocities.tolist() == [80, 100]
    assert notes.is_drum.tolist() == [False, True]
    assert len(notes.select(~notes.is_drum)) == 1


def test_tracks_are_read_together(tmp_path: Path) -> None:
    file = mido.MidiFile(type=1)
    for key in (60, 50):
        file.tracks.append(mido.MidiTrack([note(key, 480 * (key - 49))]))
    file.save(tmp_path / "two.mid")
    assert read_score(tmp_path / "two.mid").notes.pitches.tolist() == [50, 60]


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
        read_score(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_every_cut_of_a_file_is_notes_or_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mid", *(note(60 + k, 120) for k in range(20))).read_bytes()
    path = tmp_path / "cut.mid"
    outcomes = set()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            outcomes.add(len(read_score(path).notes) > 0)
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
        read_score(tmp_path / "none.mid")


def test_keys_that_are_never_released_end_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", note(60, 0), note(64, 480), note(64, 480, 0), mido.MetaMessage("text", time=480))
    np.testing.assert_allclose(read_score(path).notes.releases, [1.5, 1.0])


def test_a_key_that_is_struck_again_ends_before(tmp_path: Path) -> None:
    notes = read_score(write(tmp_path / "a.mid", note(60, 0), note(60, 480, 100), note(60, 480, 0))).notes
    np.testing.assert_allclose(notes.onsets, [0.0, 0.5])
    np.testing.assert_allclose(notes.releases, [0.5, 1.0])
    doubled = read_score(write(tmp_path / "b.mid", note(60, 0, 50), note(60, 0, 90), note(60, 480, 0))).notes
    assert doubled.velocities.tolist() == [90] and doubled.releases.tolist() == [0.5]


def test_channels_have_programs_pedals_and_drums(tmp_path: Path) -> None:
    strings = mido.Message("program_change", program=48, channel=3)
    path = write(
        tmp_path / "a.mid", strings, control(64, 127), note(60, 0), note(62, 0, channel=3), note(38, 0, channel=9),
        control(64, 127, 120, channel=9), control(64, 40, 120), note(60, 240, 0),
    )  # fmt: skip
    score = read_score(path)
    assert dict(zip(score.notes.pitches, score.notes.programs, strict=True)) == {60: 0, 62: 48, 38: 0}
    assert score.notes.is_drum.sum() == 1 and score.remarks == ()
    np.testing.assert_allclose(score.pedals.times, [0, 0.25])
    np.testing.assert_allclose(score.pedals.values, [1, 40 / 127])
    assert score.pedals.programs.tolist() == [0, 0]


def test_volume_and_expression_scale_velocities(tmp_path: Path) -> None:
    messages = [control(7, 50), control(7, 100, channel=1), note(60, 0), note(60, 0, channel=1), control(11, 64, 480)]
    score = read_score(write(tmp_path / "a.mid", *messages, note(64, 0, 100)))
    assert score.notes.velocities.tolist() == [40, 80, 25]
    alone = read_score(write(tmp_path / "b.mid", control(7, 50), note(60, 0, 100), note(60, 9, 0)))
    assert alone.notes.velocities.tolist() == [100]


def test_all_notes_off_and_sostenuto(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", note(60, 0), control(66, 127, 480), control(123, 0), note(60, 480, 0))
    score = read_score(path)
    assert score.notes.releases.tolist() == [0.5]
    assert score.remarks == ("the sostenuto pedal is left out",)


def test_beats_and_metres(tmp_path: Path) -> None:
    waltz = mido.MetaMessage("time_signature", numerator=3, denominator=4, time=0)
    slower = mido.MetaMessage("set_tempo", tempo=1_000_000, time=480)
    still = mido.MetaMessage("set_tempo", tempo=0, time=0)
    score = read_score(write(tmp_path / "a.mid", waltz, slower, still, note(60, 0), note(64, 960), note(60, 960, 0)))
    assert score.beats.tolist() == [1, 3] and score.notes.onsets.tolist() == [0.5, 2.5]
    assert score.metres.numerators.tolist() == [3]
    assert score.metres.find_bars(7.0).tolist() == [0, 3, 6]


@pytest.mark.parametrize(
    ("track", "part"),
    [
        (b"\xff" * 100_000 + b"\x00\x90\x40\x40", "damaged"),  # a time of 700,000 bits
        (b"\xff" * 500 + b"\x00\x90\x40\x40", "damaged"),
        (b"\x00\xff\x59\x02\x70\x70" + b"\x00\x90\x40\x40", "damaged"),  # a key with 112 sharps
        (b"\xff\xff\xff\x7f\x90\x40\x40" * 10, "longer than 10 hours"),
        (b"\x00\x90\x40\x40" + b"\x00\x40\x40" * (5 << 19), "larger than 4 MiB"),
        (
            b"\x00\x90\x40\x40" + b"".join(bytes([1, key, 64]) for key in range(40)) * 300,
            "notes begin within one second",
        ),
    ],
)
def test_hostile_files_are_one_line(tmp_path: Path, track: bytes, part: str) -> None:
    path = write_bytes(tmp_path / "a.mid", track, 32_767)
    with pytest.raises(ScoreError, match=part) as caught:
        read_score(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_ten_hours_are_read(tmp_path: Path) -> None:
    score = read_score(write(tmp_path / "a.mid", note(60, 0), note(60, 10 * 3600 * 960, 0)))
    assert score.duration == 36_000


def test_changed_bytes_give_a_score_or_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mid", *(note(60 + k % 9, 120, 80 * (k % 2)) for k in range(40))).read_bytes()
    path, outcomes = tmp_path / "changed.mid", set()
    for place in range(len(whole)):
        for bit in (1, 8, 128):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                outcomes.add(len(read_score(path).notes) > 0)
            except ScoreError as error:
                assert "\n" not in str(error)
                outcomes.add(False)
    assert outcomes == {False, True}


def test_drums_alone_are_a_score(tmp_path: Path) -> None:
    score = read_score(write(tmp_path / "a.mid", note(36, 0, channel=9), note(42, 240, channel=9)))
    assert score.notes.is_drum.all() and score.notes.pitches.tolist() == [36, 42]
    assert score.duration == 0.25 and len(score.pedals) == 0


def test_pitches_beyond_a_piano_are_kept(tmp_path: Path) -> None:
    score = read_score(write(tmp_path / "a.mid", note(0, 0), note(127, 0), note(0, 480, 0)))
    assert score.notes.pitches.tolist() == [0, 127]


def test_beats_and_bars_of_a_hostile_file_can_be_counted(tmp_path: Path) -> None:
    tempo = mido.MetaMessage("set_tempo", tempo=1, time=0)
    metre = mido.MetaMessage("time_signature", numerator=1, denominator=1 << 15, time=0)
    score = read_score(write(tmp_path / "a.mid", tempo, metre, note(60, 0), note(60, 480 * 1000, 0)))
    assert score.duration == pytest.approx(6.0)
    assert len(score.metres) == 0 and len(score.metres.find_bars(float(score.tempo.to_beats(6.0)))) == 251
