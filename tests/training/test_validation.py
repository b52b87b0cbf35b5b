"""Files and excerpts that a codec's run is measured on."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.training import validation


def test_files_are_held_out_when_there_are_enough(tmp_path: Path) -> None:
    files = [tmp_path / f"{n:02}.wav" for n in range(40)]
    training, held_out = validation.split_files(files)
    assert len(held_out) == validation.HELD_OUT
    assert sorted(training + held_out) == files
    assert validation.split_files(files) == (training, held_out)
    assert validation.split_files(files[: validation.MIN_FILES - 1]) == (files[: validation.MIN_FILES - 1], [])


def test_excerpts_begin_after_the_beginning(tmp_path: Path) -> None:
    ramp = np.linspace(0, 0.9, 35 * 8_000)
    soundfile.write(tmp_path / "long.wav", ramp, 8_000)
    soundfile.write(tmp_path / "short.wav", ramp[:24_000], 8_000)
    (tmp_path / "text.wav").write_text("no music")
    found, failed = validation.read_excerpts(sorted(tmp_path.glob("*.wav")), 8_000)
    assert [(path.name, len(waveform)) for path, waveform in found] == [("long.wav", 80_000), ("short.wav", 24_000)]
    assert found[0][1][0, 0] == pytest.approx(ramp[20 * 8_000], abs=1e-3)
    assert [path.name for path, _ in failed] == ["text.wav"]
