"""What a user relies on when audio comes in and goes out."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import audio
from musika.audio import convert, process
from musika.errors import AudioError

SONGS = Path(__file__).resolve().parents[3] / "shared" / "audio" / "songs"
RATE = 44_100
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
needs_songs = pytest.mark.skipif(not SONGS.is_dir(), reason="../shared is not there")


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """A different quiet sine in each channel, faded in and out."""
    t = np.arange(round(seconds * rate)) / rate
    waves = [0.4 * np.sin(2 * np.pi * 220 * (k + 1) * t) for k in range(channels)]
    fade = np.minimum(1, np.minimum(t, t[-1] - t) * 50)
    return (np.stack(waves, 1) * fade[:, None]).astype(np.float32)


def ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True)


def reason(path: Path) -> str:
    with pytest.raises(audio.FileError) as caught:
        audio.read(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)
    return caught.value.reason


# ---------------------------------------------------------------------------------------------------- reading


@needs_songs
def test_songs_have_their_exact_length() -> None:
    for path in audio.find_files(SONGS):
        info = soundfile.info(path)
        waveform = audio.read(path)
        expected = (2 * info.frames * RATE + info.samplerate) // (2 * info.samplerate)
        assert waveform.shape == (expected, 2) and waveform.dtype == np.float32, path.name


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.opus", "a.w64", "a.rf64"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    sound = tone(1.5)
    written = audio.write(tmp_path / name, sound, RATE)
    again = audio.read(tmp_path / name)
    exact = name not in ("a.ogg", "a.mp3", "a.opus")
    assert (written.samples, written.clipped) == (66_150 if name != "a.opus" else 72_000, 0)
    assert again.shape == sound.shape
    assert np.abs(again - sound).max() < (2.1 / 32768 if exact else 0.1)
    assert [p.name for p in tmp_path.iterdir()] == [name]


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
def test_ffmpeg_reads_the_rest(tmp_path: Path, name: str) -> None:
    audio.write(tmp_path / "a.wav", tone(2), RATE)
    ffmpeg("-i", tmp_path / "a.wav", tmp_path / name)
    found = audio.read(tmp_path / name)
    assert abs(len(found) - 2 * RATE) < 4096 and found.shape[1] == 2
    assert 0.3 < np.abs(found).max() < 0.6


@needs_ffmpeg
def test_the_sound_of_a_video(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(2), RATE)
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2"]
    ffmpeg(*picture, "-i", tmp_path / "a.wav", tmp_path / "sound.mp4")
    ffmpeg(*picture, tmp_path / "silent.mp4")
    assert abs(len(audio.read(tmp_path / "sound.mp4")) - 2 * RATE) < 4096
    assert reason(tmp_path / "silent.mp4") == "has no audio stream"


def test_without_ffmpeg_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ffmpeg, which reads more, is not installed" in reason(tmp_path / "a.m4a")


@needs_ffmpeg
def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(1), RATE)
    (tmp_path / "list.mp3").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'a.wav'}\n")
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'a.wav'}'\n")
    assert "is not audio" in reason(tmp_path / "list.mp3")
    assert "is not audio" in reason(tmp_path / "concat.mp4")


@needs_ffmpeg
@pytest.mark.parametrize("options", [["-q:a", "6"], ["-b:a", "128k"]])
def test_an_mp3_that_does_not_say_its_length_is_read_to_its_end(tmp_path: Path, options: list[str]) -> None:
    """libsndfile alone guesses its length from the first frame and stops there: half of a file may be lost."""
    loud = np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32)
    loud[: RATE * 2] *= 0.001  # the quiet half has small frames, the loud one large ones
    audio.write(tmp_path / "a.wav", loud, RATE)
    ffmpeg("-i", tmp_path / "a.wav", *options, "-write_xing", "0", "-id3v2_version", "0", tmp_path / "a.mp3")
    plain = (tmp_path / "a.mp3").read_bytes()
    for rest in (b"", b"TAG" + b" " * 125, bytes(5000)):  # what programs leave behind the last frame
        (tmp_path / "b.mp3").write_bytes(plain + rest)
        assert 0 <= len(audio.read(tmp_path / "b.mp3")) - len(loud) < 4 * 1152


@needs_ffmpeg
def test_a_flac_of_unstated_length(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(3.3), RATE)
    with open(tmp_path / "a.flac", "wb") as file:
        subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-f", "flac", "-"], stdout=file, check=True)
    assert np.array_equal(audio.read(tmp_path / "a.flac"), audio.read(tmp_path / "a.wav"))


def test_pieces_have_the_size_that_was_asked_for(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", tone(2.2), RATE)
    whole = audio.read(tmp_path / "a.flac")
    for size in (1000, 44_100, 1_000_000):
        pieces = list(audio.read_blocks(tmp_path / "a.flac", size))
        assert all(len(p) == size for p in pieces[:-1]) and 0 < len(pieces[-1]) <= size
        assert np.array_equal(np.concatenate(pieces), whole)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 200_000))
def test_opus_is_whole_to_its_last_sample(samples: int) -> None:
    t = np.arange(samples) / 48_000
    sound = np.stack([np.sin(2 * np.pi * (200 * t + 300 * t * t)) * 0.3] * 2, 1).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.opus")
        assert audio.write(path, sound, 48_000).samples == samples
        found = soundfile.read(path)[0]
    assert found.shape == sound.shape
    if samples > 5000:
        assert np.abs(found - sound)[2000:-120].max() < 0.05  # the cut itself rings for 2 ms


# ------------------------------------------------------------------------------------------------ channels, rates


def test_mono_is_doubled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.2)[:, 0], RATE, subtype="FLOAT")
    found = audio.read(tmp_path / "a.wav")
    assert np.array_equal(found[:, 0], found[:, 1]) and np.array_equal(found[:, 0], tone(0.2)[:, 0])


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
def test_vorbis_sorts_surround_in_its_own_way(tmp_path: Path) -> None:
    sound = tone(2, 48_000, 6) * np.array([1, 0.8, 0.6, 0.4, 0.3, 0.2], np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 48_000, subtype="FLOAT")
    for name, codec in (("a.ogg", "libvorbis"), ("a.opus", "libopus")):
        ffmpeg("-i", tmp_path / "a.wav", "-c:a", codec, "-b:a", "500k", tmp_path / name)
        wanted, found = audio.read(tmp_path / "a.wav"), audio.read(tmp_path / name)
        assert np.sqrt(np.mean((wanted[5000:-5000] - found[5000:-5000]) ** 2)) < 0.02, name


def test_an_unknown_layout_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.2, channels=3), RATE, subtype="FLOAT")
    notes: list[str] = []
    found = audio.read(tmp_path / "a.wav", note=notes.append)
    assert notes == ["has 3 channels: the first two are taken"] and np.array_equal(found, tone(0.2))


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


@pytest.mark.parametrize("rate", [4_000, 384_000])
def test_rates_out_of_range_are_refused(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), rate)
    assert reason(tmp_path / "a.wav") == f"has a sample rate of {rate} Hz; 8000 to 192000 Hz can be read"


# ---------------------------------------------------------------------------------------------------- bad files


def test_files_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.flac").symlink_to(tmp_path / "gone.flac")
    (tmp_path / "loop.flac").symlink_to(tmp_path / "loop.flac")
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.wav"))
    assert reason(tmp_path / "empty.mp3") == "is empty (0 bytes)"
    assert reason(tmp_path / "folder.wav") == "is a folder, not an audio file"
    assert reason(tmp_path / "link.flac") == "is a link to nothing"
    assert "too many levels of symbolic links" in reason(tmp_path / "loop.flac")
    assert reason(tmp_path / "pipe.wav") == "is not a regular file"
    assert reason(tmp_path / "socket.wav") == "is not a regular file"
    assert reason(tmp_path / "nothing.wav") == "does not exist"


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, tone(0.1), RATE)
    path.chmod(0)
    code = (
        "import os, sys; from pathlib import Path; from musika import audio\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # as somebody who is not root
        "try: audio.check_file(Path(sys.argv[1]))\n"
        "except audio.FileError as error: print(error.reason)"
    )
    root = str(Path(audio.__file__).parents[2])
    said = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=root)
    assert said.stdout == "cannot be read: permission denied\n"


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.ogg", "a.m4a", "a.opus", "a.aiff"])
def test_text_and_noise_with_the_name_of_audio(tmp_path: Path, name: str) -> None:
    for content in (b"hello\n", b"this is no music\n" * 3000, np.random.default_rng(3).bytes(50_000), bytes(20_000)):
        (tmp_path / name).write_bytes(content)
        assert "is not audio" in reason(tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff"])
def test_truncated_files(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32)
    audio.write(tmp_path / name, noise, RATE)
    whole = (tmp_path / name).read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / f"cut-{name}").write_bytes(whole[: int(len(whole) * share)])
        assert "truncated" in reason(tmp_path / f"cut-{name}")
    assert len(audio.read(tmp_path / name)) == len(noise)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.wma", "a.mka", "a.m4a"])
def test_truncated_files_of_ffmpeg(tmp_path: Path, name: str) -> None:
    audio.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32), RATE)
    ffmpeg("-i", tmp_path / "a.wav", "-movflags", "faststart", tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(whole[: len(whole) * 6 // 10])
    assert "damaged or truncated" in reason(tmp_path / f"cut-{name}")


def test_samples_that_are_not_numbers(tmp_path: Path) -> None:
    sound = tone(1)
    sound[22_050, 1] = np.nan
    soundfile.write(tmp_path / "nan.wav", sound, RATE, subtype="FLOAT")
    sound[22_050, 1] = np.inf
    soundfile.write(tmp_path / "inf.wav", sound, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "huge.wav", np.full(5000, 3e38), 48_000, subtype="FLOAT")
    assert reason(tmp_path / "nan.wav").endswith("first at 0.50 s")
    assert "not finite numbers" in reason(tmp_path / "inf.wav")
    assert "so large" in reason(tmp_path / "huge.wav")


def test_a_file_without_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), RATE)
    assert reason(tmp_path / "a.wav") == "holds no samples"


def test_names_with_odd_characters_stay_on_one_line(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/-a\nb\xff'$(x).wav"))
    path.write_bytes(b"nothing")
    with pytest.raises(AudioError) as caught:
        audio.read(path)
    text = str(caught.value)
    assert "-a\\nb\\xff'$(x).wav" in text and text.isprintable()
    audio.write(path, tone(0.1), RATE)
    assert len(audio.read(path)) == 4410


# ------------------------------------------------------------------------------------------------------ the worker


def worker(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Replaces the decoder by a program that misbehaves."""
    monkeypatch.setattr(process, "get_command", lambda: [sys.executable, "-c", code])


