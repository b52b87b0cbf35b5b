"""Folders of audio to folders of latents and back, with a codec of a few lines."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import audio, latents
from musika.cli import decode, encode
from musika.cli.flags import DecodeOptions, EncodeOptions
from musika.codec.base import Codec
from musika.errors import AudioError, LatentsError, UsageError
from tests.helpers.averages import HOP, RATE, Averages

ROOT = Path(__file__).resolve().parents[2]
SONGS = ROOT.parent / "shared" / "audio" / "songs"


class Other(Averages):
    identity = "other"


def run_encode(files: Path, save: Path, codec: type[Codec] = Averages, **more: object) -> int:
    return encode.encode_folder(EncodeOptions(files_path=files, save_path=save, **more), codec)


def run_decode(files: Path, save: Path, codec: type[Codec] = Averages, **more: object) -> int:
    return decode.decode_folder(DecodeOptions(files_path=files, save_path=save, **more), codec)


def write_noise(path: Path, samples: int, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """A file of noise around a slowly moving mean, and its samples."""
    rng = np.random.default_rng(seed)
    slow = np.repeat(rng.uniform(-0.3, 0.3, (samples // 5000 + 1, 2)), 5000, axis=0)[:samples]
    audio.write(path, (slow + rng.normal(0, 0.02, (samples, 2))).astype(np.float32), rate)
    return audio.read(path)


def list_npys(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.npy"))


# --------------------------------------------------------------------------------------------------------- encode


def test_chunks_hold_what_the_codec_makes_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = write_noise(tmp_path / "in" / "a" / "song.wav", HOP * 25 + 17)
    assert run_encode(tmp_path / "in", tmp_path / "out", max_lat_len=10) == 0
    whole = Averages().encode(sound)
    chunks = [np.load(tmp_path / "out" / name) for name in list_npys(tmp_path / "out")]
    assert list_npys(tmp_path / "out") == [f"a/song.wav_000{k}.npy" for k in range(3)]
    for chunk, start in zip(chunks, (0, 10, 16), strict=True):
        assert np.array_equal(chunk, whole[start : start + 10])
    said = capsys.readouterr().out
    assert "encoded 1 of 1 files" in said and "3 files of latents" in said and "a second" in said


def test_whole_files_come_back_in_their_length(tmp_path: Path) -> None:
    sounds = {}
    for k, (name, samples) in enumerate([("a.wav", 100_003), ("b/a.flac", HOP * 9), ("c.ogg", 5)]):
        sounds[name] = write_noise(tmp_path / "in" / name, samples, k)
    assert run_encode(tmp_path / "in", tmp_path / "latents", whole=True) == 0
    assert run_decode(tmp_path / "latents", tmp_path / "out", format="flac") == 0
    assert list_npys(tmp_path / "latents") == ["a.wav.npy", "b/a.flac.npy", "c.ogg.npy"]
    for name, sound in sounds.items():
        again = audio.read(tmp_path / "out" / f"{name}.flac")
        assert again.shape == sound.shape
        assert np.abs(again - Averages().reconstruct(sound)).max() < 2.1 / 32768
    one = tmp_path / "latents" / "b" / "a.flac.npy"  # a single file below the folder finds the index above it
    assert run_decode(one, tmp_path / "one") == 0
    assert len(audio.read(tmp_path / "one" / "a.flac.wav")) == HOP * 9


def test_chunks_are_decoded_one_by_one(tmp_path: Path) -> None:
    write_noise(tmp_path / "in" / "a.wav", HOP * 25)
    run_encode(tmp_path / "in", tmp_path / "latents", max_lat_len=10)
    assert run_decode(tmp_path / "latents", tmp_path / "out") == 0
    assert [len(audio.read(path)) for path in audio.find_files(tmp_path / "out")] == [10 * HOP] * 3


def test_rates_and_channels_come_in(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, rate, channels in [("a.wav", 8_000, 1), ("b.wav", 96_000, 2), ("c.wav", 48_000, 6), ("d.wav", 22_050, 3)]:
        soundfile.write(tmp_path / "in" / name, np.zeros((rate * 2, channels)), rate)
    assert run_encode(tmp_path / "in", tmp_path / "out", whole=True) == 0
    index = latents.read_index(tmp_path / "out")
    assert index is not None and [source.samples for source in index.sources] == [RATE * 2] * 4


def test_ten_kinds_of_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    sound = write_noise(folder / "good.wav", HOP * 12)
    write_noise(folder / "z" / "good.flac", HOP * 12, 1)
    whole = (folder / "good.wav").read_bytes()
    (folder / "empty.mp3").touch()
    (folder / "text.mp3").write_text("no music here\n" * 500)
    (folder / "noise.m4a").write_bytes(np.random.default_rng(0).bytes(20_000))
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.flac").write_bytes((folder / "z" / "good.flac").read_bytes()[:20_000])
    (folder / "gone.ogg").symlink_to(folder / "nowhere.ogg")
    os.mkfifo(folder / "pipe.wav")
    soundfile.write(folder / "nan.wav", np.where(np.arange(len(sound))[:, None] == 99, np.nan, sound), RATE, "FLOAT")
    soundfile.write(folder / "nothing.wav", np.zeros((0, 2)), RATE)
    soundfile.write(folder / "slow.wav", np.zeros((9000, 1)), 4000)
    write_noise(folder / "short.wav", HOP * 3)
    assert run_encode(folder, tmp_path / "out", max_lat_len=10) == 1
    assert list_npys(tmp_path / "out") == [f"{n}_000{k}.npy" for n in ("good.wav", "z/good.flac") for k in range(2)]
    index = latents.read_index(tmp_path / "out")
    assert index is not None
    reasons = {item["path"]: item["reason"] for item in index.skipped}
    said = capsys.readouterr().out
    assert "encoded 2 of 13 files" in said and "left out, 11 of 13 files:" in said
    for name, part in {
        "empty.mp3": "is empty (0 bytes)",
        "text.mp3": "is not audio",
        "noise.m4a": "is not audio",
        "cut.wav": "truncated",
        "cut.flac": "truncated",
        "gone.ogg": "is a link to nothing",
        "pipe.wav": "is not a regular file",
        "nan.wav": "not finite numbers",
        "nothing.wav": "is too short: 0 latents",
        "slow.wav": "sample rate of 4000 Hz",
        "short.wav": "is too short: 3 latents (0.3 s), a chunk has 10 (0.9 s); --whole True or --max_lat_len 3",
    }.items():
        if name == "nothing.wav":
            part = "holds no samples"
        assert part in reasons[name], name
        assert f"  {name} {reasons[name]}" in said


def test_what_cannot_be_carried_out_at_all(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="there is no folder"):
        run_encode(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "in").mkdir()
    with pytest.raises(AudioError, match="there is no audio"):
        run_encode(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    (tmp_path / "file").touch()
    with pytest.raises(LatentsError, match=r"cannot be (written to|read)"):
        run_encode(tmp_path / "in", tmp_path / "file" / "out")
    run_encode(tmp_path / "in", tmp_path / "out", max_lat_len=10)
    with pytest.raises(LatentsError, match="another codec"):
        run_encode(tmp_path / "in", tmp_path / "out", Other, max_lat_len=10)


def test_a_second_run_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    run_encode(tmp_path / "in", tmp_path / "out", max_lat_len=10)
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in list_npys(tmp_path / "out")}
    write_noise(tmp_path / "in" / "b.wav", HOP * 12)
    capsys.readouterr()
    assert run_encode(tmp_path / "in", tmp_path / "out", max_lat_len=10) == 0
    said = capsys.readouterr().out
    assert "1 of 2 files are encoded already" in said and "encoded 1 of 1 files" in said
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before} == before
    write_noise(tmp_path / "in" / "a.wav", HOP * 30, 5)  # a changed source is encoded again
    assert run_encode(tmp_path / "in", tmp_path / "out", max_lat_len=10) == 0
    assert [name for name in list_npys(tmp_path / "out") if name.startswith("a")] == [
        f"a.wav_000{k}.npy" for k in range(3)
    ]


def test_another_folder_does_not_overwrite(tmp_path: Path) -> None:
    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    write_noise(tmp_path / "more" / "a.wav", HOP * 13, 3)
    run_encode(tmp_path / "in", tmp_path / "out", whole=True)
    before = (tmp_path / "out" / "a.wav.npy").read_bytes()
    assert run_encode(tmp_path / "more", tmp_path / "out", whole=True) == 1
    assert (tmp_path / "out" / "a.wav.npy").read_bytes() == before


def test_a_codec_that_fails_on_one_file(tmp_path: Path) -> None:
    class Sometimes(Averages):
        def encode_window(self, waveform: np.ndarray) -> np.ndarray:
            return super().encode_window(waveform) * (np.nan if np.abs(waveform).max() > 0.8 else 1)

    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    audio.write(tmp_path / "in" / "b.wav", np.full((HOP * 60, 2), 0.9, np.float32), RATE)
    write_noise(tmp_path / "in" / "c.wav", HOP * 12)
    assert run_encode(tmp_path / "in", tmp_path / "out", Sometimes, whole=True) == 1
    assert list_npys(tmp_path / "out") == ["a.wav.npy", "c.wav.npy"]


def test_a_full_disk_stops_the_run_and_leaves_whole_files(tmp_path: Path) -> None:
    import resource

    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    write_noise(tmp_path / "in" / "b.wav", HOP * 300, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, before[1]))
    try:
        with pytest.raises(LatentsError, match=r"cannot be written to .*file too large"):
            run_encode(tmp_path / "in", tmp_path / "out", whole=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list_npys(tmp_path / "out") == ["a.wav.npy"] and len(np.load(tmp_path / "out" / "a.wav.npy")) == 12
    assert run_encode(tmp_path / "in", tmp_path / "out", whole=True) == 0


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.cli.test_encode_decode import run_encode
from tests.helpers.averages import Averages
left = int(sys.argv[4])
class Mortal(Averages):
    def encode_window(self, waveform):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_window(waveform)
sys.exit(run_encode(Path(sys.argv[2]), Path(sys.argv[3]), Mortal, max_lat_len=10))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed again and again, a few windows further each time: what is there is always whole, the end is the same."""
    for k in range(4):
        write_noise(tmp_path / "in" / f"{k}.wav", HOP * (20 + 7 * k), k)
    out = tmp_path / "out"
    seen = 0
    for _ in range(12):
        words = [sys.executable, "-c", KILLED, str(ROOT), str(tmp_path / "in"), str(out), "8"]
        code = subprocess.run(words, capture_output=True, check=False).returncode
        for name in list_npys(out):
            if ".partial" not in name:
                assert np.load(out / name).shape == (10, 4)
        index = latents.read_index(out)
        count = len(index.sources) if index is not None else 0
        assert count >= seen
        seen = count
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0 and seen == 4
    run_encode(tmp_path / "in", tmp_path / "at-once", max_lat_len=10)
    assert list_npys(out) == list_npys(tmp_path / "at-once")
    assert all((out / n).read_bytes() == (tmp_path / "at-once" / n).read_bytes() for n in list_npys(out))


