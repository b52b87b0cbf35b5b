"""`tools/transpose_audio.py`: the same recordings in other keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.helpers.tools import run_module

MODULE = "tools.transpose_audio"
RATE = 22_050


def test_every_file_sounds_in_every_key_and_bad_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    soundfile.write(tmp_path / "in" / "a.wav", tone, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "in" / "sub" / "a.flac", 0.5 * tone, RATE)
    (tmp_path / "in" / "bad.wav").write_text("no music")
    made = run_module(MODULE, tmp_path / "in", tmp_path / "out", "--semitones", 1)
    assert made.returncode == 1 and "bad.wav: " in made.stderr and "Traceback" not in made.stderr
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.wav")}
    assert names == {f"{name}_{key}.wav" for name in ("a.wav", "sub/a.flac") for key in ("-1", "+0", "+1")}
    for key in (-1, 0, 1):
        waveform, rate = soundfile.read(tmp_path / "out" / f"a.wav_{key:+d}.wav")
        strongest = np.abs(np.fft.rfft(waveform)).argmax() * rate / len(waveform)
        assert rate == RATE and abs(strongest - 440 * 2 ** (key / 12)) < 1.5
        assert abs(len(waveform) - RATE / 2 ** (key / 12)) < 2
        assert 0.9 < np.abs(waveform).max() <= 0.99 + 1e-3
    before = (tmp_path / "out" / "a.wav_+1.wav").stat().st_mtime_ns
    assert run_module(MODULE, tmp_path / "in", tmp_path / "out", "--semitones", 1).returncode == 1
    assert (tmp_path / "out" / "a.wav_+1.wav").stat().st_mtime_ns == before


def test_a_target_within_the_folder_is_refused(tmp_path: Path) -> None:
    made = run_module(MODULE, tmp_path, tmp_path / "out")
    assert (
        made.returncode == 2
        and "lies in" in made.stderr
        and made.stderr.count("\n") == 1
        and not (tmp_path / "out").exists()
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    made = run_module(MODULE, tmp_path / "nothing", tmp_path / "out")
    assert (
        made.returncode == 2
        and "there is no folder" in made.stderr
        and made.stderr.count("\n") == 1
        and "Traceback" not in made.stderr
    )
