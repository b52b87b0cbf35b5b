"""`tools/make_training_audio.py`: MIDI files through FluidSynth, where it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import numpy as np
import pytest

from musika import audio
from tests.helpers.tools import run_module

MODULE = "tools.make_training_audio"
SOUNDFONT = next((path for path in Path("/usr/share/sounds/sf2").glob("*GM*.sf2")), None)
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or SOUNDFONT is None, reason="needs fluidsynth and a soundfont"
)


def write_song(path: Path, *keys: int) -> None:
    """Notes of half a second, one after another."""
    track = mido.MidiTrack()
    for key in keys:
        track.append(mido.Message("note_on", note=key, velocity=100, time=0))
        track.append(mido.Message("note_off", note=key, time=480))
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)


@needs_fluidsynth
def test_files_are_rendered_once_and_bad_ones_are_listed(tmp_path: Path) -> None:
    assert SOUNDFONT is not None
    (tmp_path / "midi").mkdir()
    write_song(tmp_path / "midi" / "a.mid", 57, 69)
    write_song(tmp_path / "midi" / "empty.mid")
    (tmp_path / "midi" / "bad.mid").write_bytes(b"no music")
    done = run_module(MODULE, tmp_path / "midi", tmp_path / "out", SOUNDFONT)
    assert done.returncode == 1 and "bad.mid: FluidSynth cannot render it" in done.stderr
    target = tmp_path / "out" / f"midi-a-{SOUNDFONT.stem}.flac"
    assert list((tmp_path / "out").iterdir()) == [target]
    sound = audio.read(target)
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.01) and len(sound) > 0.9 * 44_100
    assert np.abs(sound[:1000]).max() > 1e-4  # it begins where it sounds
    before = target.stat().st_mtime_ns
    run_module(MODULE, tmp_path / "midi", tmp_path / "out", SOUNDFONT)
    assert target.stat().st_mtime_ns == before


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    done = run_module(MODULE, tmp_path / "midi", tmp_path / "out")
    assert done.returncode == 2 and "there are no MIDI files (.mid) in" in done.stderr
    write_song(tmp_path / "midi" / "a.mid", 60)
    done = run_module(MODULE, tmp_path / "midi", tmp_path / "out", tmp_path / "none.sf2")
    assert done.returncode == 2 and "there is no soundfont" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
