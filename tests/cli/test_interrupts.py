"""SIGTERM and SIGHUP (a closed terminal): no verb leaves an incomplete file; those of killed runs are removed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.__main__ import main
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
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


def test_a_closed_terminal_ends_processes_that_render_at_the_same_time(shipped: Path, tmp_path: Path) -> None:
    words = [sys.executable, "musika_generate.py", "--load_path", str(shipped / "open"), "--save_path", str(tmp_path)]
    words += ["--seconds", "3000", "--num_samples", "2", "--jobs", "2"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(list_all(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(name.endswith(".partial") for name in list_all(tmp_path)), "both files are being written"
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGHUP and "Traceback" not in said
    while list_all(tmp_path) and time.monotonic() < deadline:  # processes remove their own files on the way out
        time.sleep(0.1)
    assert list_all(tmp_path) == []


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
