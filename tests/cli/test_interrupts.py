"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal) leave no incomplete file; those of killed runs are removed."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika import audio, console
from musika.__main__ import main
from musika.audio import encoders
from musika.cli import generate
from tests.helpers import keras2

ROOT = Path(__file__).resolve().parents[2]
VERBS: dict[str, Callable[[Path, Path, Path], list[object]]] = {
    "generate": lambda shipped, data, save: ["--load_path", shipped / "open", "--seconds", 1, "--save_path", save],
    "encode": lambda shipped, data, save: [
        *("--dec_path", shipped / "ae", "--files_path", data / "sound", "--whole", True, "--save_path", save)
    ],
    "decode": lambda shipped, data, save: [
        *("--dec_path", shipped / "ae", "--files_path", data / "latents", "--save_path", save)
    ],
    "evaluate": lambda shipped, data, save: [
        *("--codec", shipped / "ae", "--files_path", data / "sound", "--latents", False, "--save_path", save)
    ],
    "convert": lambda shipped, data, save: [data / "techno", save / "converted"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    noise = np.random.default_rng(0).normal(0, 0.1, (60_000, 2)).astype(np.float32)
    audio.write(folder / "sound" / "a.wav", noise, 44_100)
    (folder / "latents").mkdir()
    np.save(folder / "latents" / "a.npy", np.zeros((20, 4), np.float32))
    keras2.write_gan(folder / "techno")
    return folder


def list_all(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_left(
    verb: str, number: int, shipped: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when a file is about to be completed."""
    seen: list[list[str]] = []
    sync = os.fsync

    def signal_first(descriptor: int) -> None:
        if not seen:
            seen.append(list_all(tmp_path))
            os.kill(os.getpid(), number)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", signal_first)
    words = [str(word) for word in VERBS[verb](shipped, data, tmp_path / "out")]
    assert main(verb, words) == 128 + number
    assert any("partial" in name for name in seen[0]), "there was something to remove"
    assert [name for name in list_all(tmp_path) if name != "out"] == []


@pytest.mark.parametrize("form", ["flac", "mp3"])
def test_a_signal_while_libsndfile_writes_is_not_lost(
    form: str, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """C code would print an exception that is raised in a function that it calls, and go on."""
    write, calls = encoders._FirstFailure.write, 0

    def signal_in_the_fourth_call(sink: encoders._FirstFailure, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return write(sink, data)

    monkeypatch.setattr(encoders._FirstFailure, "write", signal_in_the_fourth_call)
    words = ["--load_path", str(shipped / "open"), "--save_path", str(tmp_path), "--seconds", "600", "--format", form]
    assert main("generate", words) == 130
    said = capfd.readouterr().err
    assert "ignored" not in said and said.endswith("\ninterrupted\n")
    assert list_all(tmp_path) == []


def test_what_a_killed_run_left_is_removed_by_the_next(shipped: Path, tmp_path: Path) -> None:
    words = [sys.executable, "musika_generate.py", "--load_path", str(shipped / "open"), "--save_path", str(tmp_path)]
    process = subprocess.Popen([*words, "--seconds", "3000"], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list_all(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    (left,) = list_all(tmp_path)
    assert left.startswith(".musika-") and left.endswith(".partial")
    assert main("generate", [*words[2:], "--seconds", "0.5", "--seed", "1"]) == 0
    assert list_all(tmp_path) == ["open-seed-1.wav"]


@pytest.mark.parametrize(
    ("number", "pieces", "reached"),
    [(signal.SIGHUP, 6, "all"), (signal.SIGINT, 6, "all"), (signal.SIGTERM, 1, "first")],
)
def test_processes_that_render_at_the_same_time_end_together(
    number: int, pieces: int, reached: str, shipped: Path, tmp_path: Path
) -> None:
    """A terminal that is closed, and its Ctrl-C, reach all processes; `kill` reaches the first one.

    With six pieces, each of two processes writes one file and has the next one waiting; one long piece is written by
    the first process.
    """
    words = [sys.executable, "musika_generate.py", "--load_path", str(shipped / "open"), "--save_path", str(tmp_path)]
    words += ["--seconds", "3000", "--num_samples", str(pieces), "--jobs", "2", "--format", "flac"]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell in the background ignores
    )
    deadline = time.monotonic() + 240
    while len(list_all(tmp_path)) < min(pieces, 2) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(name.endswith(".partial") for name in list_all(tmp_path)), "files are being written"
    (os.killpg if reached == "all" else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number and "Traceback" not in said, said
    assert said.split("\n")[-2] == "interrupted"
    with pytest.raises(ProcessLookupError):  # the others have ended, too
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
    assert list_all(tmp_path) == []


INTERRUPT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGINT, signal.default_int_handler)
from musika.__main__ import main
sys.exit(main(sys.argv[2], sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("module", "verb"),
    [
        ("argparse", "verify"),
        ("numpy", "edit"),
        ("numpy.linalg", "encode"),
        ("keras.src", "generate"),
        ("keras.src", "generate --jobs"),  # when another process has been started
    ],
)
def test_ctrl_c_while_modules_are_imported_is_one_line(module: str, verb: str, data: Path, tmp_path: Path) -> None:
    words = {
        "verify": [data / "sound" / "a.wav"],
        "edit": ["vary", data / "sound" / "a.wav", "--save_path", tmp_path],
        "encode": ["--files_path", data / "sound", "--save_path", tmp_path],
        "generate": ["--seconds", "3", "--save_path", tmp_path],
        "generate --jobs": ["--seconds", "3", "--save_path", tmp_path, "--jobs", "2"],
    }
    command = [sys.executable, "-c", INTERRUPT, module, verb.split()[0], *map(str, words[verb])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (130, "\ninterrupted\n", "")
    assert list_all(tmp_path) == []


def test_finished_hours_stay_when_music_without_end_is_interrupted(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "HOUR", 0.5)
    sync, count = os.fsync, 0

    def signal_in_the_third_file(descriptor: int) -> None:
        nonlocal count
        count += stat.S_ISREG(os.fstat(descriptor).st_mode)
        if count == 3:
            os.kill(os.getpid(), signal.SIGINT)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", signal_in_the_third_file)
    words = ["--load_path", str(shipped / "open"), "--save_path", str(tmp_path), "--seconds", "inf", "--seed", "1"]
    assert main("generate", words) == 130
    names = list_all(tmp_path)
    assert names == sorted(f"open-seed-1-from-0-0{second}.wav" for second in ("0", "0.5"))
    assert all(len(audio.read(tmp_path / name)) == 22_050 for name in names)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a tmpfs")
def test_a_full_tmpfs_leaves_nothing_that_looks_whole(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        words = ["--load_path", str(shipped / "open"), "--save_path", str(tmp_path), "--seed", "1"]
        for kind in ("wav", "flac", "ogg"):
            assert main("generate", [*words, "--seconds", "60" if kind == "ogg" else "9", "--format", kind]) == 2
            assert f"open-seed-1.{kind} cannot be written: no space left" in capsys.readouterr().err
            assert list_all(tmp_path) == []
        assert main("generate", [*words, "--seconds", "1"]) == 0 and list_all(tmp_path) == ["open-seed-1.wav"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_leaves_nothing_that_looks_whole(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--load_path", str(shipped / "open"), "--save_path", str(tmp_path), "--seconds", "9", "--seed", "1"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))  # stands for the disk
    try:
        assert main("generate", words) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "open-seed-1.wav cannot be written" in capsys.readouterr().err and list_all(tmp_path) == []


def test_an_interruption_that_is_lost_is_raised_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Python drops an exception that is raised while an object is freed."""

    class Freed:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    went_on: list[bool] = []

    def act() -> int:
        Freed()
        went_on.append(True)
        time.sleep(20)
        return 0

    assert console.run_guarded(act, verbose=False) == 143
    assert went_on == [True]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_a_signal_that_has_to_wait_does_not_outlive_the_command() -> None:
    """It waits for the end of a function of libsndfile; when the command has ended, there is nothing left to end."""
    names: dict[str, Any] = {"act": lambda: os.kill(os.getpid(), signal.SIGTERM)}
    exec(compile("def vio_write():\n    act()\n    return 0", "soundfile.py", "exec"), names)
    assert console.run_guarded(names["vio_write"], verbose=False) == 0
    time.sleep(3 * console.PATIENCE)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_cleaning_up_after_an_interruption_takes_its_time() -> None:
    done: list[bool] = []

    def act() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
        finally:
            time.sleep(1.3)
            done.append(True)
        return 0

    assert console.run_guarded(act, verbose=False) == 143
    assert done == [True]
