"""`tools/data`: practice material, and pairs of score and audio that begin at the same moment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.score import Notes, Pedals, Score, TempoMap, read_score
from musika.tracks import FAMILIES, get_family, read_levels
from tests.helpers.tools import run_module
from tools.common import fluidsynth
from tools.common.instruments import RANGES
from tools.data.exercises import make_exercise
from tools.data.manifest import measure_level
from tools.data.render_pairs import choose_soundfont

RENDER, PRACTICE = "tools.data.render_pairs", "tools.data.write_practice"
SOUNDFONT = fluidsynth.FLUID
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(), reason="needs fluidsynth and a soundfont"
)


def make_piano_score(times: list[float], tempo: TempoMap | None = None) -> Score:
    """One note of the piano at each time, louder and louder."""
    onsets, count = np.array(times), len(times)
    notes = Notes(onsets, onsets + 0.2, 60 + np.arange(count) % 5, np.linspace(60, 120, count), *np.zeros((2, count)))
    pedals = Pedals(np.array([0.0]), np.array([0.0]), np.array([0]))
    return Score(notes, pedals) if tempo is None else Score(notes, pedals, tempo)


def find_energy_onset(waveform: np.ndarray, start: float) -> float:
    """The second after `start` at which the energy of 2 ms is first above that of the 50 ms before by 20 dB."""
    frame = round(0.002 * fluidsynth.RATE)
    first = round((start - 0.05) * fluidsynth.RATE)
    powers = np.square(waveform[first : first + 75 * frame].astype(float)).mean(axis=1)
    powers = powers[: len(powers) // frame * frame].reshape(-1, frame).mean(axis=1)
    above = powers > 100 * max(float(powers[:20].max()), 1e-10)
    return start - 0.05 + float(np.argmax(above)) * 0.002 if above.any() else float("nan")


@needs_fluidsynth
def test_pairs_are_aligned_and_recorded(tmp_path: Path) -> None:
    """Through many changes of tempo: the audio has its onsets where the score beside it has them, within 10 ms."""
    rng = np.random.default_rng(0)
    spans = rng.uniform(0.2, 1.0, 60)  # seconds of a beat: 60 tempi in half a minute
    tempo = TempoMap(np.concatenate([[0.0], np.cumsum(spans[:-1])]), np.arange(60.0), spans)
    times = [0.5, 4.1, 9.3, 17.77, 25.6, 31.2]
    make_piano_score(times, tempo).save(tmp_path / "midi" / "sub" / "a.mid")
    (tmp_path / "midi" / "bad.mid").write_bytes(b"no music")
    done = run_module(RENDER, tmp_path / "midi", tmp_path / "out", SOUNDFONT)
    assert done.returncode == 1 and "bad.mid cannot be read" in done.stderr and "Traceback" not in done.stderr
    place = tmp_path / "out" / SOUNDFONT.stem / "sub"
    score, waveform = read_score(place / "a.mid"), audio.read(place / "a.flac")
    np.testing.assert_allclose(score.notes.onsets, times, atol=0.002)
    assert len(score.tempo.seconds) == 1
    assert len(waveform) / fluidsynth.RATE == pytest.approx(score.duration + 3.0, abs=0.01)
    heard = np.array([find_energy_onset(waveform, time) for time in score.notes.onsets])
    np.testing.assert_allclose(heard, score.notes.onsets, atol=0.010)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    pair = manifest["pairs"][f"{SOUNDFONT.stem}/sub/a"]
    assert np.abs(waveform).max() == pytest.approx(0.9, abs=0.01)
    raw = fluidsynth.render(place / "a.mid", SOUNDFONT)
    assert pair["scale"] * np.abs(raw).max() == pytest.approx(0.9, rel=0.02)
    assert pair["level"] == pytest.approx(measure_level(score, waveform), abs=0.1)
    assert len(manifest["soundfonts"][SOUNDFONT.name]) == 64 and manifest["fluidsynth"] == fluidsynth.read_version()
    assert read_levels(tmp_path / "out") == {f"{SOUNDFONT.stem}/sub/a": pair["level"]}
    before = (place / "a.flac").stat().st_mtime_ns
    run_module(RENDER, tmp_path / "midi", tmp_path / "out", SOUNDFONT)
    assert (place / "a.flac").stat().st_mtime_ns == before
    content = manifest | {"fluidsynth": "1.0.0"}
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(content))
    other = run_module(RENDER, tmp_path / "midi", tmp_path / "out", SOUNDFONT)
    assert other.returncode == 2 and "rendered by another FluidSynth" in other.stderr


def test_what_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_piano_score([0.0]).save(tmp_path / "midi" / "a.mid")
    done = run_module(RENDER, tmp_path / "midi", tmp_path / "out", tmp_path / "none.sf2")
    assert done.returncode == 2 and "there is no soundfont" in done.stderr and done.stderr.count("\n") == 1
    (tmp_path / "font.sf2").write_bytes(b"")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run_module(RENDER, tmp_path / "midi", tmp_path / "out", tmp_path / "font.sf2")
    assert done.returncode == 2 and "apt install fluidsynth" in done.stderr and done.stderr.count("\n") == 1
    done = run_module(RENDER, tmp_path / "midi", tmp_path / "out", tmp_path / "font.sf2", "--shares", "1,2")
    assert done.returncode == 2 and "2 numbers for 1 soundfonts" in done.stderr


def test_soundfonts_are_chosen_by_name_in_proportion() -> None:
    fonts = [Path("a"), Path("b")]
    chosen = [choose_soundfont(f"piece {number}", fonts, [0.8, 0.2]) for number in range(2000)]
    assert 0.15 < chosen.count(fonts[1]) / 2000 < 0.25
    assert choose_soundfont("piece 7", fonts, [0.8, 0.2]) == chosen[7]


def test_a_level_is_what_notes_do_not_explain() -> None:
    score = make_piano_score([0.0, 1.0])
    noise = np.random.default_rng(0).normal(0, 0.1, (88_200, 2)).astype(np.float32)
    assert measure_level(score, noise / 2) == pytest.approx(measure_level(score, noise) - 6.02, abs=0.01)
    softer = Score(score.notes.replace(velocities=score.notes.velocities // 2), score.pedals)
    assert measure_level(softer, noise) == pytest.approx(measure_level(score, noise) + 12.04, abs=0.1)
    assert np.isfinite(measure_level(score, noise * 0))


@pytest.mark.parametrize("family", FAMILIES)
def test_exercises_are_playable_and_functions_of_their_number(family: str) -> None:
    low, high = RANGES[family]
    velocities, pitches = [], []
    for index in range(25):
        score, seconds = make_exercise(family, 3, index)
        notes = score.notes
        assert 10 <= seconds <= 30 and len(notes) and score.duration <= seconds + 1e-6
        assert low <= notes.pitches.min() and notes.pitches.max() <= high
        assert (notes.is_drum == (family == "drums")).all()
        assert family == "drums" or {get_family(program) for program in notes.programs} == {family}
        velocities.append(notes.velocities)
        pitches.append(notes.pitches)
    again, _ = make_exercise(family, 3, 24)
    np.testing.assert_array_equal(again.notes.onsets, notes.onsets)
    all_velocities, all_pitches = np.concatenate(velocities), np.concatenate(pitches)
    assert all_velocities.min() < 15 and all_velocities.max() > 115
    assert len(np.unique(all_pitches)) > 0.8 * (high - low)


def test_practice_is_written(tmp_path: Path) -> None:
    for folder, hours in (("a", 0.05), ("b", 0.1)):
        words = ("--family", "brass", "--hours", hours, "--seed", 5)
        assert run_module(PRACTICE, tmp_path / folder, *words).returncode == 0
    names = [path.name for path in sorted((tmp_path / "b").iterdir())]
    assert names == ["practice-brass-0000.mid", "practice-brass-0001.mid"]
    assert (tmp_path / "a" / names[0]).read_bytes() == (tmp_path / "b" / names[0]).read_bytes()
    assert 150 < read_score(tmp_path / "a" / names[0]).duration < 240
