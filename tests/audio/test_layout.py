"""Files whose header is wrong, missing or followed by more: all of their sound is read, or the reason is exact."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import audio
from musika.audio import decode, process, reader
from musika.audio.layout import PartFile, Unreadable, mpeg, read_layout
from musika.audio.messages import Format
from tests.helpers.audio_files import (
    ENHANCED_ID3V1,
    ID3V1,
    LYRICS3,
    RATE,
    encode,
    find_xing,
    make_ape_tag,
    make_id3v2,
    make_tones,
    set_bytes,
    set_wav_size,
    split_mp3,
    walk_ogg,
)

SECONDS = 1.2
SOUND = make_tones(SECONDS)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


class DecoderHere:
    """The decoder without a process of its own, which takes most of the time of a small file."""

    def __init__(self, path: Path, memory: int, timeout: float) -> None:
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[tuple[Format, np.ndarray]]:
        try:
            for item in decode.decode(str(self._path), process.BLOCK):
                if isinstance(item, Format):
                    form = item
                else:
                    yield form, np.frombuffer(item, form.dtype).astype(np.float32).reshape(-1, form.channels)
        except Unreadable as reason:
            raise audio.FileError(self._path, str(reason)) from None


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "Decoder", DecoderHere)


def read(folder: Path, content: bytes, name: str = "a.bin") -> np.ndarray:
    """What the product reads from a file of this content: the name says nothing of the kind."""
    (folder / name).write_bytes(content)
    return audio.read(folder / name)


def refuse(folder: Path, content: bytes, name: str = "a.bin") -> str:
    """Why the product does not read a file of this content."""
    with pytest.raises(audio.FileError) as caught:
        read(folder, content, name)
    assert "\n" not in str(caught.value)
    return caught.value.reason


def decode_mp3(content: bytes) -> np.ndarray:
    """All frames of an MP3 file, `[n, channels]`, by libsndfile alone, which must not know the size."""
    receiving, sending = os.pipe()

    def feed() -> None:
        with os.fdopen(sending, "wb") as file:
            file.write(content)

    threading.Thread(target=feed, daemon=True).start()
    with soundfile.SoundFile(receiving) as sound:
        blocks = []
        while len(block := sound.read(1152, dtype="float32", always_2d=True)):
            blocks.append(block)
    return np.concatenate(blocks)


# ------------------------------------------------------------------------------------------------------------- MP3

MP3 = encode(SOUND, "MP3")
FRAMES = split_mp3(MP3)  # the first one is LAME's tag
XING = find_xing(MP3)
COUNT = len(FRAMES) - 1


def make_vbri(frames: int) -> bytes:
    """Fraunhofer's tag in place of LAME's."""
    tag = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(MP3), frames)
    return FRAMES[0][:4] + (bytes(32) + tag).ljust(len(FRAMES[0]) - 4, b"\0")


def test_the_first_frame_says_how_long_an_mp3_is(tmp_path: Path) -> None:
    found = read(tmp_path, MP3)
    assert len(found) == len(SOUND)
    assert np.abs(found - SOUND)[2000:-2000].max() < 0.01


@pytest.mark.parametrize("frames", [0, 1, COUNT // 2, COUNT - 20])
def test_a_number_of_frames_that_is_too_small(tmp_path: Path, frames: int) -> None:
    """LAME's tag still says how much silence the encoder added, so the length is exact."""
    content = set_bytes(MP3, XING + 8, struct.pack(">I", frames))
    assert np.array_equal(read(tmp_path, content), read(tmp_path, MP3))


def test_a_number_of_frames_that_is_not_there(tmp_path: Path) -> None:
    flags = struct.unpack(">I", MP3[XING + 4 : XING + 8])[0]
    assert flags & 1
    without = MP3[: XING + 4] + struct.pack(">I", flags & ~1) + MP3[XING + 12 : len(FRAMES[0])] + bytes(4)
    content = without + MP3[len(FRAMES[0]) :]
    assert np.array_equal(read(tmp_path, content), read(tmp_path, MP3))


