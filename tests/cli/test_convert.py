"""Musika folders as checkpoints of ours: the same audio, the same refusals; and a generator that finds its codec."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import checkpoint, render
from musika.__main__ import main
from musika.checkpoint import locate
from musika.checkpoint.published import catalogue, musika_folder
from musika.cli import convert, flags
from musika.codec.load import read_info
from musika.config import ANY_PUBLISHED
from musika.errors import CheckpointError, UsageError
from tests.helpers import hubserver, reference, tiny

ROOT = Path(__file__).resolve().parents[2]
CODEC = catalogue.PUBLISHED[catalogue.CODEC].needed
GENERATOR = ("gen_ema.h5", "critic.h5", "gen.h5", "switch.npy")
HALF = 0.03  # of the audio's level (RMS): what half precision of the weights changes; here, 0.011 to 0.016 was measured

pytestmark = reference.needs_reference


def place_files(folder: Path, names: tuple[str, ...], size: str = "small", noisy: bool = False) -> Path:
    """A Musika folder with some of the reference's files, under the names that they are published by."""
    folder.mkdir(parents=True)
    for name in names:
        other = name.replace(".h5", "_noisy.h5")
        there = reference.FOLDER / size / (other if noisy and (reference.FOLDER / size / other).exists() else name)
        shutil.copyfile(there, folder / name)
    return folder


def convert_folder(source: Path, target: Path, **values: object) -> Path:
    assert convert.run(flags.ConvertOptions(source=source, target=target, **values)) == 0  # type: ignore[arg-type]
    return target


def render_music(generator: Path, codec: Path | None = None, seconds: float = 1.5) -> np.ndarray:
    return render.load_model(generator, codec).piece(3).render(2.0, seconds)


# -------------------------------------------------------------------------------------------------- the same audio


@pytest.mark.parametrize(("size", "noisy"), [("default", False), ("small", True)])
def test_the_converted_checkpoint_sounds_exactly_the_same(tmp_path: Path, size: str, noisy: bool) -> None:
    generator = place_files(tmp_path / "musika" / "mine", GENERATOR, size, noisy)
    codec = place_files(tmp_path / "musika" / "musika_ae", CODEC, size, noisy)
    expected = render_music(generator)
    assert np.abs(expected).max() > 0.01
    convert_folder(generator, tmp_path / "ours" / "mine")
    convert_folder(codec, tmp_path / "ours" / "musika_ae")
    np.testing.assert_array_equal(render_music(tmp_path / "ours" / "mine"), expected)


def test_converted_and_other_folders_go_together(tmp_path: Path) -> None:
    generator, codec = place_files(tmp_path / "mine", GENERATOR), place_files(tmp_path / "musika_ae", CODEC)
    ours = convert_folder(generator, tmp_path / "ours" / "mine")
    assert render.find_codec(ours, codec, "") == codec
    shutil.copytree(codec, tmp_path / "ours" / "musika_ae")
    assert render.find_codec(ours, None, read_info(codec).identity) == tmp_path / "ours" / "musika_ae"
    np.testing.assert_array_equal(render_music(ours, seconds=0.2), render_music(generator, seconds=0.2))


def test_half_precision_is_close_and_the_same_codec(tmp_path: Path) -> None:
    both = place_files(tmp_path / "both", CODEC + GENERATOR)
    whole = convert_folder(both, tmp_path / "whole")
    half = convert_folder(both, tmp_path / "half", half=True)
    expected = render_music(whole)
    difference = render_music(half) - expected
    assert 0 < np.sqrt(np.mean(difference**2)) < HALF * np.sqrt(np.mean(expected**2))
    assert (
        read_info(half / catalogue.CODEC).identity
        == read_info(whole / catalogue.CODEC).identity
        == read_info(both).identity
    )
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in (half, whole)]
    assert sizes[0] < 0.6 * sizes[1]


def test_a_folder_with_both_holds_both_afterwards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = place_files(tmp_path / "both", CODEC + GENERATOR)
    target = convert_folder(both, tmp_path / "target")
    assert capsys.readouterr().out.count(str(target)) == 2
    info = checkpoint.read_config(target)
    assert info["codec_identity"] == read_info(target / catalogue.CODEC).identity
    np.testing.assert_array_equal(render_music(target), render_music(both))


