"""What a user relies on in folders of latents: strict reading, names that do not collide, runs that can be resumed."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import latents
from musika.errors import LatentsError
from musika.latents import LatentsFolder, LatentsSettings, open_latents, open_training_set

CHANNELS = 3
SETTINGS = LatentsSettings("codec-a", CHANNELS, 4096, 44_100, 8, False)


def make_latents(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (length, CHANNELS)).astype(np.float32)


def encode(folder: Path, name: str, values: np.ndarray, chosen: LatentsSettings = SETTINGS, block: int = 5) -> None:
    """Puts one source into a folder of latents."""
    with LatentsFolder(folder, chosen) as place:
        write_source(place, name, values, block)


def write_source(place: LatentsFolder, name: str, values: np.ndarray, block: int = 5) -> None:
    with place.write_source(name, "mark", os.stat(__file__)) as writer:
        for start in range(0, len(values), block):
            writer.add(values[start : start + block])
        writer.finish(len(values) * 4096)


def list_names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def get_refusal(path: Path, channels: int | None = CHANNELS) -> str:
    with pytest.raises(LatentsError) as caught:
        open_latents(path, channels).find_largest()
    text = str(caught.value)
    assert path.name in text and "\n" not in text
    return text


# ------------------------------------------------------------------------------------------------------ one file


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(sum))
def test_a_file_written_in_blocks_is_an_ordinary_npy(pieces: list[int]) -> None:
    values = make_latents(sum(pieces))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "a.npy")
        with open(path, "wb") as out:
            writer = latents.LatentsWriter(out, CHANNELS)
            for block in np.split(values, np.cumsum(pieces)[:-1]):
                writer.add(block)
            writer.finish()
        read = np.load(path, allow_pickle=False)
        file = open_latents(path)
        assert read.dtype == np.float32 and read.flags.c_contiguous and np.array_equal(read, values)
        assert np.array_equal(np.concatenate(list(file.read_blocks(4))), values)
        assert np.array_equal(file.read_rows(file.length // 2, 1), values[file.length // 2][None])


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_latents(10))
    file = open_latents(tmp_path / "a.npy", CHANNELS)
    assert (file.length, file.channels) == (10, CHANNELS) and file.find_largest() <= 1
    with pytest.raises(LatentsError, match=r"has 10 latents, not 8..12"):
        file.read_rows(8, 4)


def test_wrong_arrays_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for array, said in [
        (make_latents(4).astype(np.float64), "holds float64 numbers"),
        (make_latents(4).astype(np.float16), "holds float16 numbers"),
        (make_latents(4).astype(">f4"), "latents are float32"),
        (np.zeros((4, CHANNELS), np.int32), "holds int32 numbers"),
        (make_latents(4)[0], "has shape [3]"),
        (make_latents(4)[None], "has shape [1, 4, 3]"),
        (make_latents(0), "has shape [0, 3]"),
        (np.asfortranarray(make_latents(4)), "in Fortran order"),
        (np.zeros((4, 5), np.float32), "has 5 numbers in a latent, the codec has 3"),
        (make_latents(4) * np.nan, "not finite numbers"),
        (np.full((4, CHANNELS), np.inf, np.float32), "not finite numbers"),
        (make_latents(4) * 100, "latents lie in -1..1"),
    ]:
        np.save(path, array)
        assert said in get_refusal(path), said


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "a.npy", np.array([[Trap()] * CHANNELS], dtype=object), allow_pickle=True)
    assert "Python objects, which are never read" in get_refusal(tmp_path / "a.npy")
    assert not (tmp_path / "sprung").exists()


def test_torn_and_hostile_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    buffer = io.BytesIO()
    np.save(buffer, make_latents(8))
    whole = buffer.getvalue()
    bomb = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 3), }"
    huge = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + bomb.ljust(117) + b"\n"
    for content, said in [
        (b"", "is not an .npy file"),
        (b"no array", "is not an .npy file"),
        (whole[:40], "is not an .npy file"),
        (whole[:-1], "is truncated"),
        (whole + b"\0", "is too long"),
        (huge, "is truncated"),
        (b"\x93NUMPY\x03\x00" + whole[8:], "unknown version 3.0"),
        (whole.replace(b"(8, 3)", b"(-8,3)"), "has shape [-8, 3]"),
        (b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + (b"(" * 117) + b"\n", "is not an .npy file"),
    ]:
        path.write_bytes(content)
        assert said in get_refusal(path), said
    assert "does not exist" in get_refusal(tmp_path / "b.npy") or "no such file" in get_refusal(tmp_path / "b.npy")


# -------------------------------------------------------------------------------------------------------- folders


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 15))
def test_chunks_and_the_overlapping_last_one(length: int, size: int, block: int) -> None:
    values = make_latents(length)
    chosen = dataclasses.replace(SETTINGS, max_lat_len=size)
    with tempfile.TemporaryDirectory() as place:
        if length < size:
            with pytest.raises(latents.TooShort):
                encode(Path(place), "a.wav", values, chosen, block)
            assert list_names(Path(place)) == ["latents.json"] or list_names(Path(place)) == []
            return
        encode(Path(place), "a.wav", values, chosen, block)
        starts = [*range(0, length - size + 1, size)] + ([length - size] if length % size else [])
        found = [np.load(Path(place, f"a.wav_{k:04d}.npy")) for k in range(len(starts))]
        assert list_names(Path(place)) == [f"a.wav_{k:04d}.npy" for k in range(len(starts))] + ["latents.json"]
        assert all(np.array_equal(chunk, values[s : s + size]) for chunk, s in zip(found, starts, strict=True))


def test_names_keep_folders_and_extensions(tmp_path: Path) -> None:
    whole = dataclasses.replace(SETTINGS, max_lat_len=0, whole=True)
    with LatentsFolder(tmp_path, whole) as place:
        for k, name in enumerate(["song.wav", "song.mp3", "a/song.wav", "b/song.wav", "song.wav_0000.wav"]):
            write_source(place, name, make_latents(6, k))
    assert list_names(tmp_path) == sorted(
        ["a/song.wav.npy", "b/song.wav.npy", "latents.json", "song.mp3.npy", "song.wav.npy", "song.wav_0000.wav.npy"]
    )
    assert np.array_equal(np.load(tmp_path / "b/song.wav.npy"), make_latents(6, 3))


def test_the_index(tmp_path: Path) -> None:
    with LatentsFolder(tmp_path, SETTINGS) as place:
        write_source(place, "a/x.wav", make_latents(17))
        place.skip("b.mp3", "is empty (0 bytes)")
    index = latents.read_index(tmp_path)
    assert index is not None and index.settings == SETTINGS
    assert index.skipped == ({"path": "b.mp3", "reason": "is empty (0 bytes)"},)
    (source,) = index.sources
    assert (source.path, source.latents, source.samples) == ("a/x.wav", 17, 17 * 4096)
    assert source.files == ("a/x.wav_0000.npy", "a/x.wav_0001.npy", "a/x.wav_0002.npy")
    text = (tmp_path / "latents.json").read_text()
    assert json.loads(text)["codec_identity"] == "codec-a"
    (tmp_path / "latents.json").write_text(text, "utf-8-sig")  # as an editor on Windows saves it
    assert latents.read_index(tmp_path) == index


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with LatentsFolder(tmp_path, SETTINGS) as place:
        with pytest.raises(RuntimeError), place.write_source("a.wav", "mark", os.stat(__file__)) as writer:
            writer.add(make_latents(30))
            raise RuntimeError
        with pytest.raises(latents.BadValues), place.write_source("a.wav", "mark", os.stat(__file__)) as writer:
            writer.add(make_latents(30) * np.nan)
        write_source(place, "b.wav", make_latents(8))
    assert list_names(tmp_path) == ["b.wav_0000.npy", "latents.json"]


def test_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    status = os.stat(__file__)
    encode(tmp_path, "a.wav", make_latents(20))
    with LatentsFolder(tmp_path, SETTINGS) as place:
        assert place.has("a.wav", status) and not place.has("b.wav", status)
        changed = os.stat_result((*status[:6], status.st_size + 1, *status[7:]))
        assert not place.has("a.wav", changed)
    (tmp_path / "a.wav_0001.npy").unlink()
    with LatentsFolder(tmp_path, SETTINGS) as place:
        assert not place.has("a.wav", status)
        write_source(place, "a.wav", make_latents(8))  # now shorter: the third chunk goes
    assert list_names(tmp_path) == ["a.wav_0000.npy", "latents.json"]


def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "0.npy").write_bytes(b"half")
    encode(tmp_path, "a.wav", make_latents(8))
    assert list_names(tmp_path) == ["a.wav_0000.npy", "latents.json"] and not (tmp_path / ".partial").exists()


def test_other_settings_are_refused(tmp_path: Path) -> None:
    encode(tmp_path, "a.wav", make_latents(8))
    for change, said in [
        ({"codec_identity": "codec-b"}, "another codec .codec-a, this is codec-b"),
        ({"channels": 4}, "another codec"),
        ({"max_lat_len": 16}, "holds chunks of 8 latents, and chunks of 16 latents"),
        ({"max_lat_len": 0, "whole": True}, "chunks of 8 latents, and latents of whole files"),
    ]:
        with pytest.raises(LatentsError, match=said):
            LatentsFolder(tmp_path, dataclasses.replace(SETTINGS, **change))


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with LatentsFolder(tmp_path, SETTINGS), pytest.raises(LatentsError, match="another run is writing"):
        LatentsFolder(tmp_path, SETTINGS)
    with LatentsFolder(tmp_path, SETTINGS) as place:
        assert place.path == tmp_path


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '"text"', "[" * 100_000, '{"format_version": 2}', '{"format_version": 1, "codec_identity": 3}'],
)
def test_a_broken_index_is_an_error_of_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "latents.json").write_text(content)
    with pytest.raises(LatentsError) as caught:
        latents.read_index(tmp_path)
    assert "latents.json" in str(caught.value) and "\n" not in str(caught.value)


def test_an_index_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    encode(tmp_path, "a.wav", make_latents(8))
    text = (tmp_path / "latents.json").read_text()
    for bad in ("/etc/passwd", "../a.npy", "a/../../b.npy"):
        (tmp_path / "latents.json").write_text(text.replace("a.wav_0000.npy", bad))
        with pytest.raises(LatentsError, match="not an index of latents"):
            latents.read_index(tmp_path)


def test_an_index_with_a_source_of_no_files_is_refused(tmp_path: Path) -> None:
    encode(tmp_path, "a.wav", make_latents(8))
    index = json.loads((tmp_path / "latents.json").read_text())
    index["sources"][0]["files"] = []
    (tmp_path / "latents.json").write_text(json.dumps(index))
    with pytest.raises(LatentsError, match="has no files"):
        latents.read_index(tmp_path)


# ------------------------------------------------------------------------------------------------------- training


def test_a_training_set(tmp_path: Path) -> None:
    values = [make_latents(20, 1), make_latents(8, 2)]
    encode(tmp_path, "a.wav", values[0])
    encode(tmp_path, "b/c.wav", values[1])
    found = open_training_set(tmp_path, 6, CHANNELS, "codec-a")
    assert (len(found), found.lengths, found.total, found.channels) == (4, (8, 8, 8, 8), 32, CHANNELS)
    assert found.codec_identity == "codec-a" and found.warnings == ()
    assert np.array_equal(found.crop(1, 2, 6), values[0][10:16]) and found.crop(1, 2, 6).dtype == np.float32
    everything = np.concatenate([values[0][:8], values[0][8:16], values[0][12:], values[1]])
    assert np.allclose(found.statistics.mean, everything.mean(0), atol=1e-6)
    assert np.allclose(found.statistics.deviation, everything.std(0), atol=1e-6)
    with pytest.raises(LatentsError):
        found.crop(0, 3, 6)


def test_a_folder_that_musika_wrote_has_no_identity(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_latents(20))
    assert open_training_set(tmp_path, 8, CHANNELS, "codec-a").codec_identity == ""


def test_what_training_refuses(tmp_path: Path) -> None:
    def check_refused(said: str, window: int = 4, identity: str = "codec-a", least: int = 1) -> None:
        with pytest.raises(LatentsError, match=said):
            open_training_set(tmp_path, window, CHANNELS, identity, least)

    check_refused("there are no latents")
    encode(tmp_path, "a.wav", make_latents(20))
    check_refused("a.wav_0000.npy has 8 latents, the training window 9 .3 of 3 files", window=9)
    check_refused("made by codec codec-a, this is codec-b", identity="codec-b")
    check_refused("has 3 files of latents, 4 are needed: encode more", least=4)
    np.save(tmp_path / "b.npy", make_latents(20) * np.nan)
    check_refused("b.npy has values that are not finite")
    np.save(tmp_path / "b.npy", make_latents(20)[:, :2])
    check_refused("b.npy has 2 numbers in a latent, the codec has 3")
    (tmp_path / "b.npy").unlink()
    encode(tmp_path / "sub", "c.wav", make_latents(8), dataclasses.replace(SETTINGS, codec_identity="codec-b"))
    check_refused("hold latents of different codecs")
    with pytest.raises(LatentsError, match="there is no folder"):
        open_training_set(tmp_path / "missing", 4)


def test_far_values_are_warned_of(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_latents(20) * 3)
    (warning,) = open_training_set(tmp_path, 8).warnings
    assert "a.npy" in warning and "1.5" in warning