def test_only_the_flag_of_an_mp3s_tag_counts(tmp_path: Path) -> None:
    """Without flags there is a name only; what stands behind it, here a large number, is no number of frames."""
    content = set_bytes(MP3, XING + 4, struct.pack(">II", 0, 1_000_000) + bytes(160))
    assert np.array_equal(read(tmp_path, content), decode_mp3(b"".join(FRAMES[1:])))


@pytest.mark.parametrize("frames", [0, COUNT // 2, COUNT])
def test_the_tag_of_fraunhofer(tmp_path: Path, frames: int) -> None:
    content = make_vbri(frames) + b"".join(FRAMES[1:])
    assert np.array_equal(read(tmp_path, content), decode_mp3(b"".join(FRAMES[1:])))


@pytest.mark.parametrize(
    "tags",
    [
        make_id3v2(b"title") + make_id3v2(b"Information"),
        make_id3v2(b"Xing" * 300, has_footer=True) + make_id3v2(b"VBRI"),
        make_id3v2(b"x" * 5000) + bytes(3000),
        bytes(417),
    ],
    ids=["two tags", "footer", "padding behind a tag", "padding"],
)
def test_what_stands_in_front_of_an_mp3(tmp_path: Path, tags: bytes) -> None:
    sound = b"".join(FRAMES[1:])
    assert np.array_equal(read(tmp_path, tags + sound), decode_mp3(sound))
    assert np.array_equal(read(tmp_path, tags + MP3), read(tmp_path, MP3))


@pytest.mark.parametrize(
    "rest",
    [ID3V1, ENHANCED_ID3V1, LYRICS3 + ID3V1, make_ape_tag(b"x" * 3000), make_id3v2(b"late") + ID3V1, bytes(5000)],
    ids=["ID3v1", "enhanced ID3v1", "Lyrics3", "APE", "ID3v2 at the end", "zeros"],
)
@pytest.mark.parametrize("has_tag", [True, False])
def test_what_stands_behind_an_mp3(tmp_path: Path, rest: bytes, has_tag: bool) -> None:
    content = MP3 if has_tag else b"".join(FRAMES[1:])
    assert np.array_equal(read(tmp_path, content + rest), read(tmp_path, content))


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 2), (22_050, 1), (44_100, 1), (48_000, 2), (16_000, 1)])
def test_the_tag_stands_elsewhere_in_other_mp3s(tmp_path: Path, rate: int, channels: int) -> None:
    sound = make_tones(SECONDS, rate, channels)
    content = encode(sound, "MP3", rate=rate)
    place = find_xing(content)
    expected = read(tmp_path, content)
    assert len(expected) == round(SECONDS * RATE)
    assert np.array_equal(read(tmp_path, set_bytes(content, place + 8, bytes(4))), expected)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_an_mp3_that_is_cut(tmp_path: Path, share: float) -> None:
    kept = FRAMES[: int(len(FRAMES) * share)]
    whole, held = ((n * 1152 / RATE) for n in (COUNT, len(kept) - 1))
    reason = f"is truncated: it should hold {whole:.1f} s of sound, and it holds {held:.1f} s"
    assert refuse(tmp_path, b"".join(kept) + FRAMES[len(kept)][:50]) == reason
    assert refuse(tmp_path, make_vbri(COUNT) + b"".join(kept[1:])) == reason


def test_a_hole_in_an_mp3_is_not_passed_over(tmp_path: Path) -> None:
    """Zeros where frames should be: with a number of frames and without, the file is refused."""
    middle = b"".join(FRAMES[10:35])
    for first in (FRAMES[:1], []):
        content = b"".join([*first, *FRAMES[1:10], bytes(len(middle)), *FRAMES[35:]])
        reason = refuse(tmp_path, content)
        assert "truncated" in reason


@pytest.mark.parametrize("between", [b"", make_id3v2(b"second") + bytes(200), ID3V1 + make_id3v2(b"second")])
def test_mp3_files_one_after_another(tmp_path: Path, between: bytes) -> None:
    """Each has its own tag, with its own number of frames."""
    other = make_tones(0.7)[:, ::-1]
    found = read(tmp_path, MP3 + between + encode(other, "MP3"))
    assert np.array_equal(found[: len(SOUND)], read(tmp_path, MP3))
    assert np.array_equal(found[len(SOUND) :], read(tmp_path, encode(other, "MP3")))


