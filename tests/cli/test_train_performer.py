"""The train command with stage performer: a run, going on with it, held-out pairs, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint, draws
from musika.cli import flags, train
from musika.cli.remedies import add_remedy
from musika.codec.load import load_codec
from musika.errors import MusikaError
from musika.gan.performer_load import load_performer
from musika.latents import LatentsFolder, LatentsSettings
from musika.score import NO_PEDALS, Notes, Score

TINY = {"width": 8, "dilations": [1, 2], "style_size": 2}


def write_pairs(folder: Path, identity: str, names=("hall/one", "hall/two", "room/two"), length: int = 24) -> Path:
    """`latents` and `midi`."""
    with LatentsFolder(folder / "latents", LatentsSettings(identity, 4, 4096, 44_100, 0, True)):
        pass
    for number, name in enumerate(names):
        latents, midi = folder / "latents" / f"{name}.wav.npy", folder / "midi" / f"{Path(name).name}.mid"
        latents.parent.mkdir(parents=True, exist_ok=True)
        midi.parent.mkdir(parents=True, exist_ok=True)
        np.save(latents, 0.3 * draws.truncated_normal(0, "pairs", number, (length, 4), 2.0))
        onsets = np.arange(8) / 4
        one = np.ones(8, int)
        Score(Notes(onsets, onsets + 0.2, 60 + np.arange(8), 90 * one, 0 * one, one > 1), NO_PEDALS).save(midi)
    return folder


@pytest.fixture(scope="module")
def pairs(shipped, tmp_path_factory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), load_codec(shipped / "ae").identity)


def options(shipped: Path, pairs: Path, save: Path, *words: object) -> flags.TrainOptions:
    given = {
        "stage": "performer",
        "train_path": pairs / "latents",
        "midi_path": pairs / "midi",
        "dec_path": shipped / "ae",
        "save_path": save,
        "log_path": save / "logs",
        "tensorboard": False,
        "gradio": False,
        "bs": 2,
        "totsamples": 4,
        "epochs": 1,
        "crop": 16,
    }
    settings = [f"--set={name}={str(value).strip('[]')}" for name, value in TINY.items()]
    sizes = [] if "--load_path" in words else settings
    typed = {str(word).removeprefix("--") for word in words}
    kept = [str(word) for name, value in given.items() if name not in typed for word in (f"--{name}", value)]
    return flags.parse_train([*kept, *sizes, *map(str, words)])


def find_run(save: Path) -> Path:
    (run,) = save.glob("performer-*")
    return run


@pytest.fixture(scope="module")
def run(shipped, pairs, tmp_path_factory) -> Path:
    save = tmp_path_factory.mktemp("runs")
    assert train.run(options(shipped, pairs, save)) == 0
    return find_run(save)


def test_a_run_leaves_a_performer(run, pairs, shipped):
    folder = run / "000000004"
    checkpoint.verify(folder)
    loaded = load_performer(folder)
    assert loaded.style_names == ("hall", "room") and loaded.config.width == 8 and loaded.config.styles == 2
    assert loaded.codec_identity == load_codec(shipped / "ae").identity
    assert {"validation-0-original.flac", "validation-0-played.flac", "samples.png"} <= {
        p.name for p in folder.iterdir()
    }
    said = json.loads((run / "run.json").read_text())
    assert said["stage"] == "performer" and said["paths"]["midi_path"] == str(pairs / "midi")
    assert "variance_explained" in loaded.info["training"]["figures"]


def test_a_run_goes_on_bit_for_bit_without_being_told_again(run, shipped, pairs, tmp_path):
    assert train.run(options(shipped, pairs, tmp_path / "whole", "--epochs", 2)) == 0
    part = tmp_path / "part" / run.name
    shutil.copytree(run, part)
    words = ["--stage", "performer", "--train_path", pairs / "latents", "--load_path", part, "--epochs", 2]
    words += ["--save_path", tmp_path / "part", "--log_path", tmp_path / "logs", "--tensorboard", False]
    assert train.run(flags.parse_train([str(word) for word in words])) == 0
    once, twice = (checkpoint.read(f / "000000008", "state") for f in (find_run(tmp_path / "whole"), part))
    assert once.keys() == twice.keys()
    assert all(once[name].tobytes() == twice[name].tobytes() for name in once)


def test_another_set_of_styles_is_fine_tuned(run, shipped, tmp_path, capsys):
    identity = load_codec(shipped / "ae").identity
    mine = write_pairs(tmp_path / "mine", identity, ("room/two", "church/one", "church/three"))
    assert train.run(options(shipped, mine, tmp_path / "save", "--load_path", run / "000000004")) == 0
    assert "other pairs" in capsys.readouterr().out
    loaded = load_performer(find_run(tmp_path / "save") / "000000004")
    assert loaded.style_names == ("church", "room")


def test_families_of_instruments_begin_as_the_piano_does(run, shipped, pairs, tmp_path, capsys):
    words = ["--load_path", run, "--set", "tracks=loudness,notes/piano,notes/strings", "--lr", 1e-9]
    assert train.run(options(shipped, pairs, tmp_path, *words)) == 0
    assert "gets other tracks" in capsys.readouterr().out
    loaded = load_performer(find_run(tmp_path) / "000000004")
    assert loaded.config.tracks == ("loudness", "notes/piano", "notes/strings")
    assert loaded.config.track_widths == (1, 976, 976)
    new, old = (
        checkpoint.read(folder)["first/kernel"] for folder in (find_run(tmp_path) / "000000004", run / "000000004")
    )
    for first in (1, 977):
        np.testing.assert_allclose(new[first : first + 976], old[:976], atol=1e-3)
    np.testing.assert_allclose(new[:1], old[976:], atol=1e-3)


def test_held_out_pairs_are_not_trained_on(shipped, pairs, tmp_path, capsys):
    assert train.run(options(shipped, pairs, tmp_path, "--valid_path", pairs / "latents" / "room")) == 0
    said = capsys.readouterr().out
    assert "2 files of latents with their scores" in said and "too few to hold some out" not in said


def assert_refused(match: str, chosen: flags.TrainOptions) -> None:
    with pytest.raises(MusikaError, match=match) as caught:
        try:
            train.run(chosen)
        except MusikaError as error:
            raise add_remedy(error, "train") from error
    assert "\n" not in str(caught.value)
    assert not list(chosen.save_path.glob("performer-*"))


def test_what_cannot_be_trained_on_is_refused(shipped, pairs, tmp_path):
    def refuse(match: str, *words: object) -> None:
        assert_refused(match, options(shipped, pairs, tmp_path, *words))

    refuse("none of the 3 files .*--midi_path names the folder", "--midi_path", "none")
    refuse("there is no folder", "--midi_path", tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "else.mid").write_bytes((pairs / "midi" / "one.mid").read_bytes())
    refuse("none of the 3 files", "--midi_path", tmp_path / "other")
    refuse("none of the 3 files", "--crop", 100)
    refuse("nothing left to train on", "--valid_path", pairs / "latents")
    refuse("not a performer", "--load_path", shipped / "open")
    refuse("stage performer has no setting 'widht'", "--set", "widht=3")
    refuse("coorddepth belongs to generators", "--coorddepth", 3)


def test_what_contradicts_the_checkpoint_is_refused(run, shipped, pairs, tmp_path):
    chosen = options(shipped, pairs, tmp_path, "--load_path", run, "--set", "width=16")
    assert_refused("width 16 contradicts", chosen)
    foreign = write_pairs(tmp_path / "foreign", "0" * 16)
    assert_refused("were made by codec", options(shipped, foreign, tmp_path, "--load_path", run))
