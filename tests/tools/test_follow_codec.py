"""`tools/follow_codec.py`: a generator and its critic follow latents that an encoder turned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from musika import backend, checkpoint
from musika.errors import UsageError
from tests.helpers import tiny
from tests.helpers.tools import run_module
from tests.helpers.train_runs import write_latents


def write(folder: Path, identity: str, **files: np.ndarray) -> Path:
    write_latents(folder, identity, files=0)
    for name, latents in files.items():
        np.save(folder / f"{name}.npy", latents)
    return folder


def test_latents_and_scores_follow(tmp_path: Path) -> None:
    from musika.gan.critic import Critic
    from musika.gan.load import load_generator

    sizes = dataclasses.replace(tiny.SMALL, critic_fields=(1, 4))
    generator = tiny.write_checkpoints(tmp_path / "shipped", sizes)
    own = str(checkpoint.read_config(generator)["codec_identity"])
    critic = Critic(sizes, seed=1)
    arrays = {"weights": checkpoint.read(generator), "critic": checkpoint.get_weights(critic)}
    checkpoint.write(tmp_path / "open", checkpoint.read_config(generator), arrays)
    rng = np.random.default_rng(0)
    turn, shift = rng.normal(size=(4, 4)) + 2 * np.eye(4), np.arange(4.0)
    old = [rng.normal(1, size=(n, 4)).astype(np.float32) for n in (300, 200, 10)]
    latents = write(tmp_path / "old", own, a=old[0], b=old[1], c=old[2])
    turned = [(z @ turn + shift).astype(np.float32) for z in old]
    moved = write(tmp_path / "new", "f" * 16, a=turned[0], b=turned[1])
    made = run_module("tools.follow_codec", tmp_path / "open", latents, moved, tmp_path / "out")
    assert made.returncode == 0, made.stderr
    assert (
        "does not explain 0.0 % of" in made.stdout
        and checkpoint.read_config(tmp_path / "out")["codec_identity"] == "f" * 16
    )

    def read_bias(folder: Path) -> np.ndarray:
        loaded = load_generator(folder)
        return checkpoint.get_weights(loaded.generator)["out/bias"]

    np.testing.assert_allclose(read_bias(tmp_path / "out"), read_bias(tmp_path / "open") @ turn + shift, atol=5e-3)
    windows = rng.normal(1, size=(2, sizes.window, 4)).astype(np.float32)
    before = backend.to_numpy(critic(windows))[:, 1:]  # of local critics: the other one's edges see another zero
    checkpoint.assign(critic, checkpoint.read(tmp_path / "out", "critic"))
    after = backend.to_numpy(critic((windows @ turn + shift).astype(np.float32)))[:, 1:]
    assert np.abs(before).max() > 0.1
    np.testing.assert_allclose(after, before, rtol=0.01, atol=0.01)  # weights of half precision


def test_what_cannot_follow_is_refused(tmp_path: Path) -> None:
    from tools import follow_codec

    latents = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    old = write(tmp_path / "old", "a" * 16, a=latents)
    with pytest.raises(UsageError, match="no files of latents in common"):
        follow_codec.read_pairs(old, write(tmp_path / "none", "b" * 16, b=latents), False)
    with pytest.raises(UsageError, match="have shapes"):
        follow_codec.read_pairs(old, write(tmp_path / "short", "b" * 16, a=latents[:9]), False)
    x, y = follow_codec.read_pairs(old, write(tmp_path / "new", "b" * 16, a=2 * latents), True)
    np.testing.assert_array_equal(x[50:], np.roll(latents, 2, axis=1))
    matrix, left = follow_codec.fit_map(x, y)[1::2]
    np.testing.assert_allclose(matrix, 2 * np.eye(4), atol=1e-3)
    assert left < 1e-6
    noise = np.random.default_rng(1).normal(size=x.shape)
    assert follow_codec.fit_map(x, noise).unexplained > 0.9