def test_tags_between_frames_are_no_sound(tmp_path: Path) -> None:
    """Two files without a number of frames, one behind the other, with a tag that is larger than libmpg123 searches."""
    sound = [b"".join(FRAMES[1:]), b"".join(FRAMES[1:])]
    assert np.array_equal(read(tmp_path, make_id3v2(b"x" * 70_000).join(sound)), read(tmp_path, b"".join(sound)))


def test_an_mp3_that_ends_behind_its_tag(tmp_path: Path) -> None:
    assert "it holds 0.0 s" in refuse(tmp_path, b"".join(FRAMES[:1]) + FRAMES[1][:100])


def test_a_second_number_of_frames_counts(tmp_path: Path) -> None:
    """A program put a tag in front of that of LAME: with the first one alone, the file would seem to be cut."""
    content = set_bytes(FRAMES[0], XING + 8, struct.pack(">I", 10_000)) + MP3
    assert np.array_equal(read(tmp_path, content), read(tmp_path, MP3))


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 2), (44_100, 1), (48_000, 2), (16_000, 1)])
@pytest.mark.parametrize("has_tag", [True, False])
def test_an_mp3_whose_format_changes(tmp_path: Path, rate: int, channels: int, has_tag: bool) -> None:
    second = encode(make_tones(0.7, rate, channels), "MP3", rate=rate)
    parts = [MP3, second] if has_tag else [b"".join(split_mp3(content)[1:]) for content in (MP3, second)]
    found = read(tmp_path, parts[0] + parts[1])
    first = read(tmp_path, parts[0])
    assert np.array_equal(found[: len(first)], first)
    assert np.abs(found[len(first) :] - read(tmp_path, parts[1])).max() < 1e-6


def test_an_mp3_of_unstated_frame_size(tmp_path: Path) -> None:
    """ "Free" bit rate: frames of one size that no header states. Those of 320 kbit/s become such frames."""
    loud = np.random.default_rng(0).normal(0, 0.1, (RATE, 2)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, loud, RATE, format="MP3", compression_level=0.0, bitrate_mode="CONSTANT")
    frames = split_mp3(file.getvalue())[1:]
    assert {frame[2] >> 4 for frame in frames} == {14}
    free = b"".join(set_bytes(frame, 2, bytes([frame[2] & 0x0F])) for frame in frames)
    found = read(tmp_path, free)
    assert 0 <= 1152 * len(frames) - len(found) <= 1152
    assert np.abs(found - decode_mp3(b"".join(frames))[: len(found)])[3000:].max() < 1e-6


def test_headers_of_mpeg_frames() -> None:
    """Sizes by the formula of the standard: samples / 8 * bit rate / sample rate, and padding."""
    stereo, padded = mpeg.read_header(bytes.fromhex("fffb9064")), mpeg.read_header(bytes.fromhex("fffb9264"))
    assert stereo is not None and (stereo.rate, stereo.samples, stereo.size) == (44_100, 1152, 417)
    assert padded is not None and padded.size == 418
    layer_2 = mpeg.read_header(bytes.fromhex("fffda404"))
    assert layer_2 is not None and (layer_2.layer, layer_2.rate, layer_2.size) == (2, 48_000, 576)
    layer_1 = mpeg.read_header(bytes.fromhex("ffffc004"))
    assert layer_1 is not None and (layer_1.layer, layer_1.samples, layer_1.size) == (1, 384, 416)
    for wrong in ("fffb0064", "fffbf064", "fffb9c64", "ffeb9064", "fff99064", "fefb9064"):
        assert mpeg.read_header(bytes.fromhex(wrong)) is None