HEADER = "import json, os, signal, struct, sys, time; out = sys.stdout.buffer; sys.stdin.readline(); " + (
    'head = json.dumps({"rate": 44100, "channels": 2, "order": "wave", "dtype": "<f4"}).encode(); '
    'out.write(b"H" + struct.pack("<I", len(head)) + head); out.write(b"S" + struct.pack("<I", 800) + bytes(800)); '
    "out.flush(); "
)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "crashed its decoder (SIGABRT)"),
        (HEADER + "os.kill(os.getpid(), signal.SIGSEGV)", "crashed its decoder (SIGSEGV)"),
        (HEADER + "sys.exit(3)", "stopped its decoder (code 3)"),
        (HEADER + "time.sleep(600)", "stopped its decoder: no samples for 1 s"),
        ("import time; time.sleep(600)", "stopped its decoder: no samples for 1 s"),
    ],
)
def test_a_decoder_that_crashes_or_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, said: str) -> None:
    audio.write(tmp_path / "a.wav", tone(0.1), RATE)
    worker(monkeypatch, code)
    with pytest.raises(audio.FileError) as caught:
        list(audio.read_blocks(tmp_path / "a.wav", timeout=1.0 if "sleep" in code else 60.0))
    assert caught.value.reason == said


def test_a_decoder_that_talks_nonsense(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(0.1), RATE)
    worker(monkeypatch, "import sys, time; sys.stdout.write('x' * 100); sys.stdout.flush(); time.sleep(600)")
    with pytest.raises(audio.FileError, match="nonsense"):
        list(audio.read_blocks(tmp_path / "a.wav", timeout=30.0))


