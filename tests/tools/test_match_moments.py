"""`tools/match_moments.py` and `average_checkpoints.py`: moments of real latents; means of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers import tiny
from tests.helpers.tools import run_module

MODULE = "tools.match_moments"


def test_moments_become_those_of_the_folder(tmp_path: Path) -> None:
    from tools.common import latents

    shipped = tiny.write_checkpoints(tmp_path / "shipped")
    (tmp_path / "real").mkdir()
    rng = np.random.default_rng(0)
    real = (rng.normal(size=(4000, 4)) @ rng.normal(size=(4, 4)) * 0.3 + np.arange(4)).astype(np.float32)
    np.save(tmp_path / "real" / "a.npy", real)
    for share in (1.0, 0.5):
        made = run_module(MODULE, shipped, tmp_path / "real", tmp_path / "out", "--share", share, "--pieces", 8)
        assert made.returncode == 0, made.stderr
        before, after = (np.concatenate(latents.generate_pieces(f, 8)) for f in (shipped, tmp_path / "out"))
        mean = (1 - share) * before.mean(axis=0) + share * real.mean(axis=0)
        np.testing.assert_allclose(after.mean(axis=0), mean, atol=0.02)
        if share == 1.0:
            np.testing.assert_allclose(np.cov(after.T), np.cov(real.T), atol=0.02 * np.cov(real.T).max())
    (tmp_path / "other").mkdir()
    assert "there are no latents" in run_module(MODULE, shipped, tmp_path / "other", tmp_path / "new").stderr
    np.save(tmp_path / "other" / "a.npy", real[:, :3])
    refused = run_module(MODULE, shipped, tmp_path / "other", tmp_path / "new")
    assert refused.returncode == 2 and "makes latents of 4 numbers, the folder has 3" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_the_mean_of_checkpoints(tmp_path: Path) -> None:
    from musika import checkpoint

    for number, value in enumerate((1.0, 2.0, 6.0)):
        arrays = {"weights": {"a/kernel": np.full((2, 3), value, np.float32)}, "critic": {"b": np.ones(number + 1)}}
        checkpoint.write(tmp_path / str(number), {"kind": "generator", "config": {"n": number}}, arrays)
    folders = [tmp_path / str(number) for number in range(3)]
    made = run_module("tools.average_checkpoints", tmp_path / "mean", *folders)
    assert made.returncode == 0, made.stderr
    np.testing.assert_array_equal(checkpoint.read(tmp_path / "mean")["a/kernel"], np.full((2, 3), 3.0))
    assert checkpoint.read(tmp_path / "mean", "critic")["b"].shape == (3,)
    assert checkpoint.read_config(tmp_path / "mean")["config"] == {"n": 2}
    checkpoint.write(folders[1], {"kind": "generator"}, {"weights": {"a/kernel": np.ones((2, 2))}})
    made = run_module("tools.average_checkpoints", tmp_path / "other", *folders)
    assert (
        made.returncode == 2
        and made.stderr.count("\n") == 1
        and "a/kernel" in made.stderr
        and "Traceback" not in made.stderr
    )
