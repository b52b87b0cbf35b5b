"""`tools/calibrate_level.py`: a codec's output gets the level of its input, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika import audio, checkpoint
from musika.codec.load import load_codec
from musika.metrics.pair import level
from tests.helpers import tiny
from tests.helpers.tools import run_module
from tools import calibrate_level

MODULE = "tools.calibrate_level"


def write_noise(path: Path, seconds: float = 3.0) -> np.ndarray:
    noise = (0.1 * np.random.default_rng(0).standard_normal((round(44_100 * seconds), 2))).astype(np.float32)
    audio.write(path, noise, 44_100)
    return audio.read(path)


def test_the_level_rises_by_what_is_asked_for(tmp_path: Path) -> None:
    tiny.write_checkpoints(tmp_path)
    folder = tmp_path / "ae"
    (folder / "README.md").write_text("the card")
    sound = write_noise(tmp_path / "in" / "a.wav")
    before, identity = load_codec(folder).reconstruct(sound), load_codec(folder).identity
    calibrate_level.shift_level(folder, 3.0)
    after = load_codec(folder).reconstruct(sound)
    assert level.evaluate(before, after)["level"] == pytest.approx(3.0, abs=0.1)
    assert load_codec(folder).identity == identity and (folder / "README.md").read_text() == "the card"


def test_a_folder_of_audio_calibrates_a_codec(tmp_path: Path) -> None:
    tiny.write_checkpoints(tmp_path)
    write_noise(tmp_path / "in" / "a.wav")
    audio.write(tmp_path / "in" / "silence.wav", np.zeros((44_100, 2), np.float32), 44_100)
    done = run_module(MODULE, tmp_path / "ae", tmp_path / "in")
    assert done.returncode == 0, done.stderr
    error = calibrate_level.measure_level_error(tmp_path / "ae", [tmp_path / "in" / "a.wav"])
    assert abs(error) < 0.2


def test_a_run_that_can_be_resumed_is_refused(tmp_path: Path) -> None:
    arrays = {"weights": {"a": np.zeros(1, np.float32)}, "state": {"a": np.zeros(1, np.float32)}}
    checkpoint.write(tmp_path / "run", {"kind": "codec/stereo"}, arrays)
    done = run_module(MODULE, tmp_path / "run", tmp_path)
    assert done.returncode == 2 and "can be resumed" in done.stderr and done.stderr.count("\n") == 1