def test_a_name_too_long_for_its_latents_is_one_line(tmp_path: Path) -> None:
    long = "n" * 250 + ".wav"
    write_noise(tmp_path / "in" / "short.wav", HOP * 12)
    os.rename(tmp_path / "in" / "short.wav", tmp_path / "in" / long)
    write_noise(tmp_path / "in" / "z.wav", HOP * 12)
    assert run_encode(tmp_path / "in", tmp_path / "out", whole=True) == 1
    index = latents.read_index(tmp_path / "out")
    assert index is not None and [source.path for source in index.sources] == ["z.wav"]
    assert index.skipped[0]["path"] == long and "shorter" in index.skipped[0]["reason"]


def test_an_interrupt_does_not_wait_for_a_decoder_that_hangs(tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hang(path: Path, *, note: object, sample_rate: int) -> Iterator[np.ndarray]:
        asked.set()
        go_on.wait(60)
        yield np.zeros((1, 2), np.float32)

    job = encode.Job(tmp_path, "a", None)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), encode.ReadAhead([job], hang, RATE):
        asked.wait(60)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 30
    go_on.set()


def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    class Interrupted(Averages):
        def encode_window(self, waveform: np.ndarray) -> np.ndarray:
            if np.abs(waveform).max() > 0.8:
                raise KeyboardInterrupt
            return super().encode_window(waveform)

    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    audio.write(tmp_path / "in" / "b.wav", np.full((HOP * 600, 2), 0.9, np.float32), RATE)
    with pytest.raises(KeyboardInterrupt):
        run_encode(tmp_path / "in", tmp_path / "out", Interrupted, whole=True)
    index = latents.read_index(tmp_path / "out")
    assert list_npys(tmp_path / "out") == ["a.wav.npy"] and not (tmp_path / "out" / ".partial").exists()
    assert index is not None and [source.path for source in index.sources] == ["a.wav"]


