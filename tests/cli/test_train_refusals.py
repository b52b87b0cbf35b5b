"""What the train command refuses before anything is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from musika.checkpoint.locate import find_newest_checkpoint
from musika.cli import flags, train
from musika.codec.load import load_codec
from musika.errors import MusikaError
from musika.training import origins
from tests.helpers.train_runs import options, refused, write_latents

ROOT = Path(__file__).resolve().parents[2]


def test_latents_that_do_not_fit_are_refused(shipped, latents, tmp_path):
    identity = load_codec(shipped / "ae").identity
    save = tmp_path / "save"
    refused("nowhere", options(shipped, tmp_path / "nowhere", save))
    (tmp_path / "empty").mkdir()
    refused("empty", options(shipped, tmp_path / "empty", save))
    refused("training window 256 .*--max_lat_len", options(shipped, latents, save, small=False))
    refused("numbers", options(shipped, write_latents(tmp_path / "deep", identity, channels=6), save))
    refused("--dec_path", options(shipped, write_latents(tmp_path / "foreign", "0" * 16), save))


def test_latents_of_another_codec_than_the_generators_are_refused(shipped, tmp_path):
    foreign = write_latents(tmp_path / "foreign", "0" * 16)
    refused("encode the audio again", options(shipped, foreign, tmp_path / "save", load_path=shipped / "open"))


def test_nobody_knows_the_codec(shipped, tmp_path, capsys):
    unknown = write_latents(tmp_path / "unknown", None)
    refused("--dec_path", options(tmp_path, unknown, tmp_path / "save", dec_path=tmp_path / "nothing"))
    assert "no codec" in capsys.readouterr().err


@pytest.mark.parametrize("values", [{"small": False}, {"base_channels": 2}, {"coorddepth": 8}])
def test_flags_that_contradict_the_checkpoint_are_refused(shipped, latents, tmp_path, values):
    (name,) = values
    refused(f"--{name} .* contradicts", options(shipped, latents, tmp_path, load_path=shipped / "open", **values))


def test_a_seed_that_contradicts_the_run_is_refused(shipped, latents, trained, tmp_path):
    refused("--seed 9 contradicts", options(shipped, latents, tmp_path, load_path=trained, seed=9))


def test_checkpoints_of_another_kind_are_refused(shipped, latents, tmp_path):
    refused("--stage codec", options(shipped, latents, tmp_path, load_path=shipped / "ae"))
    refused("not a codec", options(shipped, latents, tmp_path, dec_path=shipped / "open"))
    refused("does not exist", options(shipped, latents, tmp_path, load_path=tmp_path / "nowhere"))
    refused("--stage gan", options(shipped, latents, tmp_path, stage="codec", load_path=shipped / "open"))


def test_an_epoch_smaller_than_a_batch_is_refused(shipped, latents, tmp_path):
    refused("less than one batch", options(shipped, latents, tmp_path, bs=8))


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
    refused("critic.safetensors is missing", options(shipped, latents, tmp_path / "save", load_path=torn))


@pytest.mark.parametrize(("field", "value"), [("bs", "2"), ("bs", 2.5), ("epochs", True), ("lr", [1])])
def test_a_course_that_is_not_usable_is_refused(trained, field, value):
    chosen = flags.parse_train(["--load_path", str(trained)])
    origin = origins.found(chosen, "generator")
    course = {**origin.said("training", "course"), field: value}
    broken = origins.Origin(origin.folder, {**origin.info, "training": {"course": course}}, True)
    with pytest.raises(MusikaError, match=f"{field} of its course"):
        train._continued(chosen, broken)
