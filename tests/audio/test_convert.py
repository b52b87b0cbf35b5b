"""Channels are mixed down and rates are converted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import audio
from musika.audio import convert
from tests.helpers.audio_files import RATE, make_tones

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def run_ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True)


def test_mono_is_doubled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", make_tones(0.2)[:, 0], RATE, subtype="FLOAT")
    found = audio.read(tmp_path / "a.wav")
    assert np.array_equal(found[:, 0], found[:, 1]) and np.array_equal(found[:, 0], make_tones(0.2)[:, 0])


@pytest.mark.parametrize(
    ("channels", "left"), [(6, [1, 0, 0.7071, 0, 0.7071, 0]), (8, [1, 0, 0.7071, 0, 0.7071, 0] * 2)]
)
def test_surround_is_mixed_down(channels: int, left: list[float]) -> None:
    if channels == 8:
        left = [1, 0, 0.7071, 0, 0.7071, 0, 0.7071, 0]
    each = convert.to_stereo(np.eye(channels, dtype=np.float32))
    assert np.allclose(each[:, 0], left, atol=1e-4)
    assert np.allclose(each[:, 1], [left[k] for k in ([1, 0, 2, 3, 5, 4, 7, 6][:channels])], atol=1e-4)


@needs_ffmpeg
def test_surround_channels_of_vorbis_are_sorted(tmp_path: Path) -> None:
    sound = make_tones(2, 48_000, 6) * np.array([1, 0.8, 0.6, 0.4, 0.3, 0.2], np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 48_000, subtype="FLOAT")
    for name, codec in (("a.ogg", "libvorbis"), ("a.opus", "libopus")):
        run_ffmpeg("-i", tmp_path / "a.wav", "-c:a", codec, "-b:a", "500k", tmp_path / name)
        wanted, found = audio.read(tmp_path / "a.wav"), audio.read(tmp_path / name)
        assert np.sqrt(np.mean((wanted[5000:-5000] - found[5000:-5000]) ** 2)) < 0.02, name


def test_an_unknown_channel_layout_is_reported(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", make_tones(0.2, channels=3), RATE, subtype="FLOAT")
    notes: list[str] = []
    found = audio.read(tmp_path / "a.wav", note=notes.append)
    assert notes == ["has 3 channels: the first two are taken"] and np.array_equal(found, make_tones(0.2))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_resampling_keeps_a_sine(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(2 * np.pi * 1000 * np.arange(rate) / rate), rate, subtype="FLOAT")
    found = audio.read(tmp_path / "a.wav")
    wanted = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert found.shape == (RATE, 2)
    assert np.abs(found[4000:-4000, 0] - wanted[4000:-4000]).max() < 1e-4


@settings(deadline=None, max_examples=60)
@given(
    st.integers(8_000, 192_000),
    st.integers(8_000, 192_000),
    st.lists(st.integers(1, 3000), min_size=1, max_size=6),
)
def test_resampled_length_is_exact(rate: int, new_rate: int, pieces: list[int]) -> None:
    rng = np.random.default_rng(0)
    blocks = [rng.normal(0, 0.1, (n, 2)).astype(np.float32) for n in pieces]
    out = list(convert.resample(blocks, rate, new_rate))
    exact = round(sum(pieces) * new_rate / rate + 1e-9)
    assert sum(map(len, out)) == exact == convert.get_resampled_length(sum(pieces), rate, new_rate)


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=10), st.integers(1, 40))
def test_rechunking_keeps_every_sample(pieces: list[int], size: int) -> None:
    numbers = np.arange(sum(pieces), dtype=np.float32)[:, None]
    out = list(convert.rechunk(np.split(numbers, np.cumsum(pieces)[:-1]) if pieces else [], size))
    assert all(len(block) == size for block in out[:-1])
    assert np.array_equal(np.concatenate([numbers[:0], *out]), numbers)