def test_the_other_reader_says_how_to_install_it(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    try:
        import tensorflow_io  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        write_noise(tmp_path / "in" / "a.wav", HOP * 12)
        with pytest.raises(UsageError, match=r"requirements-tfio.txt"):
            run_encode(tmp_path / "in", tmp_path / "out", reader="tensorflow-io")
    else:
        pytest.skip("tensorflow-io is installed here; test_audio_tfio.py looks at it")


@pytest.mark.skipif(not SONGS.is_dir(), reason="../shared is not there")
def test_songs(tmp_path: Path) -> None:
    assert run_encode(SONGS, tmp_path / "out") == 1  # the ten-second wav is too short for a chunk of 512
    index = latents.read_index(tmp_path / "out")
    assert index is not None and len(index.sources) == 4
    assert [item["path"] for item in index.skipped] == ["awareness-10s-44k-stereo.wav"]
    assert "108 latents (10.0 s)" in index.skipped[0]["reason"]
    lengths = {path.name: len(audio.read(path)) for path in audio.find_files(SONGS)}
    for source in index.sources:
        assert (source.samples, source.latents) == (lengths[source.path], -(-source.samples // HOP))
        assert len(source.files) == -(-source.latents // 512)
        assert all(np.load(tmp_path / "out" / name).shape == (512, 4) for name in source.files)


# --------------------------------------------------------------------------------------------------------- decode


def test_bad_latents_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = np.random.default_rng(0).uniform(-1, 1, (20, 4)).astype(np.float32)
    np.save(folder / "good.npy", good)
    np.save(folder / "far.npy", good * 2)
    np.save(folder / "double.npy", good.astype(np.float64))
    np.save(folder / "shape.npy", good[0])
    np.save(folder / "depth.npy", good[:, :3])
    np.save(folder / "nan.npy", good * np.nan)
    np.save(folder / "wild.npy", good * 20)
    np.save(folder / "object.npy", np.array([[None] * 4], dtype=object), allow_pickle=True)
    (folder / "text.npy").write_text("no array")
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:-4])
    assert run_decode(folder, tmp_path / "out") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["far.wav", "good.wav"]
    said = capsys.readouterr()
    for name in ("double", "shape", "depth", "nan", "wild", "object", "text", "cut"):
        assert f"{name}.npy" in said.out
    assert "refused, 8 of 10 files" in said.out and "decoded 2 of 10 files" in said.out
    assert "far.npy has values up to" in said.out + said.err and "far.wav: " in said.out and "clipped" in said.out
    assert len(audio.read(tmp_path / "out" / "good.wav")) == 20 * HOP


def test_latents_of_another_codec_are_refused(tmp_path: Path) -> None:
    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    run_encode(tmp_path / "in", tmp_path / "latents" / "one", whole=True)
    with pytest.raises(LatentsError, match="made by codec averages, this is other"):
        run_decode(tmp_path / "latents", tmp_path / "out", Other)
    run_encode(tmp_path / "in", tmp_path / "latents" / "two", Other, whole=True)
    assert run_decode(tmp_path / "latents", tmp_path / "out", Other) == 1
    assert [path.name for path in (tmp_path / "out").rglob("*.wav")] == ["a.wav.wav"]


def test_decoding_nothing(tmp_path: Path) -> None:
    with pytest.raises(LatentsError, match="there is no folder"):
        run_decode(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(LatentsError, match="there are no latents"):
        run_decode(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "opus", "mp3"])
def test_decoding_to_other_formats(tmp_path: Path, form: str) -> None:
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", np.zeros((30, 4), np.float32))
    assert run_decode(tmp_path / "in", tmp_path / "out", format=form) == 0
    assert len(audio.read(tmp_path / "out" / f"a.{form}")) == 30 * HOP


def test_commands_bring_no_framework() -> None:
    code = (
        "import sys; import musika.cli.encode, musika.cli.decode; "
        "print([m for m in ('keras', 'tensorflow', 'jax', 'librosa') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "[]"


def test_the_index_holds_no_place_of_this_machine(tmp_path: Path) -> None:
    write_noise(tmp_path / "in" / "a.wav", HOP * 12)
    run_encode(tmp_path / "in", tmp_path / "out", whole=True)
    text = (tmp_path / "out" / "latents.json").read_text()
    assert str(tmp_path) not in text and json.loads(text)["sources"][0]["path"] == "a.wav"
    shutil.rmtree(tmp_path / "in")
    assert run_decode(tmp_path / "out", tmp_path / "again") == 0
