"""What the tests of the train command share: tiny options, folders, and how a refusal looks."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika import draws
from musika.cli import flags, train
from musika.cli.remedies import add_remedy
from musika.errors import MusikaError
from musika.latents import LatentsFolder, Settings


def write_latents(folder: Path, identity: str | None, channels: int = 4, length: int = 160, files: int = 3) -> Path:
    """A folder as the encode command leaves it; without identity, as Musika leaves it."""
    folder.mkdir(exist_ok=True)
    if identity is not None:
        with LatentsFolder(folder, Settings(identity, channels, 4096, 44_100, length, False)):
            pass
    for k in range(files):
        np.save(folder / f"piece_{k}.npy", 0.5 * draws.truncated_normal(0, "test", k, (length, channels), 2.0))
    return folder


def options(shipped: Path, latents: Path, save: Path, **values) -> flags.TrainOptions:
    pages = {"tensorboard": False, "gradio": False}
    places = {"train_path": latents, "dec_path": shipped / "ae", "save_path": save, "log_path": save / "logs"}
    sizes = {} if "load_path" in values else {"small": True, "base_channels": 2, "coorddepth": 4}
    course = {"bs": 2, "totsamples": 4, "epochs": 1, "lr": 1e-3}
    return flags.TrainOptions(**{**places, **pages, **sizes, **course, **values})


def only_run(save: Path) -> Path:
    (folder,) = [p for p in save.iterdir() if p.name.startswith(("gan-", "codec-"))]
    return folder


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "musika", "train", *map(str, words)]


def words_of(chosen: flags.TrainOptions, *names: str) -> list[str]:
    return [word for name in names for word in (f"--{name}", str(getattr(chosen, name)))]


def refused(match: str, chosen: flags.TrainOptions) -> None:
    with pytest.raises(MusikaError) as caught:
        train.run(chosen)
    text = str(add_remedy(caught.value, "train"))  # as the command line says it
    assert re.search(match, text) and "\n" not in text, text
    assert not [p for p in chosen.save_path.glob("*") if p.name != "logs"]


def begun(monkeypatch, chosen: flags.TrainOptions) -> tuple[flags.TrainOptions, Any]:
    """Options and stage with which the loop would begin."""
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(train, "_run", lambda options, stage, *rest: seen.append((options, stage)) or 0)
        assert train.run(chosen) == 0
    return seen[0]


def decided(monkeypatch, *words: object) -> tuple[flags.TrainOptions, Any]:
    """The same for a codec, from words of a command line."""
    return begun(monkeypatch, flags.parse_train(["--stage", "codec", *map(str, words)]))
