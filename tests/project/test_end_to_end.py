"""The whole path as a person walks it: the scripts themselves, on real audio files, with tiny networks.

encode, train, stop with Ctrl-C, go on, generate, decode, and a codec's training. Each test goes on with what the one
before has left in the folder, as one would at home; so they run in this order, with one start of a process for each.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import checkpoint
from musika.latents import read_index
from tests.helpers import tiny

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
RATE, HOP, WINDOW = 44_100, 4096, 128  # samples in a second, in a latent; latents in the small training window
PATIENCE = 300  # seconds after which a process hangs for sure
PROGRESS = re.compile(r"[^:]+: \d+.* (s|samples|files)/s")
TRAINING = ["--small", "True", "--base_channels", "4", "--coorddepth", "4", "--bs", "2", "--totsamples", "4"]
ALONE = ["--tensorboard", "False", "--gradio", "False"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, songs: list[Path]) -> Path:
    """A folder with music, one file that is none, and a tiny codec."""
    folder = tmp_path_factory.mktemp("home")
    tiny.write_checkpoints(folder / "checkpoints")
    for number, song in enumerate(songs):
        target = folder / "music" / ("album" if number % 2 else ".") / song.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(song, target)
    (folder / "music" / "notes.mp3").write_text("buy strings, size 10 to 46\n")
    return folder


def words(verb: str, *flags: object) -> list[str]:
    return [sys.executable, str(ROOT / f"musika_{verb}.py"), *map(str, flags)]


def environment() -> dict[str, str]:
    hidden = ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")  # the scripts must be quiet by themselves
    return {name: value for name, value in os.environ.items() if name not in hidden}


def run(home: Path, code: int, verb: str, *flags: object, warnings: str = "") -> str:
    """Runs a script in `home`, which must end with that code and nothing on standard error but progress.

    Args:
        warnings: a pattern that each line of our own must begin with, where there are to be some.
    """
    done = subprocess.run(
        words(verb, *flags), cwd=home, env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    ours = [line for line in stray(done.stderr) if not re.match(warnings or "$", line)]
    assert not ours, done.stderr
    return done.stdout


def stray(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.strip() and not PROGRESS.fullmatch(line)]


def runs(home: Path, stage: str = "gan") -> list[Path]:
    return sorted(home.glob(f"runs/{stage}-*"))


def test_encode(home: Path, songs: list[Path]) -> None:
    said = run(home, 1, "encode", "--files_path", "music", "--save_path", "encoded", "--max_lat_len", WINDOW,
               "--dec_path", "checkpoints/ae")  # fmt: skip
    lengths = {song.name: soundfile.info(song).duration * RATE / HOP for song in songs}
    short = {name for name, length in lengths.items() if length <= WINDOW - 1}
    index = read_index(home / "encoded")
    assert index is not None
    skipped = {Path(item["path"]).name: item["reason"] for item in index.skipped}
    assert set(skipped) == {"notes.mp3", *short}
    assert all(name in said for name in skipped), "whatever is left out is listed"
    assert all("--max_lat_len" in skipped[name] for name in short), "with the flag that would take it"
    assert {Path(source.path).name for source in index.sources} == set(lengths) - short
    for source in index.sources:
        assert len(source.files) == -(-source.latents // WINDOW) and source.latents == -(-source.samples // HOP)
        for file in source.files:
            latents = np.load(home / "encoded" / file)
            assert latents.dtype == np.float32 and latents.shape == (WINDOW, tiny.STEREO.channels)
            assert np.abs(latents).max() <= 1


def test_train(home: Path) -> None:
    said = run(home, 0, "train", "--train_path", "encoded", "--dec_path", "checkpoints/ae", "--save_path", "runs",
               "--log_path", "logs", "--epochs", 2, *TRAINING, *ALONE)  # fmt: skip
    (first,) = runs(home)
    assert [path.name for path in sorted(first.glob("0*"))] == ["000000004", "000000008"]
    assert str(first.relative_to(home)) in said
    for folder in first.glob("0*"):
        checkpoint.verify(folder)
        assert len(list(folder.glob("*.flac"))) == 4 and list(folder.glob("*.png"))
    assert list((home / "logs").rglob("events.*")), "TensorBoard has something to show"


def test_ctrl_c_saves_and_the_run_goes_on_at_the_same_place(home: Path) -> None:
    (first,) = runs(home)
    flags = ["--train_path", "encoded", "--dec_path", "checkpoints/ae", "--save_path", "runs", "--log_path", "logs"]
    child = subprocess.Popen(
        words("train", *flags, "--load_path", first / "000000004", "--epochs", 100_000, *ALONE),
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(child, lambda: len(runs(home)) == 2 and (runs(home)[1] / "000000008" / "config.json").exists())
        child.send_signal(signal.SIGINT)
        said, errors = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130, said + errors
    assert [line for line in stray(errors) if "saving" not in line] == []
    second = runs(home)[1]
    saved = sorted(second.glob("0*"))
    checkpoint.verify(saved[-1])
    assert checkpoint.has(saved[-1], "state") and not list(second.glob(".*"))
    assert f"{saved[-1].name}" in said
    for stem in ("weights", "critic"):  # the resumed run has made the same steps as the one that was not stopped
        expected, found = (checkpoint.read(folder / "000000008", stem) for folder in (first, second))
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def wait_for(child: subprocess.Popen[str], condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert child.poll() is None and time.monotonic() < deadline, child.communicate(timeout=10)
        time.sleep(0.05)


def test_generate(home: Path) -> None:
    said = run(home, 0, "generate", "--load_path", runs(home)[0], "--dec_path", "checkpoints/ae", "--seconds", 7.3,
               "--num_samples", 2, "--seed", 5, "--save_path", "new")  # fmt: skip
    files = sorted((home / "new").iterdir())
    assert [re.search(r"seed-(\d+)\.wav$", file.name).group(1) for file in files] == ["5", "6"]
    assert all(str(file.relative_to(home)) in said for file in files)
    for file in files:
        info = soundfile.info(file)
        assert (info.frames, info.samplerate, info.channels) == (round(7.3 * RATE), RATE, 2)


def test_decode_brings_back_every_sample(home: Path) -> None:
    run(home, 0, "encode", "--files_path", DATA, "--save_path", "whole", "--whole", "--dec_path", "checkpoints/ae")
    run(home, 0, "decode", "--files_path", "whole", "--save_path", "back", "--dec_path", "checkpoints/ae")
    index = read_index(home / "whole")
    assert index is not None and len(index.sources) == 3
    decoded = {file.name: soundfile.info(file) for file in (home / "back").rglob("*.wav")}
    for source in index.sources:
        info = soundfile.info(DATA / source.path)
        assert source.samples == round(info.frames * RATE / info.samplerate)
        (found,) = [info for name, info in decoded.items() if name.startswith(Path(source.path).stem)]
        assert (found.frames, found.samplerate, found.channels) == (source.samples, RATE, 2)


def test_codec_training(home: Path) -> None:
    run(home, 0, "train", "--stage", "codec", "--files_path", DATA, "--load_path", "checkpoints/ae",
        "--save_path", "runs", "--log_path", "logs", "--bs", 2, "--totsamples", 4, "--epochs", 1, *ALONE,
        warnings=r"warning: (\d files are too few|\S*/plucked-\S+ (has|is) )")  # fmt: skip
    (folder,) = runs(home, "codec")
    saved = folder / "000000004"
    checkpoint.verify(saved)
    before, after = (checkpoint.read(path) for path in (home / "checkpoints" / "ae", saved))
    assert set(before) == set(after) and any(np.any(before[name] != after[name]) for name in before)
    assert list(saved.glob("*.flac")), "originals and what the codec makes of them"
