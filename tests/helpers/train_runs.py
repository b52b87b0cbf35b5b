"""What the tests of the train command share: tiny options, folders, and how a refusal looks."""

from __future__ import annotations

import dataclasses
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
from musika.latents import LatentsFolder, LatentsSettings
from musika.training.setup import PreparedTraining, prepare_training


def write_latents(folder: Path, identity: str | None, channels: int = 4, length: int = 160, files: int = 3) -> Path:
    """A folder as the encode command leaves it; without identity, as Musika leaves it."""
    folder.mkdir(exist_ok=True)
    if identity is not None:
        with LatentsFolder(folder, LatentsSettings(identity, channels, 4096, 44_100, length, False)):
            pass
    for k in range(files):
        np.save(folder / f"piece_{k}.npy", 0.5 * draws.truncated_normal(0, "test", k, (length, channels), 2.0))
    return folder


def options(shipped: Path, latents: Path, save: Path, **values) -> flags.TrainOptions:
    """Options of a tiny run without pages. Names that are no options are settings: sizes and hyperparameters."""
    pages = {"tensorboard": False, "gradio": False}
    places = {"train_path": latents, "dec_path": shipped / "ae", "save_path": save, "log_path": save / "logs"}
    sizes = {} if "load_path" in values else {"small": True, "base_channels": 2, "coordinate_depth": 4}
    training = {"bs": 2, "totsamples": 4, "epochs": 1, "lr": 1e-3}
    return change(flags.TrainOptions(**places, **pages, settings={**sizes, **training}), **values)


def change(chosen: flags.TrainOptions, **values: Any) -> flags.TrainOptions:
    """Options with other values; a setting of None is taken out."""
    names = {field.name for field in flags.list_fields(flags.TrainOptions)}
    settings = {**chosen.settings, **{name: value for name, value in values.items() if name not in names}}
    return dataclasses.replace(
        chosen,
        settings={name: value for name, value in settings.items() if value is not None},
        **{name: value for name, value in values.items() if name in names},
    )


def only_run(save: Path) -> Path:
    (folder,) = [p for p in save.iterdir() if p.name.startswith(("gan-", "codec-"))]
    return folder


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "musika", "train", *map(str, words)]


def list_words(chosen: flags.TrainOptions, *names: str) -> list[str]:
    """Words of a command line that give these flags the values of options."""
    values = {**{name: getattr(chosen, name, None) for name in names}, **chosen.settings}
    return [word for name in names for word in (f"--{name}", str(values[name]))]


def assert_refused(match: str, chosen: flags.TrainOptions) -> None:
    with pytest.raises(MusikaError) as caught:
        train.run(chosen)
    text = str(add_remedy(caught.value, "train"))  # as the command line says it
    assert re.search(match, text) and "\n" not in text, text
    assert not [p for p in chosen.save_path.glob("*") if p.name != "logs"]


def prepare(chosen: flags.TrainOptions) -> PreparedTraining:
    """The training that options describe, ready to run."""
    recipe = train.choose_recipe(chosen)
    _, step = train.choose_steps(recipe, chosen.step)[0]
    return prepare_training(train.make_request(chosen, recipe.stage, step, chosen.load_path))


def prepare_codec(*words: object) -> PreparedTraining:
    """The same for a codec, from words of a command line."""
    return prepare(flags.parse_train(["--stage", "codec", *map(str, words)]))
