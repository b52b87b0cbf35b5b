"""The train command with stage edit: a run, going on with it, fine-tuning, held-out latents, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musika import checkpoint, render
from musika.cli import flags, train
from musika.cli.remedies import add_remedy
from musika.codec.load import load_codec
from musika.errors import MusikaError
from tests.helpers.train_runs import write_latents

TINY = ("--set=width=8", "--set=dilations=1,2", "--set=noise_size=2", "--set=longest_gap=12")


@pytest.fixture(scope="module")
def music(shipped, tmp_path_factory) -> Path:
    identity = load_codec(shipped / "ae").identity
    return write_latents(tmp_path_factory.mktemp("music"), identity, length=60, files=16)


def run(shipped: Path, music: Path, save: Path, *words: object) -> int:
    places = ("--train_path", music, "--dec_path", shipped / "ae", "--save_path", save, "--log_path", save / "logs")
    pages = ("--tensorboard", "False", "--gradio", "False")
    sizes = () if "--load_path" in words else TINY
    lengths = ("--bs", 2, "--totsamples", 4, "--crop", 32, "--shortest_gap", 4)
    given = [str(w) for w in ("--recipe", "edit", *places, *pages, *sizes, *lengths, *words)]
    return train.run(flags.parse_train(given))


def find_run(save: Path) -> Path:
    (folder,) = save.glob("edit-*")
    return folder


@pytest.fixture(scope="module")
def trained(shipped, music, tmp_path_factory) -> Path:
    save = tmp_path_factory.mktemp("editor")
    assert run(shipped, music, save, "--epochs", 1) == 0
    return find_run(save)


def test_a_run_leaves_an_editor(trained, shipped) -> None:
    newest = max(trained.glob("0*"))
    info = json.loads((newest / checkpoint.CONFIG).read_text())
    assert info["kind"] == "editor" and info["config"]["tracks"] == ["context", "summary", "draft"]
    assert info["trained"]["files"] == 12, "four files are held out"
    assert list(trained.rglob("validation-0-filled*"))
    model = render.load_model(trained, shipped / "ae")
    assert isinstance(model, render.EditorModel) and model.reach == 3


def test_a_run_goes_on_or_is_fine_tuned(trained, shipped, music, tmp_path, capsys) -> None:
    assert run(shipped, music, tmp_path, "--epochs", 2, "--load_path", trained) == 0
    assert max(trained.glob("0*")).name == "000000008" or (find_run(tmp_path) / "000000008").is_dir()
    assert "fine-tuned" not in capsys.readouterr().err
    assert run(shipped, music, tmp_path, "--epochs", 1, "--load_path", trained, "--whitening", 0.3) == 0
    assert "fine-tuned" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--crop", 100), "no file in .* has the 100 latents of an example"),
        (("--whitening", 0.0), "whitened in part"),
        (("--set=style_size=3",), "an editor has no styles"),
    ],
)
def test_what_cannot_work_is_one_line(shipped, music, tmp_path, words, message) -> None:
    with pytest.raises(MusikaError, match=message) as caught:
        run(shipped, music, tmp_path, *words)
    assert "\n" not in str(add_remedy(caught.value, "train"))
    assert not list(tmp_path.glob("edit-*"))


def test_other_checkpoints_are_refused(shipped, music, tmp_path) -> None:
    with pytest.raises(MusikaError, match="holds a generator, not an editor: train it with stage gan"):
        run(shipped, music, tmp_path, "--load_path", shipped / "open")