# ------------------------------------------------------------------------------------------------- WAV and its kind


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_wav_written_into_a_pipe(tmp_path: Path, subtype: str, channels: int) -> None:
    """sox promises 2^31 - 4096 bytes in whole frames; others 2^31 or 2^32, less their header, or nothing."""
    content = encode(make_tones(0.2, channels=channels), "WAV", subtype)
    frame = channels * {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}[subtype]
    expected = read(tmp_path, content)
    assert len(expected) == 8820
    head = content.index(b"data") + 8
    for size in (0x7FFF_F000 // frame * frame, 0x7FFF_FFFF, 1 << 31, 0xFFFF_FFFF, 0xFFFF_FFFF - head, 0):
        assert np.array_equal(read(tmp_path, set_wav_size(content, size)), expected), hex(size)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s24le"),
        ("wav", "adpcm_ms"),
        ("wav", "libmp3lame"),
        ("aiff", "pcm_s16be"),
        ("au", "pcm_s16be"),
        ("caf", "pcm_s24be"),
        ("w64", "pcm_s16le"),
    ],
)
def test_what_ffmpeg_writes_into_a_pipe(tmp_path: Path, container: str, codec: str) -> None:
    (tmp_path / "in.wav").write_bytes(encode(SOUND, "WAV", "PCM_16"))
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "in.wav", "-c:a", codec]
    subprocess.run([*command, tmp_path / f"seekable.{container}"], check=True)
    piped = subprocess.run([*command, "-f", container, "-"], stdout=subprocess.PIPE, check=True).stdout
    expected = audio.read(tmp_path / f"seekable.{container}")
    assert len(expected) >= len(SOUND)
    assert np.array_equal(read(tmp_path, piped), expected)


def test_a_recorder_that_lost_its_power(tmp_path: Path) -> None:
    """The size was never filled in. Chunks that were written behind the samples are not sound."""
    content = encode(SOUND, "WAV", "PCM_16")
    expected = read(tmp_path, content)
    for riff in (0, 36, len(content) - 8):
        lost = set_bytes(set_wav_size(content, 0), 4, struct.pack("<I", riff))
        assert np.array_equal(read(tmp_path, lost), expected)
        for odd in (b"", b"\0\0"):
            cue = b"cue " + struct.pack("<II", 4, 0) + b"LIST" + struct.pack("<I", 4) + b"INFO"
            assert np.array_equal(read(tmp_path, lost + odd + cue)[: len(expected)], expected)
    assert np.array_equal(read(tmp_path, lost + cue), expected)


def test_a_wav_without_samples_stays_one(tmp_path: Path) -> None:
    empty = encode(SOUND[:0], "WAV", "PCM_16")
    assert refuse(tmp_path, empty) == "holds no samples"
    assert refuse(tmp_path, empty + b"LIST" + struct.pack("<I", 4) + b"INFO") == "holds no samples"


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAVEX", "FLOAT"),
        ("AIFF", "PCM_16"),
        ("AIFF", "FLOAT"),
        ("AIFF", "PCM_S8"),
        ("AU", "PCM_16"),
    ],
)
def test_a_size_of_32_bits_that_was_too_small(tmp_path: Path, container: str, subtype: str, times: int) -> None:
    """4 GiB more than the header says lie behind it. The file has a hole, so that it takes no room."""
    path = tmp_path / "long"
    path.write_bytes(encode(SOUND, container, subtype))
    width = 2 * {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "FLOAT": 4}[subtype]
    expected = len(SOUND) + (times << 32) // width
    with open(path, "r+b") as file:
        file.seek((times << 32) + path.stat().st_size - 1)
        file.write(b"\0")
        (part,) = read_layout(file).parts
        with soundfile.SoundFile(PartFile(file, part)) as sound:
            assert sound.frames == expected and sound.subtype == subtype
            assert np.abs(sound.read(len(SOUND), dtype="float32") - SOUND).max() < 1 / 120
            sound.seek(expected - 5)
            assert len(sound.read(100)) == 5
    blocks = audio.read_blocks(path)
    first = next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert np.abs(first[: len(SOUND)] - SOUND[: len(first)]).max() < 1 / 120


