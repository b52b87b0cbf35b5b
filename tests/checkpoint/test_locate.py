"""Finding a checkpoint: by its folder, or the newest whole one of a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint
from musika.checkpoint import locate
from musika.errors import CheckpointError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training run with three checkpoints, and what else may lie there."""
    folder = tmp_path / "songs"
    for samples in (900, 1000, 20):
        value = np.full(3, samples, np.float32)
        arrays = {"weights": {"w": value}, "state": {"s": value}}
        checkpoint.write(folder / f"{samples:09d}", {"kind": "generator"}, arrays, extra={"sample.flac": b"sound"})
    (folder / "run.json").write_text("{}")
    (folder / "000002000").mkdir()  # empty
    (folder / "notes").mkdir()
    return folder


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_run_means_its_newest_checkpoint(run: Path) -> None:
    assert [path.name for path in locate.list_checkpoints(run)] == ["000000020", "000000900", "000001000"]
    assert locate.resolve_checkpoint(run) == run / "000001000"
    assert locate.resolve_checkpoint(run / "000000900") == run / "000000900"
    assert locate.resolve_checkpoint(run, stems=None) == run / "000001000"


@pytest.mark.parametrize("harm", [damage, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_damaged_newest_one_is_passed_over(run: Path, harm, capsys: pytest.CaptureFixture[str]) -> None:
    harm(run / "000001000" / "weights.safetensors")
    for _ in range(2):  # pages ask again and again
        assert locate.resolve_checkpoint(run) == run / "000000900"
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "000001000/weights.safetensors" in said and "000000900 is used instead" in said
    for name in ("000000900", "000000020"):
        damage(run / name / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"holds no whole checkpoint: .*000001000") as caught:
        locate.resolve_checkpoint(run, "codec")
    assert caught.value.about == "codec" and "\n" not in str(caught.value)


def test_only_what_is_needed_is_compared_with_its_checksum(run: Path) -> None:
    damage(run / "000001000" / "state.safetensors")
    assert locate.find_newest_checkpoint(run, ("weights",)) == run / "000001000"
    assert locate.find_newest_checkpoint(run) == run / "000000900"
    damage(run / "000000900" / "sample.flac")
    assert locate.find_newest_checkpoint(run) == run / "000000020"
    (run / "000001000" / "sample.flac").unlink()  # a copy that was cut off
    assert locate.find_newest_checkpoint(run, ("weights",)) == run / "000000900"


def test_a_checkpoint_without_a_manifest_is_verified_too(tmp_path: Path) -> None:
    for samples in (4, 8):
        checkpoint.write(tmp_path / str(samples), {"kind": "generator"}, {"weights": {"w": np.zeros(3)}})
    assert locate.find_newest_checkpoint(tmp_path).name == "8"
    path = tmp_path / "8" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert locate.find_newest_checkpoint(tmp_path).name == "4"


def test_training_refuses_a_checkpoint_that_lacks_a_file(run: Path) -> None:
    (run / "000000900" / "sample.flac").unlink()
    assert locate.resolve_checkpoint(run / "000000900") == run / "000000900"
    with pytest.raises(CheckpointError, match=r"sample\.flac is missing"):
        locate.resolve_checkpoint(run / "000000900", stems=None)


@pytest.mark.parametrize(("name", "part"), [("nowhere", "does not exist"), ("empty", "holds no checkpoint")])
def test_what_is_no_checkpoint_says_what_it_was_to_be(tmp_path: Path, name: str, part: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=part) as caught:
        locate.resolve_checkpoint(tmp_path / name, "generator")
    assert caught.value.about == "generator"
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="is a file, not a checkpoint folder"):
        locate.resolve_checkpoint(tmp_path / "file")


def test_what_lies_beside_the_program_is_found(monkeypatch: pytest.MonkeyPatch, run: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(locate, "INSTALLED", run.parent)
    assert locate.resolve_checkpoint(Path("songs")) == run / "000001000"
    monkeypatch.chdir(tmp_path)
    assert locate.resolve_checkpoint(Path("songs")) == Path("songs/000001000")
