"""What the train command refuses before anything is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from musika.checkpoint.locate import find_newest_checkpoint
from musika.codec.load import load_codec
from musika.config import GanTrainConfig
from musika.errors import MusikaError
from musika.training.setup import TrainingRequest
from musika.training.setup.origin import Origin, find_origin, resolve_train_config
from tests.helpers.train_runs import assert_refused, options, prepare, write_latents

ROOT = Path(__file__).resolve().parents[2]


def test_latents_that_do_not_fit_are_refused(shipped, latents, tmp_path):
    identity = load_codec(shipped / "ae").identity
    save = tmp_path / "save"
    assert_refused("nowhere", options(shipped, tmp_path / "nowhere", save))
    (tmp_path / "empty").mkdir()
    assert_refused("empty", options(shipped, tmp_path / "empty", save))
    assert_refused("training window 256 .*--max_lat_len", options(shipped, latents, save, small=False))
    assert_refused("numbers", options(shipped, write_latents(tmp_path / "deep", identity, channels=6), save))
    assert_refused("were made by codec", options(shipped, write_latents(tmp_path / "foreign", "0" * 16), save))


def test_latents_of_another_codec_than_the_generators_are_refused(shipped, tmp_path):
    foreign = write_latents(tmp_path / "foreign", "0" * 16)
    assert_refused("encode the audio again", options(shipped, foreign, tmp_path / "save", load_path=shipped / "open"))


def test_nobody_knows_the_codec(shipped, tmp_path, capsys):
    unknown = write_latents(tmp_path / "unknown", None)
    assert_refused(
        "which codec made the latents", options(tmp_path, unknown, tmp_path / "save", dec_path=tmp_path / "nothing")
    )
    assert "no codec" in capsys.readouterr().err


@pytest.mark.parametrize("values", [{"small": False}, {"base_channels": 2}, {"coordinate_depth": 8}])
def test_sizes_that_contradict_the_checkpoint_are_refused(shipped, latents, tmp_path, values):
    (name,) = values
    name = {"coordinate_depth": "coorddepth"}.get(name, name)
    assert_refused(f"{name} .* contradicts", options(shipped, latents, tmp_path, load_path=shipped / "open", **values))


def test_a_seed_that_contradicts_the_run_is_refused(shipped, latents, trained, tmp_path):
    assert_refused("seed 9 contradicts", options(shipped, latents, tmp_path, load_path=trained, seed=9))


def test_checkpoints_of_another_kind_are_refused(shipped, latents, tmp_path):
    assert_refused("stage codec", options(shipped, latents, tmp_path, load_path=shipped / "ae"))
    assert_refused("not a codec", options(shipped, latents, tmp_path, dec_path=shipped / "open"))
    assert_refused("does not exist", options(shipped, latents, tmp_path, load_path=tmp_path / "nowhere"))
    assert_refused("stage gan", options(shipped, latents, tmp_path, stage="codec", load_path=shipped / "open"))


def test_an_epoch_smaller_than_a_batch_is_refused(shipped, latents, tmp_path):
    assert_refused("less than one batch", options(shipped, latents, tmp_path, bs=8))


def test_refusals_need_no_framework(shipped, tmp_path):
    code = "import sys; from musika.__main__ import main; code = main('train', sys.argv[1:]);"
    code += "sys.exit(9 if {'keras', 'tensorflow', 'jax'} & set(sys.modules) else code)"
    words = [sys.executable, "-c", code, "--train_path", str(tmp_path), "--dec_path", str(shipped / "ae")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_checkpoint_that_is_named_and_not_whole_is_refused(shipped, latents, trained, tmp_path):
    torn = tmp_path / "000000004"
    shutil.copytree(find_newest_checkpoint(trained), torn)
    (torn / "critic.safetensors").unlink()
    assert_refused("critic.safetensors is missing", options(shipped, latents, tmp_path / "save", load_path=torn))


@pytest.mark.parametrize(("field", "value"), [("bs", "2"), ("bs", 2.5), ("epochs", True), ("lr", [1])])
def test_settings_of_a_run_that_cannot_be_used_are_refused(trained, field, value):
    origin = find_origin(trained, "gan")
    settings = {**origin.read("training", "settings"), field: value}
    broken = Origin(origin.folder, {**origin.info, "training": {"settings": settings}}, True)
    with pytest.raises(MusikaError, match=f"training settings cannot be used: {field}"):
        resolve_train_config(GanTrainConfig, TrainingRequest("gan", trained), broken, resumes=True)


def test_chunks_of_another_length_than_asked_for_are_refused(shipped, latents, tmp_path):
    assert_refused("max_lat_len 512 contradicts .* chunks of 160", options(shipped, latents, tmp_path, max_lat_len=512))
    assert prepare(options(shipped, latents, tmp_path, max_lat_len=160)).train.bs == 2


def test_recipes_and_stages_that_do_not_fit_are_refused(shipped, latents, tmp_path):
    assert_refused(
        "--stage codec contradicts --recipe open", options(shipped, latents, tmp_path, stage="codec", recipe="open")
    )
    assert_refused("--step 9: recipe open has 7 steps", options(shipped, latents, tmp_path, recipe="open", step=9))
    assert_refused("name it with --load_path", options(shipped, latents, tmp_path, recipe="open", step=2))
    assert_refused("there is no recipe nothing", options(shipped, latents, tmp_path, recipe="nothing"))
    assert_refused("did you mean lr", options(shipped, latents, tmp_path, set=("lrr=1",)))
