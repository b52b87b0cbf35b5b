"""Measuring how loud a checkpoint plays."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint
from tests.helpers import tiny
from tools import measure_loudness as tool


def test_the_gain_brings_pieces_to_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    before = (folder / "weights.safetensors").read_bytes()
    words = ["tool", str(folder), "--pieces", "2", "--seconds", "3", "--target", "-30"]
    monkeypatch.setattr(sys, "argv", words)
    assert tool.main() == 0
    config = checkpoint.read_config(folder)
    checkpoint.verify(folder)
    assert (folder / "weights.safetensors").read_bytes() == before
    assert np.median(tool.measure_pieces(folder, 2, 3.0)) == pytest.approx(config["loudness"], abs=0.01)
    assert config["loudness"] + 20 * np.log10(config["output_gain"]) == pytest.approx(-30, abs=0.01)
