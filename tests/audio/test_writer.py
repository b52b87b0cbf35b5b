"""Audio is written complete or not at all, with dither, and clipping is counted."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import audio
from musika.errors import AudioError
from tests.helpers.audio_files import RATE, make_tones


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.opus", "a.w64", "a.rf64"])
def test_written_files_are_read_again(tmp_path: Path, name: str) -> None:
    sound = make_tones(1.5)
    written = audio.write(tmp_path / name, sound, RATE)
    again = audio.read(tmp_path / name)
    exact = name not in ("a.ogg", "a.mp3", "a.opus")
    assert (written.samples, written.clipped_samples) == (66_150 if name != "a.opus" else 72_000, 0)
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


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_ffprobe_and_ffmpeg_read_every_format(tmp_path: Path) -> None:
    sound = make_tones(0.5)
    for extension, encoding in audio.FORMATS.items():
        for bits in encoding.depths or (None,):
            path = audio.write(tmp_path / f"a{extension}", sound, RATE, {"title": "tones"}, bits=bits).path
            command = ["ffprobe", "-v", "error", "-show_entries", "stream=sample_rate,channels", "-of", "csv=p=0"]
            told = subprocess.run([*command, path], capture_output=True, check=True, text=True)
            assert (told.stdout.strip(), told.stderr) == (f"{48_000 if extension == '.opus' else RATE},2", "")
            command = ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ar", str(RATE), "-"]
            heard = subprocess.run(command, capture_output=True, check=True)
            samples = np.frombuffer(heard.stdout, "<f4").reshape(-1, 2)
            assert heard.stderr == b"" and abs(len(samples) - len(sound)) < 3000
            if encoding.is_lossless:
                np.testing.assert_allclose(samples, sound, atol=2 / 32768)


def test_clipping_is_counted(tmp_path: Path) -> None:
    sound = np.zeros((1000, 2), np.float32)
    sound[:100, 0], sound[100:150, 1] = 1.5, -2
    written = audio.write(tmp_path / "a.wav", sound, RATE)
    found = soundfile.read(tmp_path / "a.wav")[0]
    assert (written.clipped_samples, written.clipped_share) == (150, 0.075)
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


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3", "aiff"])
def test_the_same_samples_and_tags_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (200_000, 2)).astype(np.float32)
    first = audio.encode(noise, 44_100, f".{kind}", {"title": "a"})
    written = audio.write(tmp_path / f"a.{kind}", np.array_split(noise, 7), 44_100, {"title": "a"})
    assert written.path.read_bytes() == first
    again = audio.write(tmp_path / f"a.{kind}", noise, 44_100, {"title": "a"}, keep_existing=True)
    assert again.path == written.path
    other = audio.write(tmp_path / f"a.{kind}", noise, 44_100, {"title": "b"}, keep_existing=True)
    assert other.path.name == f"a-2.{kind}"


@pytest.mark.parametrize(("name", "bits", "step"), [("a.wav", "24", 2.0**-24), ("a.flac", "24", 2.0**-24)])
def test_24_bits_are_rounded_to_the_nearest(name: str, bits: str, step: float, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-1.1, 1.1, (70_000, 2)).astype(np.float32)
    written = audio.write(tmp_path / name, sound, RATE, bits=bits)
    found = soundfile.read(written.path, dtype="float64")[0]
    assert soundfile.info(written.path).subtype == "PCM_24" and written.clipped_samples == np.count_nonzero(
        np.abs(sound) > 1
    )
    assert np.abs(found - np.clip(sound, -1, 1 - 2 * step)).max() <= step


def test_floats_are_kept_as_they_are(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 1, (70_001, 1)).astype(np.float32)
    written = audio.write(tmp_path / "a.wav", sound, RATE, {"comment": "odd"}, bits="32f")
    assert soundfile.info(written.path).subtype == "FLOAT" and written.clipped_samples == 0
    assert np.array_equal(soundfile.read(written.path, dtype="float32", always_2d=True)[0], sound)


def test_bits_that_a_format_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="24 bits cannot be written: mp3 has no bits to choose: it is lossy"):
        audio.write(tmp_path / "a.mp3", make_tones(1), RATE, bits="24")
    with pytest.raises(AudioError, match="32f bits cannot be written: flac holds samples of 16 or 24 bits"):
        audio.write(tmp_path / "a.flac", make_tones(1), RATE, bits="32f")
    assert list(tmp_path.iterdir()) == []


def test_a_wav_file_that_would_be_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musika.audio.encodings.LARGEST", 300_000)
    assert audio.write(tmp_path / "a.wav", make_tones(1), RATE).samples == RATE
    with pytest.raises(AudioError, match="WAV files hold 4 GiB at most; choose flac or w64"):
        audio.write(tmp_path / "b.wav", make_tones(2), RATE)
    assert audio.write(tmp_path / "b.w64", make_tones(2), RATE, {"title": "has no place"}).samples == 2 * RATE