# ------------------------------------------------------------------------------------------------ what is written


def test_where_it_comes_from_is_written_down(tmp_path: Path) -> None:
    source = place_files(tmp_path / "mine", GENERATOR)
    info = checkpoint.read_config(convert_folder(source, tmp_path / "target"))
    files = {name: catalogue.compute_sha256(source / name) for name in ("gen_ema.h5", "critic.h5", "switch.npy")}
    assert info["trained"] == {"converted_from": {"files": files}} and info["licence"] == ""
    assert info["config"] == reference.make_config("small").to_dict()
    assert info["codec_identity"] == ANY_PUBLISHED, "no codec was at hand"
    checkpoint.verify(tmp_path / "target")


def test_the_critic_comes_along_where_there_is_one(tmp_path: Path) -> None:
    with_critic = convert_folder(place_files(tmp_path / "a", GENERATOR), tmp_path / "with")
    expected = musika_folder.read_critic(tmp_path / "a")
    assert expected is not None
    found = checkpoint.read(with_critic, "critic")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    alone = convert_folder(place_files(tmp_path / "b", GENERATOR[:1]), tmp_path / "alone")
    assert not checkpoint.has(alone, "critic")


def test_a_codec_that_is_named_is_recorded(tmp_path: Path) -> None:
    source, codec = place_files(tmp_path / "mine", GENERATOR), place_files(tmp_path / "elsewhere", CODEC)
    target = convert_folder(source, tmp_path / "target", dec_path=codec)
    assert checkpoint.read_config(target)["codec_identity"] == read_info(codec).identity


def test_a_codec_of_other_size_beside_is_not_taken_for_its_own(tmp_path: Path) -> None:
    source = place_files(tmp_path / "mine", GENERATOR)
    tiny.write_checkpoints(tmp_path / "tiny")
    shutil.copytree(tmp_path / "tiny" / "ae", tmp_path / catalogue.CODEC)
    target = convert_folder(source, tmp_path / "target")
    assert checkpoint.read_config(target)["codec_identity"] == ANY_PUBLISHED


# ------------------------------------------------------------------------------------------------------- refusals


