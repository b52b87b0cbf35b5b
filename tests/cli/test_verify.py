"""`verify` and `generate --like`: files are made again from their own recipe, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from musika import audio, checkpoint
from musika.__main__ import main
from musika.render.recipe import read_recipe
from tests.helpers import tiny

KINDS = ("wav", "flac", "opus", "mp3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, and files that were made with it."""
    folder = tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints")).parent
    for kind in KINDS:
        words = ["--seed", "7", "--seconds", "1.3", "--start", "2", "--truncation", "1.5", "--format", kind]
        assert run("generate", folder, *words, "--save_path", folder) == 0
    return folder


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # what a command sets is gone at the end of the test


def run(verb: str, folder: Path, *words: object) -> int:
    return main(verb, [*map(str, words), "--load_path", str(folder / "open")])


@pytest.mark.parametrize("kind", ["flac", "opus"])
def test_files_are_what_they_say(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / f"open-seed-7.{kind}"
    assert run("verify", folder, file) == 0
    said = capsys.readouterr().out
    assert said == f"{file}: true: open, seed 7, 1.3 s from second 2 on; every sample is the same\n"


def rewrite(file: Path, target: Path, change: slice, factor: float) -> Path:
    """The same file, and its recipe, with some samples changed."""
    sound = audio.read(file)
    sound[change] *= factor
    tags = {name: texts[0] for name, texts in audio.read_tags(file).items()}
    return audio.write(target, sound, 44_100, tags).path


def test_a_file_that_was_changed_is_found(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("flac", "mp3"):
        changed = rewrite(folder / f"open-seed-7.{kind}", tmp_path / f"a.{kind}", slice(30_000, 57_000), 0.1)
        assert run("verify", folder, changed) == 1
        said = capsys.readouterr().out
        assert f"a.{kind}: false: open, seed 7" in said and said.count("\n") == 1
    shorter = rewrite(folder / "open-seed-7.flac", tmp_path / "b.flac", slice(0, 0), 1)
    audio.write(shorter, audio.read(shorter)[:44_100], 44_100, {"comment": audio.read_tags(shorter)["comment"][0]})
    assert run("verify", folder, shorter) == 1
    assert "it lasts 1 s instead of 1.3 s" in capsys.readouterr().out


def test_a_file_of_another_length_is_not_made_again(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = change_recipe(folder / "open-seed-7.flac", tmp_path / "a.flac", samples=2**62)
    monkeypatch.setattr("musika.edit.again.save", None)
    assert run("verify", folder, file) == 1
    said = capsys.readouterr().out
    assert "false: open, seed 7" in said and "it lasts 1.3 s instead of 1.04573e+14 s" in said


def change_recipe(file: Path, target: Path, **fields: object) -> Path:
    """The same file with other fields in its recipe, as somebody may write them by hand."""
    recipe = json.loads(audio.read_tags(file)["comment"][0])["musika"]
    comment = json.dumps({"musika": {**recipe, **fields}})
    return audio.write(target, audio.read(file), 44_100, {"comment": comment}).path


def test_what_is_true_is_said_of_the_checkpoint_that_is_here(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = change_recipe(folder / "open-seed-7.flac", tmp_path / "a.flac", checkpoint="symphony")
    assert run("verify", folder, file) == 0
    assert "true: open, seed 7" in capsys.readouterr().out


def test_a_lossy_file_is_compared_within_a_tolerance(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoded_twice = rewrite(folder / "open-seed-7.mp3", tmp_path / "a.mp3", slice(0, 0), 1)
    assert run("verify", folder, encoded_twice) == 0
    assert "dB below the sound, and 6 dB are allowed" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_like_makes_the_same_file_again(kind: str, folder: Path, tmp_path: Path) -> None:
    file = folder / f"open-seed-7.{kind}"
    assert run("generate", folder, "--like", file, "--save_path", tmp_path) == 0
    assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_like_writes_to_standard_output(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("generate", folder, "--like", folder / "open-seed-7.wav", "--save_path", "-") == 0
    sound = (folder / "open-seed-7.wav").read_bytes()[-57_330 * 4 :]
    assert capfdbinary.readouterr().out.endswith(sound)


def test_like_makes_more_of_the_same_piece(folder: Path, tmp_path: Path) -> None:
    words = ("--like", folder / "open-seed-7.flac", "--save_path", tmp_path, "--seconds", "2.5", "--bits", "24")
    assert run("generate", folder, *words) == 0
    longer, shorter = audio.read(tmp_path / "open-seed-7.flac"), audio.read(folder / "open-seed-7.flac")
    assert len(longer) == 110_250
    np.testing.assert_allclose(longer[: len(shorter)], shorter, atol=2 / 32768)
    recipe = read_recipe(tmp_path / "open-seed-7.flac")
    assert (recipe.bits, recipe.samples, recipe.first) == ("24", 110_250, 88_200)


def refuse(capsys: pytest.CaptureFixture[str], verb: str, *words: object) -> str:
    """The one line with which a command refuses something."""
    assert main(verb, list(map(str, words))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_cannot_be_made_again_is_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "open-seed-7.flac"
    plain = audio.write(tmp_path / "plain.wav", audio.read(file), 44_100).path
    assert "plain.wav has no recipe" in refuse(capsys, "verify", plain)
    assert "plain.wav has no recipe" in refuse(capsys, "generate", "--like", plain)
    said = refuse(capsys, "verify", file)
    assert "was made with checkpoint open (" in said and said.endswith("--load_path names the checkpoint's folder")
    assert "--seconds inf: --like makes one file" in refuse(
        capsys, "generate", "--like", file, "--load_path", folder / "open", "--seconds", "inf"
    )
    assert "leave out --jobs" in refuse(capsys, "generate", "--like", file, "--jobs", "2")
    assert "--seed contradicts --like" in refuse(capsys, "generate", "--like", file, "--seed", "1")
    assert "mp3 has no bits to choose" in refuse(
        capsys, "generate", "--like", file, "--load_path", folder / "open", "--format", "mp3", "--bits", "24"
    )


def test_another_checkpoint_is_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny.write_checkpoints(tmp_path)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "seed": 99}))
    file = folder / "open-seed-7.flac"
    said = refuse(capsys, "verify", file, "--load_path", other)
    assert "was made with another checkpoint than" in said and checkpoint.hash_files(folder / "open") in said
    (folder / "ae" / "config.json").rename(tmp_path / "kept.json")
    try:
        text = (tmp_path / "kept.json").read_text()
        (folder / "ae" / "config.json").write_text(text + " ")
        said = refuse(capsys, "verify", file, "--load_path", folder / "open")
    finally:
        (tmp_path / "kept.json").replace(folder / "ae" / "config.json")
    assert "was made with another codec" in said and said.endswith("--dec_path names the codec's folder")


def test_a_file_of_another_version_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "open-seed-7.flac"
    text = audio.read_tags(file)["comment"][0].replace('"version":"', '"version":"0.0.')
    audio.write(tmp_path / "a.flac", audio.read(file), 44_100, {"comment": text})
    run("verify", folder, tmp_path / "a.flac")
    assert "(it was made by Musika 0.0.0.1.0, and this is 0.1.0)" in capsys.readouterr().out