CUT = [
    *[("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT", "MS_ADPCM")],
    *[(container, "PCM_16") for container in ("WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "VOC")],
    *[("RF64", "FLOAT"), ("W64", "PCM_24"), ("AIFF", "FLOAT"), ("AU", "ULAW"), ("CAF", "ALAC_16")],
]


@pytest.mark.parametrize(("container", "subtype"), CUT)
def test_a_cut_file_is_refused_whatever_its_container(tmp_path: Path, container: str, subtype: str) -> None:
    content = encode(SOUND, container, subtype)
    assert len(read(tmp_path, content)) >= len(SOUND)
    for share in (0.3, 0.5, 0.95):
        reason = refuse(tmp_path, content[: int(len(content) * share)])
        assert reason.startswith("is truncated: it should hold "), reason


@pytest.mark.parametrize(
    ("container", "marker", "offset", "width"),
    [("RF64", b"ds64", 16, 8), ("W64", b"data\xf3\xac", 16, 8), ("AIFF", b"SSND", 4, 4), ("AU", b".snd", 8, 4),
     ("CAF", b"data", 4, 8)],
)  # fmt: skip
def test_sizes_that_nobody_filled_in(tmp_path: Path, container: str, marker: bytes, offset: int, width: int) -> None:
    content = encode(SOUND, container, "PCM_24")
    place = content.index(marker) + offset
    expected = read(tmp_path, content)
    assert len(expected) == len(SOUND)
    for size in (bytes(width), b"\xff" * width):
        assert np.array_equal(read(tmp_path, set_bytes(content, place, size)), expected), size


def test_aiff_written_into_a_pipe_by_sox(tmp_path: Path) -> None:
    """sox promises 0x7F000000 bytes in whole frames, and two numbers in front of them."""
    content = encode(SOUND, "AIFF", "PCM_24")
    size = struct.pack(">I", 8 + 0x7F00_0000 // 6 * 6)
    piped = set_bytes(content, content.index(b"SSND") + 4, size)
    assert np.array_equal(read(tmp_path, piped), read(tmp_path, content))


def test_bytes_that_a_header_does_not_mention_are_reported(tmp_path: Path) -> None:
    """A recorder that fills in the size now and then: nobody knows what lies behind it."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(SOUND, "WAV", "PCM_16") + SOUND[::-1].tobytes())
    notes: list[str] = []
    assert len(audio.read(path, note=notes.append)) == len(SOUND)
    assert notes == [f"has {SOUND.nbytes} bytes behind its sound that its header does not mention: they are not read"]


def make_wav_around(content: bytes, encoding: int, size: int | None = None) -> bytes:
    """A WAV file that holds MPEG audio."""
    form = struct.pack("<HHIIHHHHIHHH", encoding, 2, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1, 1393)
    fact = b"fact" + struct.pack("<II", 4, len(SOUND))
    data = b"data" + struct.pack("<I", len(content) if size is None else size) + content
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + fact + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("size", [None, 0, 0xFFFF_FFFF, 0x7FFF_F000])
def test_mp3_inside_wav(tmp_path: Path, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg is needed
    for content in (MP3, b"".join(FRAMES[1:])):
        assert np.array_equal(read(tmp_path, make_wav_around(content, 0x55, size)), read(tmp_path, content))


def test_mp3_inside_wav_that_is_cut(tmp_path: Path) -> None:
    whole = make_wav_around(MP3, 0x55)
    assert "is truncated" in refuse(tmp_path, whole[: len(whole) // 2])


# ------------------------------------------------------------------------------------------------------------ FLAC

FLAC = encode(SOUND, "FLAC", "PCM_16")
BEHIND_FLAC = {
    "ID3v1": ID3V1,
    "enhanced ID3v1": ENHANCED_ID3V1,
    "APE": make_ape_tag(b"x" * 3000),
    "APE without header": make_ape_tag(b"x" * 3000, has_header=False),
    "APE and ID3v1": make_ape_tag(b"title") + ID3V1,
    "Lyrics3": LYRICS3 + ID3V1,
    "ID3v2 with footer": make_id3v2(b"x" * 300, has_footer=True),
    "few zeros": bytes(64),
    "many zeros": bytes(200_000),
    "zeros and ID3v1": bytes(4096) + ID3V1,
}


def without_length(content: bytes) -> bytes:
    """A FLAC file as it comes out of a pipe: its length is not stated."""
    return set_bytes(content, 21, bytes([content[21] & 0xF0]) + bytes(4))


@pytest.mark.parametrize("is_length_known", [True, False])
@pytest.mark.parametrize("rest", BEHIND_FLAC.values(), ids=BEHIND_FLAC.keys())
def test_what_stands_behind_a_flac(tmp_path: Path, rest: bytes, is_length_known: bool) -> None:
    content = FLAC if is_length_known else without_length(FLAC)
    expected = read(tmp_path, FLAC)
    assert len(expected) == len(SOUND)
    assert np.array_equal(read(tmp_path, content + rest), expected)
    assert np.array_equal(read(tmp_path, make_id3v2(b"a") + make_id3v2(b"b") + content + rest), expected)


def test_anything_may_stand_behind_a_flac_of_known_length(tmp_path: Path) -> None:
    junk = np.random.default_rng(0).bytes(70_000)
    for rest in (junk, make_id3v2(b"late"), b"\xff\xf8" * 5000):
        assert np.array_equal(read(tmp_path, FLAC + rest), read(tmp_path, FLAC))


def test_flac_files_one_after_another(tmp_path: Path) -> None:
    other = make_tones(0.7, 48_000, 1)
    second = encode(other, "FLAC", "PCM_24", rate=48_000)
    found = read(tmp_path, FLAC + make_id3v2(b"second") + second + ID3V1)
    assert np.array_equal(found[: len(SOUND)], read(tmp_path, FLAC))
    assert np.array_equal(found[len(SOUND) :], read(tmp_path, second))


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("rest", [b"", ID3V1, bytes(4096)])
def test_a_flac_that_is_cut(tmp_path: Path, share: float, rest: bytes) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (RATE * 2, 2)).astype(np.float32)
    content = encode(noise, "FLAC")
    assert "truncated" in refuse(tmp_path, content[: int(len(content) * share)] + rest)


# ------------------------------------------------------------------------------------------------------------- Ogg


@pytest.mark.parametrize(
    ("subtype", "rates"), [("VORBIS", (44_100, 44_100, 44_100)), ("VORBIS", (44_100, 48_000, 22_050)),
                           ("OPUS", (48_000, 48_000, 24_000)), ("OPUS", (48_000, 16_000, 48_000))],
)  # fmt: skip
def test_a_chain_of_ogg_streams(tmp_path: Path, subtype: str, rates: tuple[int, ...]) -> None:
    """Radio writes a new stream with each title: all of them are read, each with its own rate and channels."""
    links = [encode(make_tones(0.5 + 0.2 * k, rate, 1 + k % 2), "OGG", subtype, rate) for k, rate in enumerate(rates)]
    found = read(tmp_path, b"".join(links))
    expected = [read(tmp_path, link) for link in links]
    assert abs(len(found) - sum(map(len, expected))) <= 2  # stretches of one rate are resampled together
    start = 0
    for link in expected:
        assert np.abs(found[start + 500 : start + len(link) - 500] - link[500:-500]).max() < 1e-3
        start += len(link)


def test_links_without_sound_and_rubbish_between_them(tmp_path: Path) -> None:
    first, second = (encode(make_tones(seconds), "OGG", "VORBIS") for seconds in (0.5, 0.8))
    headers = b"".join(list(walk_ogg(first))[:2])
    expected = np.concatenate([read(tmp_path, first), read(tmp_path, second)])
    assert np.array_equal(read(tmp_path, first + headers + second), expected)
    assert np.array_equal(read(tmp_path, first + b"rubbish OggS" * 100 + second), expected)
    assert np.array_equal(read(tmp_path, first + second + ID3V1), expected)


def test_a_recorder_that_stopped_inside_a_page_and_began_again(tmp_path: Path) -> None:
    """What is left of the first stream is read, and all of the second."""
    first, second = (encode(make_tones(seconds), "OGG", "VORBIS") for seconds in (4, 0.8))
    pages = list(walk_ogg(first))
    found = read(tmp_path, b"".join(pages[:-1]) + pages[-1][: len(pages[-1]) // 2] + second)
    assert np.array_equal(found[-round(0.8 * RATE) :], read(tmp_path, second))
    assert len(found) > 2 * RATE


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_the_last_link_is_cut(tmp_path: Path, subtype: str) -> None:
    link = encode(make_tones(0.5, 48_000), "OGG", subtype, 48_000)
    for cut in (1, 40, len(list(walk_ogg(link))[-1]) - 3):
        assert refuse(tmp_path, link + link[:-cut]) == "is truncated: its last page is not complete"


# ------------------------------------------------------------------------------------------------- float files


@pytest.mark.parametrize("full_scale", [128, 32_768, 8_388_608, 2_147_483_648])
def test_floats_in_integer_units_are_refused(tmp_path: Path, full_scale: int) -> None:
    content = encode(SOUND * 2 * full_scale, "WAV", "FLOAT")
    reason = refuse(tmp_path, content)
    assert reason.startswith("has samples so large (") and "full scale is 1" in reason and "integer units" in reason


@pytest.mark.parametrize("peak", [1.5, 4.0, 16.0, 60.0])
def test_loud_floats_are_music(tmp_path: Path, peak: float) -> None:
    loud = SOUND * (peak / np.abs(SOUND).max())
    assert np.array_equal(read(tmp_path, encode(loud, "WAV", "FLOAT")), loud)


# ------------------------------------------------------------------------------------------------- the whole way


def test_parts_and_remarks_pass_through_the_process_that_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything above decodes in this process."""
    monkeypatch.setattr(reader, "Decoder", process.Decoder)
    second = encode(make_tones(0.7, 22_050, 3), "OGG", "VORBIS", 22_050)
    (tmp_path / "chain.ogg").write_bytes(encode(SOUND, "OGG", "VORBIS") + second)
    notes: list[str] = []
    found = audio.read(tmp_path / "chain.ogg", note=notes.append)
    assert len(found) == len(SOUND) + round(0.7 * RATE)
    assert notes == [
        "has 3 channels: the first two are taken",
        "has a sample rate of 22050 Hz: there is nothing above 11025 Hz in it",
    ]
    (tmp_path / "stale.wav").write_bytes(encode(SOUND, "WAV", "PCM_16") + SOUND[::-1].tobytes())
    assert len(audio.read(tmp_path / "stale.wav", note=notes.append)) == len(SOUND)
    assert "its header does not mention" in notes[-1]
    for content, reason in (
        (MP3[: len(MP3) // 2], "is truncated: it should hold 1.2 s"),
        (encode(SOUND, "RF64", "PCM_16")[:50_000], "is truncated: it should hold 211680 bytes"),
        (encode(SOUND * 40_000, "WAV", "FLOAT"), "in integer units"),
    ):
        assert reason in refuse(tmp_path, content)


# ------------------------------------------------------------------------------------------------- anything at all

WHOLE = [MP3[:4000], FLAC[:4000], encode(SOUND[:3000], "OGG", "VORBIS")] + [
    encode(SOUND[:900], container, "PCM_16") for container in ("WAV", "RF64", "W64", "AIFF", "AU", "CAF", "VOC")
]


@settings(max_examples=300)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9)), max_size=5),
       st.floats(0, 1), st.binary(max_size=200))  # fmt: skip
def test_no_file_breaks_the_search_for_its_parts(
    whole: bytes, changes: list[tuple[float, bytes]], share: float, rest: bytes
) -> None:
    """Whatever is changed, cut and appended: there are parts that lie within the file, or a reason."""
    content = whole
    for place, new in changes:
        content = set_bytes(content, int(place * min(len(content), 200)), new)
    content = content[: int(len(content) * share)] + rest
    with tempfile.TemporaryFile() as file:
        file.write(content)
        try:
            layout = read_layout(file)
        except Unreadable as reason:
            assert str(reason).startswith("is truncated: ")
            return
        for part in layout.parts:
            ranges = [piece for piece in part.pieces if isinstance(piece, range)]
            assert all(0 <= piece.start <= piece.stop <= len(content) for piece in ranges)
            assert len(PartFile(file, part).read()) == part.size
