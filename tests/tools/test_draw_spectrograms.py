"""`tools/draw_spectrograms.py`: several files in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from musika import audio
from tests.helpers.tools import run_module


def test_files_stand_below_each_other(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100).astype(np.float32)
    for name in ("a.wav", "b.wav"):
        audio.write(tmp_path / name, np.stack([tone, tone], axis=1), 44_100)
    target = tmp_path / "pictures" / "out.png"
    done = run_module("tools.draw_spectrograms", target, tmp_path / "a.wav", tmp_path / "b.wav", "--seconds", 0.5)
    assert done.returncode == 0, done.stderr
    with Image.open(target) as image:
        height = image.size[1]
    assert height == 2 * (16 + 2 * 96 + 2) + 8  # labels, channels, a gap
    done = run_module("tools.draw_spectrograms", target, tmp_path / "none.wav")
    assert done.returncode == 2 and "none.wav" in done.stderr and done.stderr.count("\n") == 1