HEADER = b'{"rate": 44100, "channels": 2, "order": "wave", "dtype": "<f4"}'


@pytest.mark.parametrize(
    "messages",
    [
        [(b"H", b"[]")],
        [(b"H", b'{"rate": 1e999, "channels": 2, "order": "wave", "dtype": "<f4"}')],
        [(b"H", b'{"rate": 44100, "channels": 2, "order": "wave", "dtype": "O"}')],
        [(b"S", b"12345678")],
        [(b"E", b'{"error": 3}')],
        [(b"H", HEADER), (b"S", b"123")],
        [(b"H", HEADER), (b"H", HEADER)],
        [(b"H", HEADER), (b"E", b"\xff")],
    ],
)
def test_a_decoder_in_foreign_hands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, messages: list[tuple[bytes, bytes]]
) -> None:
    audio.write(tmp_path / "a.wav", tone(0.1), RATE)
    said = b"".join(kind + len(content).to_bytes(4, "little") + content for kind, content in messages)
    worker(monkeypatch, f"import sys, time; sys.stdout.buffer.write({said!r}); sys.stdout.flush(); time.sleep(600)")
    with pytest.raises(audio.FileError, match="nonsense"):
        list(audio.read_blocks(tmp_path / "a.wav", timeout=30.0))


def test_the_real_decoder_stopped_from_outside(tmp_path: Path) -> None:
    """A worker that goes on with nothing is ended, and its process is gone."""
    audio.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, (RATE * 60, 2)).astype(np.float32), RATE)
    with process.Decoder(tmp_path / "a.flac") as decoder:
        blocks = iter(decoder)
        next(blocks)
        decoder._timeout = 1.0  # from now on: to start may take longer
        os.killpg(decoder._process.pid, signal.SIGSTOP)
        with pytest.raises(audio.FileError, match="no samples for 1 s"):
            list(blocks)
    assert decoder._process.returncode == -signal.SIGKILL


