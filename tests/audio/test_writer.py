"""Audio is written complete or not at all, with dither, and clipping is counted."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import audio
from musika.audio.compare import have_same_content
from musika.errors import AudioError
from tests.helpers.audio_files import RATE, make_tones


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.opus", "a.w64", "a.rf64"])
def test_written_files_are_read_again(tmp_path: Path, name: str) -> None:
    sound = make_tones(1.5)
    written = audio.write(tmp_path / name, sound, RATE)
    again = audio.read(tmp_path / name)
    exact = name not in ("a.ogg", "a.mp3", "a.opus")
    assert (written.samples, written.clipped) == (66_150 if name != "a.opus" else 72_000, 0)
    assert again.shape == sound.shape
    assert np.abs(again - sound).max() < (2.1 / 32768 if exact else 0.1)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 200_000))
def test_opus_files_are_complete_to_the_last_sample(samples: int) -> None:
    t = np.arange(samples) / 48_000
    sound = np.stack([np.sin(2 * np.pi * (200 * t + 300 * t * t)) * 0.3] * 2, 1).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.opus")
        assert audio.write(path, sound, 48_000).samples == samples
        found = soundfile.read(path)[0]
    assert found.shape == sound.shape
    if samples > 5000:
        assert np.abs(found - sound)[2000:-120].max() < 0.05  # the cut itself rings for 2 ms


@pytest.mark.parametrize("extension", [".wav", ".flac", ".opus"])
def test_a_file_in_memory_is_that_on_the_disk(tmp_path: Path, extension: str) -> None:
    sound = make_tones(0.7) * 3  # some of it is clipped
    audio.write(tmp_path / f"a{extension}", sound, RATE)
    (tmp_path / f"b{extension}").write_bytes(audio.encode(sound, RATE, extension))
    first, second = (audio.read(tmp_path / f"{name}{extension}") for name in "ab")
    assert np.array_equal(first, second) and len(first) == len(sound)
    with pytest.raises(AudioError, match="not finite numbers"):
        audio.encode(sound * np.float32(np.nan), RATE, extension)


def test_dither_does_not_depend_on_blocks(tmp_path: Path) -> None:
    sound = make_tones(4)
    audio.write(tmp_path / "a.wav", sound, RATE)
    audio.write(tmp_path / "b.wav", (sound[k : k + 777] for k in range(0, len(sound), 777)), RATE)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_dither_makes_the_error_independent_of_the_sound(tmp_path: Path) -> None:
    sound = np.linspace(0, 100 / 32768, 200_000, dtype=np.float32)[:, None]
    audio.write(tmp_path / "a.wav", sound, RATE)
    error = (soundfile.read(tmp_path / "a.wav")[0] - sound[:, 0]) * 32768
    fraction = sound[:, 0] * 32768 % 1
    assert abs(error.mean()) < 0.01 and abs(error.var() - 0.25) < 0.01 and np.abs(error).max() <= 1.5
    assert np.ptp([error[(fraction * 4).astype(int) == k].var() for k in range(4)]) < 0.02


def test_clipping_is_counted(tmp_path: Path) -> None:
    sound = np.zeros((1000, 2), np.float32)
    sound[:100, 0], sound[100:150, 1] = 1.5, -2
    written = audio.write(tmp_path / "a.wav", sound, RATE)
    found = soundfile.read(tmp_path / "a.wav")[0]
    assert (written.clipped, written.clipped_share) == (150, 0.075)
    assert found[:100, 0].min() > 0.999 and found[100:150, 1].max() == -1


def test_failed_writing_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield make_tones(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audio.write(tmp_path / "a.wav", broken(), RATE)
    with pytest.raises(AudioError, match=r"must end in .wav"):
        audio.write(tmp_path / "a.xyz", make_tones(1), RATE)
    with pytest.raises(AudioError, match="no samples"):
        audio.write(tmp_path / "a.wav", [], RATE)
    with pytest.raises(AudioError, match="not finite"):
        audio.write(tmp_path / "a.wav", np.full((10, 2), np.nan, np.float32), RATE)
    (tmp_path / "file").touch()
    with pytest.raises(AudioError, match=r"cannot be written: (not a directory|file exists)"):
        audio.write(tmp_path / "file" / "a.wav", make_tones(1), RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
def test_a_full_disk_leaves_no_file(tmp_path: Path, name: str) -> None:
    """A limit on file size stands for the disk: the same failure, at the same place."""
    noise = np.random.default_rng(0).normal(0, 0.1, (RATE * 5, 2)).astype(np.float32)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(AudioError, match="cannot be written: file too large"):
            audio.write(tmp_path / name, noise, RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(0.5), RATE)
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(AudioError):
        audio.write(tmp_path / "a.wav", iter([make_tones(1), np.full((99, 2), np.inf, np.float32)]), RATE)
    assert (tmp_path / "a.wav").read_bytes() == before


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3"])
def test_files_are_compared_without_what_is_random(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (30_000, 2)).astype(np.float32)
    same = [audio.write(tmp_path / f"{name}.{kind}", noise, 44_100).path for name in "ab"]
    assert have_same_content(*same)
    data = same[0].read_bytes()
    for changed in (data[:-1], data + b"x", data[:-1] + bytes([data[-1] ^ 1]), data[:60] + data[61:], b""):
        same[1].write_bytes(changed)
        assert not have_same_content(*same) and not have_same_content(*reversed(same))
