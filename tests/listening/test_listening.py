"""Listening: tempo, key, chords and melody of sounds of which they are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.config.musical import Chord, parse_key
from musika.config.musical.levels import DYNAMICS
from musika.errors import AudioError, ScoreError
from musika.listening import describe_recording, follow_harmony, read_melody
from musika.listening.beats import describe_tempo, get_tempo
from musika.listening.chroma import find_key
from musika.listening.description import measure_dynamics
from musika.listening.harmony import join_chords
from musika.listening.melody import find_top_voice, fit_tempo, hear_melody
from musika.listening.recording import RATE, Recording
from musika.metrics.notes.transcriber import find_model
from musika.score import Notes, Score, make_constant_tempo
from tests.listening.sounds import list_chord_notes, make_clicks, make_recording, mix_notes

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
MELODY = [60, 62, 64, 65, 67, 67, 64, 64, 60]
BEATS = [0, 1, 2, 3, 4, 5, 6, 6.5, 7]


@pytest.fixture(scope="module")
def ballad() -> Recording:
    """Am F C G at 110, four beats each, twice."""
    notes, seconds = list_chord_notes("AFCG", [MINOR, MAJOR, MAJOR, MAJOR], 110, 4, 2)
    return make_recording(mix_notes(notes, seconds), name="ballad.wav")


@pytest.fixture(scope="module")
def rock() -> Recording:
    """D Bm G A at 84, two beats each, with clicks of noise."""
    notes, seconds = list_chord_notes("DBGA", [MAJOR, MINOR, MAJOR, MAJOR], 84, 2, 4)
    clicks = make_clicks(84, seconds)
    return make_recording(mix_notes(notes, seconds) + 0.5 * clicks, 0.9)


@pytest.fixture(scope="module")
def hum() -> Recording:
    """A melody of one voice, a third of a semitone sharp, from 0.4 s on, at 120."""
    lengths = np.diff([*BEATS, 8]) * 0.47
    notes = [(0.4 + b * 0.5, length, key + 0.3) for b, length, key in zip(BEATS, lengths, MELODY, strict=True)]
    return make_recording(mix_notes(notes, 5.0))


def test_tempo_and_key_of_a_recording(ballad: Recording) -> None:
    meaning = describe_recording(ballad)
    assert meaning.settings.tempo == "110" and meaning.settings.key in ("A minor", "C major")
    assert meaning.settings.density and meaning.settings.dynamics and meaning.brightness == -1


def test_a_louder_recording_is_louder(ballad: Recording) -> None:
    marks = [measure_dynamics(Recording(ballad.samples * gain)) for gain in (0.02, 0.2, 1.0)]
    assert len(set(marks)) == 3 and sorted(marks, key=list(DYNAMICS).index) == marks
    assert measure_dynamics(Recording(ballad.samples * 0.001)) in ("", "ppp")


def test_chords_and_beats_are_followed(ballad: Recording, rock: Recording) -> None:
    asked = follow_harmony(ballad)
    assert asked.chords == "Am:4 F:4 C:4 G:4" and asked.tempo == "110"
    asked = follow_harmony(rock)
    assert asked.chords == "D:2 Bm:2 G:2 A:2" and asked.tempo == "84"


def test_the_melody_of_one_voice(hum: Recording) -> None:
    melody = hear_melody(hum, use_network=False)
    assert melody.notes.pitches.tolist() == MELODY
    assert np.abs(melody.beats - BEATS).max() < 0.12


@pytest.mark.skipif(find_model() is None, reason="basic-pitch is not installed")
def test_the_melody_by_the_transcriber(hum: Recording) -> None:
    pytest.importorskip("onnxruntime")
    assert hear_melody(hum).notes.pitches.tolist() == MELODY


def make_score(rows: list[tuple[float, float, int]], is_drum: bool = False) -> Score:
    onsets, releases, pitches = np.array(rows, float).T
    same = np.ones(len(rows))
    return Score(Notes(onsets, releases, pitches, 80 * same, 0 * same, is_drum * same), tempo=make_constant_tempo(120))


def test_the_melody_of_a_midi_file_is_its_highest_voice(tmp_path: Path) -> None:
    chords = [(2.0 + n, 3.0 + n, key) for n in range(4) for key in (48, 52, 55)]
    melody = [(2.0 + 0.5 * n, 2.45 + 0.5 * n, 72 + n) for n in range(8)]
    path = make_score(sorted(chords + melody)).save(tmp_path / "song.mid")
    found = read_melody(path)
    assert found.notes.pitches.tolist() == [72 + n for n in range(8)]
    assert np.abs(found.beats - np.arange(8)).max() < 1e-3  # from the bar of its first note on


def test_accompaniment_between_notes_is_no_melody() -> None:
    held = [(0.0, 2.0, 76), (2.0, 4.0, 74)]
    broken = [(0.25 * n, 0.25 * n + 0.2, 55 + n % 3) for n in range(16)]
    assert find_top_voice(make_score(sorted(held + broken))).notes.pitches.tolist() == [76, 74]


def test_a_file_without_melody(tmp_path: Path) -> None:
    path = make_score([(0.0, 0.1, 38), (0.5, 0.6, 38)], is_drum=True).save(tmp_path / "drums.mid")
    with pytest.raises(ScoreError, match=r"drums\.mid has no notes but drums: it has no melody"):
        read_melody(path)
    (tmp_path / "broken.mid").write_bytes(b"no midi")
    with pytest.raises(ScoreError, match="no MIDI file"):
        read_melody(tmp_path / "broken.mid")


@pytest.mark.parametrize("listen", [describe_recording, follow_harmony, read_melody])
def test_a_silent_short_or_missing_recording_is_one_line(tmp_path: Path, listen: object) -> None:
    for name, samples in (("silent", np.zeros(3 * RATE)), ("short", np.ones(100) * 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
        with pytest.raises(AudioError, match=rf"{name}\.wav .*nothing to follow") as failure:
            listen(tmp_path / f"{name}.wav")  # type: ignore[operator]
        assert failure.value.about == "recording" and "\n" not in str(failure.value)
    with pytest.raises(AudioError):
        listen(tmp_path / "none.wav")  # type: ignore[operator]


def test_a_recording_without_pitches_has_no_melody_and_no_key() -> None:
    noise = Recording((0.1 * np.random.default_rng(1).standard_normal(3 * RATE)).astype(np.float32), "noise.wav")
    with pytest.raises(AudioError, match=r"no notes are heard in noise\.wav"):
        hear_melody(noise, use_network=False)
    assert find_key(np.zeros((10, 12))) is None and find_key(np.ones((10, 12))) is None


@pytest.mark.parametrize("name", ["C major", "A minor", "F# minor", "Eb major", "G# minor", "Bb major"])
def test_a_scale_with_its_triad_is_in_its_key(name: str) -> None:
    key = parse_key(name)
    triad = (0, 4, 7) if key.mode == "major" else (0, 3, 7)
    chroma = np.zeros(12)
    chroma[list(key.scale)] = 1.0
    chroma[[(key.pitch_class + step) % 12 for step in triad]] += 1.0
    found = find_key(chroma[None])
    assert found is not None and (found.pitch_class, found.mode) == (key.pitch_class, key.mode)


def test_the_tempo_of_beats() -> None:
    assert get_tempo(np.arange(20) * 0.5) == pytest.approx(120)
    assert get_tempo(np.arange(3) * 0.5) is None
    assert describe_tempo(np.arange(40) * 0.5) == "120"
    slower = np.cumsum(np.append(np.full(16, 0.5), np.full(24, 0.6)))
    assert describe_tempo(slower).startswith("0:00=120, ") and describe_tempo(slower).endswith("=100")


@pytest.mark.parametrize("tempo", [72.0, 90.0, 120.0, 132.0])
def test_the_tempo_that_fits_notes(tempo: float) -> None:
    beats = np.cumsum([0, 1, 1, 0.5, 0.5, 1, 2, 1, 0.5, 0.5, 1, 1])
    jitter = np.random.default_rng(3).uniform(-0.01, 0.01, len(beats))
    found = fit_tempo(np.sort(beats * 60 / tempo + jitter), None)
    assert min(abs(np.log2(found / tempo) - octave) for octave in (-1, 0, 1)) < 0.02


def test_chords_that_repeat_are_written_once() -> None:
    line = [Chord("A", "m")] * 4 + [Chord("F")] * 4
    assert str(join_chords(line * 3)) == "Am:4 F:4" and str(join_chords(line)) == "Am:4 F:4"
    assert str(join_chords([*line, *line, Chord("C")])) == "Am:4 F:4 Am:4 F:4 C:1"