def check_refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main("convert", [str(word) for word in words]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1, shown.err
    return shown.err


def test_what_cannot_be_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = place_files(tmp_path / "mine", GENERATOR)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("keep me")
    (tmp_path / "link").symlink_to(source)
    ours = tiny.write_checkpoints(tmp_path / "tiny")
    new = tmp_path / "new"
    assert "does not exist" in check_refused(capsys, tmp_path / "none", new)
    assert "no Musika folder: there is no gen_ema.h5, or enc.h5" in check_refused(capsys, tmp_path / "empty", new)
    assert "is a checkpoint already" in check_refused(capsys, ours, new)
    assert "the same folder" in check_refused(capsys, source, source)
    assert "the same folder" in check_refused(capsys, source, tmp_path / "link")
    assert "exists already" in check_refused(capsys, source, tmp_path / "full")
    assert "exists already" in check_refused(capsys, source, ours)
    assert "cannot be written" in check_refused(capsys, source, tmp_path / "full" / "letter.txt" / "new")
    assert "stereo codec of 4 channels" in check_refused(capsys, source, new, "--dec_path", ours.parent / "ae")
    assert (tmp_path / "full" / "letter.txt").read_text() == "keep me" and not new.exists()


def test_files_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = place_files(tmp_path / "mine", GENERATOR)
    (source / "critic.h5").write_bytes((source / "critic.h5").read_bytes()[:5000])
    assert "critic.h5" in check_refused(capsys, source, tmp_path / "new")
    codec = place_files(tmp_path / "codec", CODEC[:3])
    assert CODEC[3] in check_refused(capsys, codec, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    source = place_files(tmp_path / "mine", CODEC + GENERATOR)
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); import runpy, sys; "
    limited += "sys.argv[0] = 'musika'; runpy.run_module('musika', run_name='__main__')"
    words = [sys.executable, "-c", limited, "convert", str(source), str(tmp_path / "target")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert f"{tmp_path / 'target'} cannot be written: file too large" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


# ---------------------------------------------------------------------------------------- generators find their codec


def run_generate(folder: Path, save: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """The script, run in `folder`."""
    words = [
        sys.executable,
        str(ROOT / "musika_generate.py"),
        "--seconds",
        "1",
        "--seed",
        "3",
        "--save_path",
        str(save),
    ]
    return subprocess.run([*words, *map(str, more)], cwd=folder, capture_output=True, text=True)


def test_a_published_name_is_all_that_generating_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubserver.serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        for name, files in (("musika_techno", GENERATOR), ("musika_ae", CODEC)):
            folder = place_files(tmp_path / "server" / name, files)
            server.repositories[f"marcop/{name}"] = {path.name: path.read_bytes() for path in folder.iterdir()}
        done = run_generate(tmp_path, tmp_path / "first", "--load_path", "checkpoints/techno")
        assert done.returncode == 0, done.stderr
        assert "marcop/musika_techno" in done.stdout and "marcop/musika_ae" in done.stdout
        assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["musika_ae", "techno"]
    again = run_generate(tmp_path, tmp_path / "second", "--load_path", "checkpoints/techno")
    assert again.returncode == 0 and "fetching" not in again.stdout, again.stderr
    first, second = (soundfile.read(tmp_path / name / "techno-seed-3.wav")[0] for name in ("first", "second"))
    assert len(first) == 44_100 and np.array_equal(first, second)
    target = convert_folder(tmp_path / "checkpoints" / "techno", tmp_path / "mine")
    origin = checkpoint.read_config(target)["trained"]["converted_from"]
    assert (origin["repository"], origin["revision"]) == ("marcop/musika_techno", hubserver.REVISION)


def test_a_published_name_can_be_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubserver.serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        folder = place_files(tmp_path / "server", CODEC)
        server.repositories["marcop/musika_ae"] = {path.name: path.read_bytes() for path in folder.iterdir()}
        target = convert_folder(tmp_path / "checkpoints" / "musika_ae", tmp_path / "codec")
    assert read_info(target).identity == read_info(folder).identity


def test_what_was_harmed_since_it_was_fetched_is_not_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubserver.serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        folder = place_files(tmp_path / "server", CODEC)
        server.repositories["marcop/musika_ae"] = {path.name: path.read_bytes() for path in folder.iterdir()}
        fetched = locate.fetch_if_missing(tmp_path / "musika_ae")
    data = bytearray((fetched / "dec.h5").read_bytes())
    data[-1] ^= 1
    (fetched / "dec.h5").write_bytes(data)
    with pytest.raises(CheckpointError, match="not what was fetched"):
        convert_folder(fetched, tmp_path / "target")


def test_a_codec_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    def check_pair_refused(generator: Path, codec: Path) -> None:
        with pytest.raises(CheckpointError, match=r"was trained on latents of|makes latents of") as caught:
            render.load_model(generator, codec)
        assert caught.value.about == "codec"

    source = place_files(tmp_path / "mine", GENERATOR)
    stereo = tiny.write_checkpoints(tmp_path / "tiny").parent / "ae"
    check_pair_refused(source, stereo)
    other = place_files(tmp_path / "default" / "musika_ae", CODEC, "default")
    exact = convert_folder(source, tmp_path / "exact", dec_path=place_files(tmp_path / "own", CODEC))
    check_pair_refused(exact, other)
    check_pair_refused(tiny.write_checkpoints(tmp_path / "another"), other)


def test_without_a_network_both_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    place_files(tmp_path / "checkpoints" / "techno", GENERATOR)
    done = run_generate(tmp_path, tmp_path / "g", "--load_path", "checkpoints/techno")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "checkpoints/musika_ae" in done.stderr and "enc.h5, enc2.h5, dec.h5, dec2.h5" in done.stderr


def test_an_option_is_checked_like_a_flag() -> None:
    with pytest.raises(UsageError, match="does not exist"):
        convert.run(flags.ConvertOptions(source=Path(os.devnull) / "none", target=Path("new")))
