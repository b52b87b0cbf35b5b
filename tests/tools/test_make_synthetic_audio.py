"""`tools/make_synthetic_audio.py`: notes sound where they should, on voices that a seed chooses."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from tests.helpers.tools import run_module
from tools import make_synthetic_audio
from tools.common import voices

MODULE = "tools.make_synthetic_audio"


def write(path: Path, *notes: tuple[int, int, int, int]) -> None:
    """Notes (channel, key, ticks of silence before, ticks of length); 480 ticks are half a second."""
    file, track = mido.MidiFile(), mido.MidiTrack()
    for channel, key, before, length in notes:
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=100, time=before))
        track.append(mido.Message("note_off", channel=channel, note=key, time=length))
    file.tracks.append(track)
    file.save(path)


def test_a_folder_is_played(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    write(tmp_path / "midi" / "a.mid", (0, 69, 0, 960), (9, 36, 0, 100), (9, 42, 0, 100), (1, 57, 0, 480))
    write(tmp_path / "midi" / "empty.mid")
    (tmp_path / "midi" / "bad.mid").write_bytes(b"no music")
    made = run_module(MODULE, tmp_path / "midi", tmp_path / "out", "--takes", 2)
    assert made.returncode == 1 and "it is no MIDI file" in made.stderr and "Traceback" not in made.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"midi-a-0.flac", "midi-a-1.flac"}
    sounds = [soundfile.read(tmp_path / "out" / name, always_2d=True) for name in sorted(names)]
    for waveform, rate in sounds:
        assert rate == 44_100 and waveform.shape[1] == 2 and len(waveform) > 0.9 * rate
        assert np.abs(waveform).max() == pytest.approx(0.9, abs=0.01)
    shortest = min(len(waveform) for waveform, _ in sounds)
    assert np.abs(sounds[0][0][:shortest] - sounds[1][0][:shortest]).max() > 0.05  # another take, other voices
    before = (tmp_path / "out" / "midi-a-0.flac").stat().st_mtime_ns
    run_module(MODULE, tmp_path / "midi", tmp_path / "out")
    assert (tmp_path / "out" / "midi-a-0.flac").stat().st_mtime_ns == before
    assert "no MIDI files" in run_module(MODULE, tmp_path / "out", tmp_path / "none").stderr


def test_every_voice_is_in_tune_and_the_seed_decides(tmp_path: Path) -> None:
    for make in {*voices.MAKERS}:
        for hz in (220.0, 880.0):
            sound = make(np.random.default_rng(3))(hz)
            assert len(sound) == round(voices.LONGEST * voices.RATE) and np.isfinite(sound).all()
            powers = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
            at = round(hz * voices.LONGEST)
            assert powers[at - 8 : at + 9].sum() > 0.003 * powers.sum()  # of bells, other partials ring longer
            assert powers[:4].sum() < 1e-3 * powers.sum()
    write(tmp_path / "b.mid", (0, 60, 0, 480))
    once, again, other = (make_synthetic_audio.synthesize(tmp_path / "b.mid", 5.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert once.shape != other.shape or np.abs(once - other).max() > 0.05


def test_notes_have_their_times_and_hats_are_treble(tmp_path: Path) -> None:
    write(tmp_path / "c.mid", (0, 60, 480, 960), (3, 64, 0, 480))
    sound = make_synthetic_audio.synthesize(tmp_path / "c.mid", 9.0, seed=4)
    assert np.abs(sound[: round(0.49 * 44_100)]).max() < 0.05 < np.abs(sound[round(0.49 * 44_100) :]).max()
    noise = voices.make_noise(np.random.default_rng(0), 1.0, 5000, 12_000)
    powers = np.abs(np.fft.rfft(noise)) ** 2
    assert powers[5000:12_000].sum() > 0.8 * powers.sum()
    sparks = make_synthetic_audio.make_high_tones(44_100 * 8, np.random.default_rng(0))
    powers = np.abs(np.fft.rfft(sparks[:, 0])) ** 2
    assert powers[8 * 2900 :].sum() > 0.99 * powers.sum() > 0
