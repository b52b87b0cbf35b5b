"""Tags are written in every format, read by every reader, and a hostile file costs nothing."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.audio.crc import FLAC, OGG, append_zeros, compute_crc
from musika.audio.id3 import make_id3_tag
from musika.audio.tags import LONGEST_READ
from tests.helpers.audio_files import RATE, make_tones

KINDS = ("wav", "flac", "ogg", "opus", "mp3", "aiff")
TAGS = {"title": "Prélude ピアノ 7", "artist": "Ann", "comment": json.dumps({"seed": 7, "long": "x" * 5000})}
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


def write_tagged(folder: Path, kind: str) -> Path:
    return audio.write(folder / f"a.{kind}", make_tones(0.3), RATE, TAGS).path


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_read_again(kind: str, tmp_path: Path) -> None:
    found = audio.read_tags(write_tagged(tmp_path, kind))
    assert {name: found[name] for name in TAGS} == {name: (text,) for name, text in TAGS.items()}
    assert len(audio.read(tmp_path / f"a.{kind}")) == round(0.3 * RATE)


@needs_ffprobe
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "aiff"])  # ffmpeg reads titles of AIFF files only
def test_ffprobe_reads_the_tags(kind: str, tmp_path: Path) -> None:
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json"]
    result = subprocess.run([*command, write_tagged(tmp_path, kind)], capture_output=True, check=True)
    assert result.stderr == b""
    answer = json.loads(result.stdout)
    found = {**answer["streams"][0].get("tags", {}), **answer["format"].get("tags", {})}
    found = {name.lower(): text for name, text in found.items()}
    assert {name: found[name] for name in TAGS} == TAGS


def test_a_file_without_tags_has_none(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "mp3"):
        path = audio.write(tmp_path / f"a.{kind}", make_tones(0.1), RATE).path
        assert "comment" not in audio.read_tags(path) and "title" not in audio.read_tags(path)


def test_files_that_have_no_tags_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"no sound at all, but a text of some length")
    with pytest.raises(audio.FileError, match="is not audio that can be read"):
        audio.read_tags(tmp_path / "a.txt")
    with pytest.raises(audio.FileError, match="does not exist"):
        audio.read_tags(tmp_path / "b.wav")
    with pytest.raises(audio.FileError, match="is a folder"):
        audio.read_tags(tmp_path)


def make_huge_files() -> dict[str, bytes]:
    """Files whose tags claim to be larger than memory, or never end."""
    huge = 0x7FFF_FFF0
    comments = struct.pack("<I", 0) + struct.pack("<I", 0xFFFF_FFFF) + struct.pack("<I", huge)
    flac = b"fLaC" + bytes([0x84]) + (len(comments)).to_bytes(3, "big") + comments
    wav = b"RIFF" + struct.pack("<I", huge) + b"WAVE" + b"LIST" + struct.pack("<I", huge) + b"INFO"
    mp3 = b"ID3\x04\0\0" + b"\x7f\x7f\x7f\x7f" + b"COMM" + b"\x7f\x7f\x7f\x7f" + b"\0\0"
    chunk = b"LIST" + struct.pack("<I", 4) + b"INFO"
    many = b"RIFF" + struct.pack("<I", huge) + b"WAVE" + chunk * 200_000
    return {"a.flac": flac, "a.wav": wav, "a.mp3": mp3, "many.wav": many}


@pytest.mark.parametrize("name", list(make_huge_files()))
def test_hostile_tags_are_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with open(path, "wb") as file:
        file.write(make_huge_files()[name])
        file.truncate(1 << 32)  # a file with a hole, so that the sizes are believable
    started = time.process_time()
    try:
        found = audio.read_tags(path)
    except audio.FileError as error:
        assert "tags that cannot be read" in str(error)
    else:
        assert not found.get("comment")
    assert time.process_time() - started < 10  # it ends, and does not read 4 GiB


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_tags_raise_nothing_else(kind: str, tmp_path: Path) -> None:
    data = write_tagged(tmp_path, kind).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / f"damaged.{kind}"
    for _ in range(60):
        damaged = bytearray(data[: int(random.integers(1, 8000))])
        for place in random.integers(0, len(damaged), 4):
            damaged[place] = int(random.integers(0, 256))
        path.write_bytes(damaged)
        try:
            texts = audio.read_tags(path).values()
        except audio.FileError:
            continue
        assert all(len(text) <= LONGEST_READ for parts in texts for text in parts)


@pytest.mark.parametrize("kind", [OGG, FLAC])
def test_check_sums_of_zeros_are_computed_without_them(kind: tuple[int, int]) -> None:
    data = b"some bytes"
    for count in (0, 1, 7, 255, 4096):
        assert append_zeros(compute_crc(data, kind), kind, count) == compute_crc(data + bytes(count), kind)


@pytest.mark.parametrize("bits", ["16", "24", "32f"])
def test_readers_of_id3_find_the_tags_of_wav_files(bits: str, tmp_path: Path) -> None:
    data = audio.write(tmp_path / "a.wav", make_tones(0.1), RATE, TAGS, bits=bits).path.read_bytes()
    place = data.index(b"id3 ")
    (size,) = struct.unpack_from("<I", data, place + 4)
    assert data[place + 8 : place + 8 + size] == make_id3_tag(TAGS)
    assert data.index(b"data", place) == place + 8 + size + size % 2
