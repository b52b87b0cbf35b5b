"""Streams without an end hold what a file of the same samples holds, in bytes that can be played as they come."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.errors import AudioError
from tests.helpers.audio_files import RATE, make_tones

KINDS = ("wav", "flac", "mp3", "ogg", "opus")
MP3_DELAY = 1152 + 576 + 529  # samples: a first empty frame, the encoder, the decoder; only files state it


def encode_live(sound: np.ndarray, kind: str, size: int, tags: dict[str, str] | None = None) -> list[bytes]:
    encoder = audio.LiveEncoder(f".{kind}", RATE, 2, tags)
    parts = [encoder.encode(sound[k : k + size]) for k in range(0, len(sound), size)]
    return [*parts, encoder.finish()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_holds_the_sound(kind: str, tmp_path: Path) -> None:
    sound = make_tones(3.0)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"".join(encode_live(sound, kind, 4096, {"title": "a", "comment": "b"})))
    found = audio.read(path)
    delay = MP3_DELAY if kind == "mp3" else 0
    assert len(sound) <= len(found) - delay <= len(sound) + {"mp3": 1152, "opus": 600}.get(kind, 0)
    inner = slice(2000, len(sound) - 2000)
    assert np.abs(found[delay:][inner] - sound[inner]).max() < 0.05
    assert audio.read_tags(path)["comment"] == ("b",)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_lossless_streams_have_the_samples_of_the_file(kind: str, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (150_000, 2)).astype(np.float32)  # dither is drawn three times
    audio.write(tmp_path / f"a.{kind}", sound, RATE)
    (tmp_path / f"b.{kind}").write_bytes(b"".join(encode_live(sound, kind, 1000)))
    assert np.array_equal(*(audio.read(tmp_path / f"{name}.{kind}") for name in "ab"))


@pytest.mark.parametrize(("kind", "seconds"), [("wav", 0.05), ("flac", 0.2), ("mp3", 0.1), ("ogg", 1.0), ("opus", 1.2)])
def test_bytes_come_soon(kind: str, seconds: float) -> None:
    size = round(0.05 * RATE)
    parts = encode_live(np.random.default_rng(0).normal(0, 0.1, (3 * RATE, 2)).astype(np.float32), kind, size)
    steps = round(seconds / 0.05) + 1
    sums = np.convolve([len(part) > 0 for part in parts[1:-1]], np.ones(steps), "valid")
    assert len(parts[0]) > 0 or kind == "mp3"  # the header
    assert sums.min() > 0


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_ffmpeg_plays_a_stream_from_a_pipe(kind: str) -> None:
    data = b"".join(encode_live(make_tones(2.0), kind, 4410))
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ac", "2", "-ar", str(RATE), "-"]
    result = subprocess.run(command, input=data, capture_output=True, check=True)
    assert result.stderr == b""
    assert abs(len(result.stdout) / 4 - 2 * RATE) < 3000


def test_a_stream_that_is_given_up_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in KINDS:
        encoder = audio.LiveEncoder(f".{kind}", RATE)
        encoder.encode(make_tones(0.3))
        encoder.close()
        del encoder
    assert capfd.readouterr() == ("", "")


def test_samples_that_are_no_numbers_are_refused() -> None:
    encoder = audio.LiveEncoder(".mp3", RATE)
    with pytest.raises(AudioError, match="the stream cannot be written: its samples are not finite"):
        encoder.encode(np.full((4096, 2), np.nan, np.float32))
    encoder.close()
