"""The generate command: lengths, names, seeds, and what it says when something cannot be done."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import musika
from musika.__main__ import main
from musika.checkpoint import locate
from musika.cli import flags, generate, models
from musika.errors import MusikaError
from tests.helpers import tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


def make_options(folder: Path, save_path: Path, **values: object) -> flags.GenerateOptions:
    return flags.GenerateOptions(load_path=folder, save_path=save_path, **values)  # type: ignore[arg-type]


def make_words(folder: Path, save_path: Path, *more: str) -> list[str]:
    return [sys.executable, "musika_generate.py", "--load_path", str(folder), "--save_path", str(save_path), *more]


@pytest.mark.parametrize("seconds", [0.001, 0.1, 1 / 3, 2.0, 7.77])
def test_exact_lengths(folder: Path, tmp_path: Path, seconds: float) -> None:
    assert generate.run(make_options(folder, tmp_path, seconds=seconds, seed=3)) == 0
    info = soundfile.info(tmp_path / "open-seed-3.wav")
    assert (info.frames, info.samplerate, info.channels) == (round(seconds * 44_100), 44_100, 2)


def test_samples_are_numbered_by_seed_and_render_again_alone(folder: Path, tmp_path: Path) -> None:
    generate.run(make_options(folder, tmp_path / "all", seconds=0.5, seed=10, num_samples=3))
    names = sorted(file.name for file in (tmp_path / "all").iterdir())
    assert names == ["open-seed-10.wav", "open-seed-11.wav", "open-seed-12.wav"]
    generate.run(make_options(folder, tmp_path / "one", seconds=0.5, seed=12))
    assert (tmp_path / "one" / names[2]).read_bytes() == (tmp_path / "all" / names[2]).read_bytes()
    assert (tmp_path / "all" / names[0]).read_bytes() != (tmp_path / "all" / names[1]).read_bytes()


def test_the_file_holds_what_render_gives(folder: Path, tmp_path: Path) -> None:
    generate.run(make_options(folder, tmp_path, seconds=3.0, seed=4, truncation=1.0))
    heard, _ = soundfile.read(tmp_path / "open-seed-4.wav", dtype="float32")
    expected = musika.load(folder).piece(4, truncation=1.0).render(0.0, 3.0)
    np.testing.assert_allclose(heard, expected, atol=2.5 / 32768)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3"])
def test_a_piece_made_with_other_settings_is_kept(
    folder: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / f"open-seed-7.{kind}", tmp_path / f"open-seed-7-2.{kind}"
    generate.run(make_options(folder, tmp_path, seconds=0.5, seed=7, format=kind))
    before = first.read_bytes()
    assert capsys.readouterr().out.count("\n") == 2
    for values in ({"seconds": 0.5, "truncation": 0.5}, {"seconds": 0.5, "truncation": 0.5}, {"seconds": 0.5}):
        generate.run(make_options(folder, tmp_path, seed=7, format=kind, **values))
        assert sorted(tmp_path.iterdir()) == [second, first]
        shown = capsys.readouterr().out
        renamed = "truncation" in values
        kept = f"{first} holds a piece of the same seed with other settings: it stays"
        assert (kept in shown) == renamed == (f"the new file is {second.name}" in shown)
        assert f"{second if renamed else first}: " in shown
    assert soundfile.info(second).frames == pytest.approx(soundfile.info(first).frames)
    assert first.read_bytes() == before
    assert second.read_bytes() != first.read_bytes()


def test_a_file_of_somebody_else_is_kept(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "open-seed-7.wav").write_text("my notes")
    (tmp_path / "open-seed-7-2.wav").mkdir()
    generate.run(make_options(folder, tmp_path, seconds=0.5, seed=7))
    assert (tmp_path / "open-seed-7.wav").read_text() == "my notes"
    assert soundfile.info(tmp_path / "open-seed-7-3.wav").frames == 22_050


def test_a_drawn_seed_is_shown(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.run(make_options(folder, tmp_path, seconds=0.1))
    (made,) = tmp_path.iterdir()
    seed = made.stem.rsplit("-", 1)[1]
    shown = capsys.readouterr().out
    assert f"seed {seed}" in shown and made.name in shown and "x real time" in shown


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus", "mp3"])
def test_other_kinds_of_files(folder: Path, tmp_path: Path, kind: str) -> None:
    generate.run(make_options(folder, tmp_path, seconds=1.5, seed=3, format=kind))
    info = soundfile.info(tmp_path / f"open-seed-3.{kind}")
    assert info.channels == 2 and abs(info.frames / info.samplerate - 1.5) < 0.1


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"small": False}, "contradicts"),
        ({"base_channels": 64}, "contradicts"),
        ({"coorddepth": 64}, "contradicts"),
        ({"seed": flags.MAX_SEED, "num_samples": 2}, "go beyond seed"),
        ({"seconds": 100_000.0}, "choose --format flac"),
        ({"dec_path": Path("nowhere")}, "nowhere"),
    ],
)
def test_what_cannot_be_done(folder: Path, tmp_path: Path, values: dict[str, object], part: str) -> None:
    with pytest.raises(MusikaError, match=part):
        generate.run(make_options(folder, tmp_path, **values))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "flag"),
    [("generate", "--load_path"), ("test", "--load_path"), ("decode", "--dec_path"), ("encode", "--dec_path")],
)
def test_without_checkpoints_beside_the_program_the_flag_is_named(
    verb: str, flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `pip install`, which brings no weights."""
    monkeypatch.setattr(locate, "INSTALLED", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    np.save(tmp_path / "files" / "a.npy", np.zeros((3, 4), np.float32))
    soundfile.write(tmp_path / "files" / "a.wav", np.zeros((3, 2)), 44_100)
    assert main(verb, ["--files_path", "files"] if "code" in verb else []) == 2
    shown = capsys.readouterr().err
    assert "does not exist" in shown and "musika_ae are downloaded" in shown
    assert f"{flag} names the " in shown and shown.count("\n") == 1


def test_a_save_path_that_is_a_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main("generate", ["--load_path", str(folder), "--save_path", str(tmp_path / "file"), "--seconds", "1"]) == 2
    shown = capsys.readouterr().err
    assert "--save_path" in shown and shown.count("\n") == 1


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"save_path": Path("/proc/nowhere")}, "/proc/nowhere cannot be written to"),
        ({"seconds": 100_000.0}, "--format flac"),
    ],
)
def test_what_cannot_be_written_is_said_before_networks_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object], part: str
) -> None:
    monkeypatch.setattr(models, "load_model", lambda options: pytest.fail("loaded"))
    with pytest.raises(MusikaError, match=part):
        generate.run(flags.GenerateOptions(**{"save_path": tmp_path, **values}))  # type: ignore[arg-type]


def test_a_folder_that_takes_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert main("generate", ["--save_path", str(tmp_path)]) == 2
    assert "cannot be written to: permission denied" in capsys.readouterr().err


def test_the_script_says_nothing_but_ours(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        make_words(folder, tmp_path, "--seconds", "1.5", "--seed", "1"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    assert soundfile.info(tmp_path / "open-seed-1.wav").frames == 66_150


def test_a_full_disk_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        make_words(folder, tmp_path / "out", "--seconds", "20", "--seed", "1"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit_file_size,
    )
    assert done.returncode == 2 and "cannot be written" in done.stderr and done.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_leaves_only_whole_files(folder: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        make_words(folder, tmp_path, "--seconds", "20", "--seed", "1", "--num_samples", "1000"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert "seed 1" in process.stdout.readline() and "open-seed-1.wav" in process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert all(file.suffix == ".wav" for file in tmp_path.iterdir()), list(tmp_path.iterdir())
    assert {soundfile.info(file).frames for file in tmp_path.iterdir()} == {20 * 44_100}
