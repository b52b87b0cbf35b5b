"""Playing MIDI files from the command line: `play`, and `generate --midi`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musika import audio, render
from musika.__main__ import main
from musika.codec.load import load_codec
from musika.score import Notes, Score
from tests.helpers import tiny
from tests.helpers.processes import ThreadWorkers

SECONDS = 1.25 + 3.0  # the last note ends, and rings


def write_song(path: Path, pitch: int = 60, drums: bool = False) -> Path:
    onsets = np.array([0.0, 0.5, 1.0])
    one = np.ones(3, int)
    Score(Notes(onsets, onsets + 0.25, pitch * one, 80 * one, 0 * one, np.full(3, drums))).save(path)
    return path


@pytest.fixture(scope="module")
def performer(shipped: Path) -> Path:
    return tiny.write_performer(shipped / "performer", load_codec(shipped / "ae").identity)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path / "song.mid")


def refuse(capsys: pytest.CaptureFixture[str], verb: str, *words: object) -> str:
    """What a command says that is refused, one line."""
    assert main(verb, [str(word) for word in words]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line.lower()]
    return line


def test_play_writes_the_song_and_its_tail(performer: Path, song: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "out" / "song.wav"
    assert main("play", [str(song), str(target), "--load_path", str(performer)]) == 0
    assert abs(audio.read(target).shape[0] / 44_100 - SECONDS) < 0.01
    shorter = [str(song), str(target), "--load_path", str(performer), "--seconds", "1", "--bits", "24"]
    assert main("play", shorter) == 0
    assert len(audio.read(target)) > len(audio.read(target.with_name("song-2.wav"))) == 44_100
    assert "holds a longer version of this piece" in capsys.readouterr().out


def test_a_start_and_a_length_give_the_same_samples(performer: Path, song: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.flac", tmp_path / "part.flac"
    words = ["--load_path", str(performer), "--seed", "3"]
    assert main("play", [str(song), str(whole), *words]) == 0
    assert main("play", [str(song), str(part), *words, "--start", "1.5", "--seconds", "0.75"]) == 0
    first = round(1.5 * 44_100)
    # files of 16 bits have dither, one step of it
    np.testing.assert_allclose(audio.read(part), audio.read(whole)[first : first + 33_075], atol=2.5 / 32_768)


def test_generate_plays_several_files_in_several_seeds(performer: Path, song: Path, tmp_path: Path) -> None:
    other = write_song(tmp_path / "other.mid", 70)
    words = ["--midi", str(song), "--midi", str(other), "--load_path", str(performer), "--save_path", str(tmp_path)]
    assert main("generate", [*words, "--seed", "5", "--num_samples", "2", "--seconds", "0.5", "--format", "flac"]) == 0
    names = sorted(path.name for path in tmp_path.glob("*.flac"))
    assert names == [f"{name}-seed-{seed}.flac" for name in ("other", "song") for seed in (5, 6)]
    assert all(len(audio.read(tmp_path / name)) == 22_050 for name in names)


def test_several_processes_play_the_same(
    performer: Path, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--midi", str(song), "--load_path", str(performer), "--seed", "5", "--seconds", "30"]
    assert main("generate", [*words, "--save_path", str(tmp_path / "alone")]) == 0
    started: list[ThreadWorkers] = []

    def start(load: Callable[[], render.Model], count: int) -> ThreadWorkers:
        started.append(ThreadWorkers(load, count))
        return started[0]

    monkeypatch.setattr(render, "Workers", start)
    assert main("generate", [*words, "--save_path", str(tmp_path / "helped"), "--jobs", "2"]) == 0
    assert started[0].given
    alone, helped = (audio.read(tmp_path / name / "song-seed-5.wav") for name in ("alone", "helped"))
    np.testing.assert_array_equal(alone, helped)


def test_files_that_cannot_be_played_are_listed(performer: Path, song: Path, tmp_path: Path, capsys) -> None:
    drums, broken = write_song(tmp_path / "drums.mid", 40, drums=True), tmp_path / "broken.mid"
    broken.write_bytes(b"MThd and nothing else")
    words = ["--load_path", str(performer), "--save_path", str(tmp_path), "--seconds", "0.5", "--seed", "1"]
    assert main("generate", [f"--midi={path}" for path in (drums, song, broken)] + words) == 1
    said = capsys.readouterr().err
    assert "drums.mid: the score has no notes that performer can play" in said and "broken.mid" in said
    assert [path.name for path in tmp_path.glob("*.wav")] == ["song-seed-1.wav"]


def test_what_is_left_out_is_said(performer: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "both.mid"
    scores = [write_song(tmp_path / f"{n}.mid", 60, drums=bool(n)) for n in range(2)]
    from musika.score import read_score

    read_score(scores[0]).merge(read_score(scores[1])).save(path)
    assert main("play", [str(path), str(tmp_path / "both.wav"), "--load_path", str(performer)]) == 0
    assert "3 of 6 notes are not played" in capsys.readouterr().err


def test_mistakes_are_one_line(performer: Path, song: Path, shipped: Path, tmp_path: Path, capsys) -> None:
    place, target = ["--load_path", performer], tmp_path / "song.wav"
    empty, noise = tmp_path / "empty.mid", tmp_path / "noise.mid"
    empty.write_bytes(b"")
    noise.write_bytes(bytes(range(256)) * 9)
    cases = [
        ("MIDI", [empty, target, *place]),
        ("MIDI", [noise, target, *place]),
        ("nowhere.mid", [tmp_path / "nowhere.mid", target, *place]),
        ("no notes that performer can play", [write_song(tmp_path / "low.mid", 3), target, *place]),
        ("no notes that performer can play", [write_song(tmp_path / "drums.mid", 40, True), target, *place]),
        ("must end in", [song, tmp_path / "song.xyz", *place]),
        ("nothing is left from 60 s on", [song, target, *place, "--start", 60]),
        ("performer has 3", [song, target, *place, "--style", 9]),
        ("it is no performer.*--load_path", [song, target, "--load_path", shipped / "open"]),
        ("nowhere.*--load_path", [song, target, "--load_path", tmp_path / "nowhere"]),
        ("missing: TARGET", [song]),
    ]
    for text, words in cases:
        line = refuse(capsys, "play", *words)
        assert re.search(text, line), (text, line)
    assert not target.exists()
    line = refuse(capsys, "generate", "--midi", empty, "--load_path", performer, "--save_path", tmp_path)
    assert "MIDI" in line
    line = refuse(capsys, "generate", "--load_path", performer, "--save_path", tmp_path)
    assert "plays MIDI files" in line and "--midi" in line
