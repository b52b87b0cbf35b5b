"""Audio files are found and read, and what cannot be read is one line with the reason."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import audio
from musika.errors import AudioError
from tests.helpers.audio_files import RATE, make_tones

SONGS = Path(__file__).resolve().parents[3] / "shared" / "audio" / "songs"
needs_songs = pytest.mark.skipif(not SONGS.is_dir(), reason="../shared is not there")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def run_ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True)


def refuse(path: Path) -> str:
    """Why a file is not read."""
    with pytest.raises(audio.FileError) as caught:
        audio.read(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)
    return caught.value.reason


@needs_songs
def test_songs_have_their_exact_length() -> None:
    for path in audio.find_files(SONGS):
        info = soundfile.info(path)
        waveform = audio.read(path)
        expected = (2 * info.frames * RATE + info.samplerate) // (2 * info.samplerate)
        assert waveform.shape == (expected, 2) and waveform.dtype == np.float32, path.name


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_integers_are_scaled_by_their_full_scale(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile([-1.0, 0.5, 0.0, -0.25], 100)[:, None], RATE, subtype=kind)
    found = audio.read(tmp_path / "a.wav")
    assert np.allclose(found[:4], [[-1] * 2, [0.5] * 2, [0] * 2, [-0.25] * 2], atol=1e-6)


def test_peaks_above_full_scale_are_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full((100, 2), 1.75), RATE, subtype="FLOAT")
    assert np.all(audio.read(tmp_path / "a.wav") == 1.75)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.wma", "a.ac3", "a.mka", "a.webm", "a.mp2"])
def test_ffmpeg_reads_other_formats(tmp_path: Path, name: str) -> None:
    audio.write(tmp_path / "a.wav", make_tones(2), RATE)
    run_ffmpeg("-i", tmp_path / "a.wav", tmp_path / name)
    found = audio.read(tmp_path / name)
    assert abs(len(found) - 2 * RATE) < 4096 and found.shape[1] == 2
    assert 0.3 < np.abs(found).max() < 0.6


@needs_ffmpeg
def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(2), RATE)
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2"]
    run_ffmpeg(*picture, "-i", tmp_path / "a.wav", tmp_path / "sound.mp4")
    run_ffmpeg(*picture, tmp_path / "silent.mp4")
    assert abs(len(audio.read(tmp_path / "sound.mp4")) - 2 * RATE) < 4096
    assert refuse(tmp_path / "silent.mp4") == "has no audio stream"


def test_the_error_says_that_ffmpeg_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ffmpeg, which reads more formats, is not installed" in refuse(tmp_path / "a.m4a")


@needs_ffmpeg
def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(1), RATE)
    (tmp_path / "list.mp3").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'a.wav'}\n")
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'a.wav'}'\n")
    assert "is not audio" in refuse(tmp_path / "list.mp3")
    assert "is not audio" in refuse(tmp_path / "concat.mp4")


@needs_ffmpeg
@pytest.mark.parametrize("options", [["-q:a", "6"], ["-b:a", "128k"]])
def test_an_mp3_that_does_not_say_its_length_is_read_to_its_end(tmp_path: Path, options: list[str]) -> None:
    """libsndfile alone guesses its length from the first frame and stops there: half of a file may be lost."""
    loud = np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32)
    loud[: RATE * 2] *= 0.001  # the quiet half has small frames, the loud one large ones
    audio.write(tmp_path / "a.wav", loud, RATE)
    run_ffmpeg("-i", tmp_path / "a.wav", *options, "-write_xing", "0", "-id3v2_version", "0", tmp_path / "a.mp3")
    plain = (tmp_path / "a.mp3").read_bytes()
    for rest in (b"", b"TAG" + b" " * 125, bytes(5000)):  # what programs leave behind the last frame
        (tmp_path / "b.mp3").write_bytes(plain + rest)
        assert 0 <= len(audio.read(tmp_path / "b.mp3")) - len(loud) < 4 * 1152


@needs_ffmpeg
def test_a_flac_without_a_stated_length_is_read(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(3.3), RATE)
    with open(tmp_path / "a.flac", "wb") as file:
        subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-f", "flac", "-"], stdout=file, check=True)
    assert np.array_equal(audio.read(tmp_path / "a.flac"), audio.read(tmp_path / "a.wav"))


def test_blocks_have_the_requested_size(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", make_tones(2.2), RATE)
    whole = audio.read(tmp_path / "a.flac")
    for size in (1000, 44_100, 1_000_000):
        pieces = list(audio.read_blocks(tmp_path / "a.flac", size))
        assert all(len(p) == size for p in pieces[:-1]) and 0 < len(pieces[-1]) <= size
        assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("rate", [4_000, 384_000])
def test_rates_out_of_range_are_refused(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), rate)
    assert refuse(tmp_path / "a.wav") == f"has a sample rate of {rate} Hz; 8000 to 192000 Hz can be read"


def test_paths_that_are_no_regular_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.flac").symlink_to(tmp_path / "gone.flac")
    (tmp_path / "loop.flac").symlink_to(tmp_path / "loop.flac")
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.wav"))
    assert refuse(tmp_path / "empty.mp3") == "is empty (0 bytes)"
    assert refuse(tmp_path / "folder.wav") == "is a folder, not an audio file"
    assert refuse(tmp_path / "link.flac") == "is a link to nothing"
    assert "too many levels of symbolic links" in refuse(tmp_path / "loop.flac")
    assert refuse(tmp_path / "pipe.wav") == "is not a regular file"
    assert refuse(tmp_path / "socket.wav") == "is not a regular file"
    assert refuse(tmp_path / "nothing.wav") == "does not exist"


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, make_tones(0.1), RATE)
    path.chmod(0)
    code = (
        "import os, sys; from pathlib import Path; from musika import audio\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # as somebody who is not root
        "try: audio.check_file(Path(sys.argv[1]))\n"
        "except audio.FileError as error: print(error.reason)"
    )
    root = str(Path(audio.__file__).parents[2])
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout == "cannot be read: permission denied\n"


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.ogg", "a.m4a", "a.opus", "a.aiff"])
def test_text_and_noise_named_like_audio_are_refused(tmp_path: Path, name: str) -> None:
    for content in (b"hello\n", b"this is no music\n" * 3000, np.random.default_rng(3).bytes(50_000), bytes(20_000)):
        (tmp_path / name).write_bytes(content)
        assert "is not audio" in refuse(tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff"])
def test_truncated_files_are_refused(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32)
    audio.write(tmp_path / name, noise, RATE)
    whole = (tmp_path / name).read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / f"cut-{name}").write_bytes(whole[: int(len(whole) * share)])
        assert "truncated" in refuse(tmp_path / f"cut-{name}")
    assert len(audio.read(tmp_path / name)) == len(noise)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.wma", "a.mka", "a.m4a"])
def test_truncated_files_that_ffmpeg_reads_are_refused(tmp_path: Path, name: str) -> None:
    audio.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32), RATE)
    run_ffmpeg("-i", tmp_path / "a.wav", "-movflags", "faststart", tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(whole[: len(whole) * 6 // 10])
    assert "damaged or truncated" in refuse(tmp_path / f"cut-{name}")


def test_samples_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    sound = make_tones(1)
    sound[22_050, 1] = np.nan
    soundfile.write(tmp_path / "nan.wav", sound, RATE, subtype="FLOAT")
    sound[22_050, 1] = np.inf
    soundfile.write(tmp_path / "inf.wav", sound, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "huge.wav", np.full(5000, 3e38), 48_000, subtype="FLOAT")
    assert refuse(tmp_path / "nan.wav").endswith("first at 0.50 s")
    assert "not finite numbers" in refuse(tmp_path / "inf.wav")
    assert "so large" in refuse(tmp_path / "huge.wav")


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), RATE)
    assert refuse(tmp_path / "a.wav") == "holds no samples"


def test_errors_about_odd_file_names_stay_on_one_line(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/-a\nb\xff'$(x).wav"))
    path.write_bytes(b"nothing")
    with pytest.raises(AudioError) as caught:
        audio.read(path)
    text = str(caught.value)
    assert "-a\\nb\\xff'$(x).wav" in text and text.isprintable()
    audio.write(path, make_tones(0.1), RATE)
    assert len(audio.read(path)) == 4410


def test_reading_leaves_no_threads(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(1), RATE)
    before = set(threading.enumerate())
    for _ in range(3):
        audio.read(tmp_path / "a.wav")
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(threading.enumerate()) - before


def test_files_are_found_by_extension(tmp_path: Path) -> None:
    for name in (
        "b/song.WAV",
        "a/song.mp3",
        "a/song.wav",
        "c.m4a",
        "notes.txt",
        ".hidden.wav",
        ".cache/x.wav",
        "v.mp4",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "gone.ogg").symlink_to(tmp_path / "nowhere.ogg")
    names = [path.relative_to(tmp_path).as_posix() for path in audio.find_files(tmp_path)]
    assert names == ["a/song.mp3", "a/song.wav", "b/song.WAV", "c.m4a", "gone.ogg", "v.mp4"]
    assert audio.find_files(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_folders_without_audio_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AudioError, match=r"there is no audio in .*looked for wav") as caught:
        audio.find_files(tmp_path)
    assert caught.value.about == "audio"
    with pytest.raises(AudioError, match=r"there is no folder .*missing$") as caught:
        audio.find_files(tmp_path / "missing")
    assert caught.value.about == "audio"
