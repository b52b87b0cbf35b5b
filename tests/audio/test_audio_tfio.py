"""Both readers agree. Runs in the environment of requirements-tfio.txt alone (docs/guide/audio-files.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import audio, latents
from musika.cli import encode as encode_verb
from musika.cli.flags import EncodeOptions
from tests.cli.test_encode_decode import Averages
from tests.helpers.audio_files import (
    ID3V1,
    encode,
    find_xing,
    make_id3v2,
    set_bytes,
    set_wav_size,
    split_mp3,
)

pytest.importorskip("tensorflow_io")

from musika.audio import tfio

RATE = 44_100
RESAMPLED = 1e-3  # largest difference after resampling: the filters differ near the top of the band


def both(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The file by the first and by the second reader."""
    return audio.read(path), np.concatenate(list(tfio.read_blocks(path)))


def sound(rate: int, channels: int, seconds: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(0)
    low = np.cumsum(rng.normal(0, 0.01, (round(seconds * rate), channels)), axis=0)  # most of it at low frequencies
    return (0.5 * np.sin(low)).astype(np.float32)


def test_songs(songs: list[Path]) -> None:
    for path in songs:
        first, second = both(path)
        assert first.shape == second.shape and second.dtype == np.float32, path.name
        exact = soundfile.info(path).samplerate == RATE
        assert np.abs(first - second).max() < (1e-5 if exact else RESAMPLED), path.name


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_wav_is_the_same(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "a.wav", sound(RATE, 2), RATE, subtype=kind)
    first, second = both(tmp_path / "a.wav")
    assert np.array_equal(first, second)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000])
def test_resampling_agrees(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.flac", sound(rate, 2), rate, subtype="PCM_24")
    first, second = both(tmp_path / "a.flac")
    assert first.shape == second.shape
    assert np.abs(first - second)[2000:-2000].max() < RESAMPLED


@pytest.mark.parametrize("channels", [1, 3, 6, 8])
def test_channels_agree(tmp_path: Path, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", sound(RATE, channels), RATE)
    first, second = both(tmp_path / "a.wav")
    assert np.abs(first - second).max() < 1e-6


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_pieces_join_to_the_whole(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sound(rate, 2), rate)
    pieces = list(tfio.read_blocks(tmp_path / "a.wav", 1000))
    assert all(len(piece) == 1000 for piece in pieces[:-1])
    assert sum(map(len, pieces)) == round(1.5 * RATE)


def test_what_it_does_not_read_is_an_error(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.opus", sound(RATE, 2), RATE)
    audio.write(tmp_path / "a.aiff", sound(RATE, 2), RATE)
    audio.write(tmp_path / "a.wav", sound(RATE, 2), RATE)
    soundfile.write(tmp_path / "b.wav", sound(RATE, 2), RATE, subtype="PCM_32")
    soundfile.write(tmp_path / "c.wav", np.full((100, 2), np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "d.wav", sound(44_101, 2), 44_101)
    (tmp_path / "text.mp3").write_text("no music here\n" * 500)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:50_000])
    for name, reason in [
        ("a.opus", "is not audio for tensorflow-io"),
        ("a.aiff", "is not audio for tensorflow-io"),
        ("b.wav", "the soundfile reader"),
        ("c.wav", "not finite numbers"),
        ("d.wav", "odd sample rate"),
        ("text.mp3", "is not audio for tensorflow-io"),
        ("cut.wav", "is truncated"),
        ("missing.wav", "does not exist"),
    ]:
        with pytest.raises(audio.FileError) as caught:
            list(tfio.read_blocks(tmp_path / name))
        assert reason in caught.value.reason and "\n" not in str(caught.value), name


def test_headers_that_are_wrong_are_read_alike(tmp_path: Path) -> None:
    """Both readers look at the layout of a file first (tests/audio/test_layout.py)."""
    x = sound(RATE, 2)
    wav, flac, mp3, ogg = encode(x, "WAV", "PCM_24"), encode(x, "FLAC"), encode(x, "MP3"), encode(x, "OGG", "VORBIS")
    frames = split_mp3(mp3)
    mono = encode(sound(22_050, 1), "MP3", rate=22_050)
    files = {
        "pipe.wav": set_wav_size(wav, 0x7FFF_F000 // 6 * 6),
        "no power.wav": set_wav_size(wav, 0),
        "tag.flac": flac + ID3V1,
        "zeros.flac": flac + bytes(5000),
        "two.flac": flac + flac,
        "no count.mp3": set_bytes(mp3, find_xing(mp3) + 8, bytes(4)),
        "no tag.mp3": make_id3v2(b"Information") + b"".join(frames[1:]),
        "changes.mp3": mp3 + mono,
        "chain.ogg": ogg + encode(sound(48_000, 2), "OGG", "VORBIS", 48_000),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        first, second = both(tmp_path / name)
        assert first.shape == second.shape and np.abs(first - second).max() < 0.01, name
    broken = {
        "cut.mp3": (mp3[: len(mp3) // 2], "is truncated"),
        "hole.mp3": (b"".join([*frames[1:10], bytes(12_000), *frames[40:]]), "truncated"),
        "cut.ogg": (ogg + ogg[:-9], "is truncated"),
        "units.wav": (encode(32_768 * x, "WAV", "FLOAT"), "in integer units"),
    }
    for name, (content, reason) in broken.items():
        (tmp_path / name).write_bytes(content)
        for read in (audio.read_blocks, tfio.read_blocks):
            with pytest.raises(audio.FileError) as caught:
                list(read(tmp_path / name))
            assert reason in caught.value.reason, name


def test_encoding_with_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", sound(48_000, 2, 3), 48_000)
    (tmp_path / "in" / "b.mp3").write_text("no music")
    for reader in ("soundfile", "tensorflow-io"):
        options = EncodeOptions(files_path=tmp_path / "in", save_path=tmp_path / reader, max_lat_len=10, reader=reader)
        assert encode_verb.encode_folder(options, Averages) == 1
    for name in ("a.wav_0000.npy", "a.wav_0003.npy"):
        first, second = (np.load(tmp_path / reader / name) for reader in ("soundfile", "tensorflow-io"))
        assert np.abs(first - second).max() < 1e-4
    index = latents.read_index(tmp_path / "tensorflow-io")
    assert index is not None and [item["path"] for item in index.skipped] == ["b.mp3"]