def test_a_decoder_that_wants_too_much_memory(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", tone(1), RATE)
    with pytest.raises(audio.FileError):
        list(audio.read_blocks(tmp_path / "a.flac", memory=30 << 20))
    assert len(audio.read(tmp_path / "a.flac")) == RATE


def test_an_abandoned_file_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio.write(tmp_path / "a.wav", tone(20), RATE)
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **options: object) -> None:
            super().__init__(*words, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(process.subprocess, "Popen", Recorded)
    stream = audio.read_blocks(tmp_path / "a.wav")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(started) == 1 and started[0].returncode is not None


def test_the_worker_leaves_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from musika.audio import process; "
        "process.get_command = lambda: [sys.executable, '-P', sys.argv[2]]; "
        "decoder = process.Decoder(Path(sys.argv[1])); print(decoder._process.pid, flush=True); time.sleep(600)"
    )
    audio.write(tmp_path / "a.wav", tone(60), RATE)
    script = str(Path(process.__file__).with_name("worker.py"))
    root = str(Path(process.__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a.wav", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_worker_is_light() -> None:
    script = Path(process.__file__).with_name("worker.py")
    code = (
        f"import runpy, sys; runpy.run_path({str(script)!r}); import soundfile; "
        "print(any(m in sys.modules for m in ('keras', 'tensorflow', 'jax', 'scipy', 'librosa', 'musika')))"
    )
    said = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


# ------------------------------------------------------------------------------------------------------------ find


def test_find(tmp_path: Path) -> None:
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


def test_find_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AudioError, match=r"there is no audio in .*looked for wav") as caught:
        audio.find_files(tmp_path)
    assert caught.value.about == "audio"
    with pytest.raises(AudioError, match=r"there is no folder .*missing$") as caught:
        audio.find_files(tmp_path / "missing")
    assert caught.value.about == "audio"


# --------------------------------------------------------------------------------------------------------- writing


def test_dither_does_not_depend_on_blocks(tmp_path: Path) -> None:
    sound = tone(4)
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


def test_other_encodings(tmp_path: Path) -> None:
    sound = tone(0.2) * 3
    audio.write(tmp_path / "a.wav", sound, RATE, encoding="FLOAT", metadata={"title": "é \udcff"})
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0], sound)
    assert soundfile.SoundFile(tmp_path / "a.wav").title == "é \\xff"  # of a folder with any name
    audio.write(tmp_path / "a.flac", sound / 4, RATE, encoding="PCM_24")
    assert np.abs(soundfile.read(tmp_path / "a.flac")[0] - sound / 4).max() < 2**-23
    with pytest.raises(AudioError, match="cannot be written in the encoding FLOAT"):
        audio.write(tmp_path / "b.flac", sound, RATE, encoding="FLOAT")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield tone(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audio.write(tmp_path / "a.wav", broken(), RATE)
    with pytest.raises(AudioError, match=r"must end in .wav"):
        audio.write(tmp_path / "a.xyz", tone(), RATE)
    with pytest.raises(AudioError, match="no samples"):
        audio.write(tmp_path / "a.wav", [], RATE)
    with pytest.raises(AudioError, match="not finite"):
        audio.write(tmp_path / "a.wav", np.full((10, 2), np.nan, np.float32), RATE)
    (tmp_path / "file").touch()
    with pytest.raises(AudioError, match=r"cannot be written: (not a directory|file exists)"):
        audio.write(tmp_path / "file" / "a.wav", tone(), RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, name: str) -> None:
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
    audio.write(tmp_path / "a.wav", tone(0.5), RATE)
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(AudioError):
        audio.write(tmp_path / "a.wav", iter([tone(), np.full((99, 2), np.inf, np.float32)]), RATE)
    assert (tmp_path / "a.wav").read_bytes() == before


def test_no_threads_are_left(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(), RATE)
    before = set(threading.enumerate())
    for _ in range(3):
        audio.read(tmp_path / "a.wav")
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(threading.enumerate()) - before
