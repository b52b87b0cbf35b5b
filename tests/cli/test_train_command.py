"""The train command: what a run writes, its log, going on, Ctrl-C, being measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint
from musika.__main__ import main
from musika.checkpoint.locate import list_checkpoints
from musika.cli import train
from musika.codec.load import load_codec
from musika.gan.load import load_generator
from musika.latents import open_training_set
from musika.training.setup.data_hash import hash_latents
from tests.helpers.train_runs import assert_refused, command, list_words, only_run, options, write_latents

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_leaves_a_generator_four_samples_and_a_picture(trained, shipped):
    folder = trained / "000000004"
    checkpoint.verify(folder)
    loaded = load_generator(folder)
    assert loaded.config.base_channels == 2 and loaded.config.small
    assert loaded.codec_identity == load_codec(shipped / "ae").identity
    names = {path.name for path in folder.iterdir()}
    assert {f"sample-{k}.flac" for k in range(4)} | {"samples.png", "state.safetensors"} <= names
    said = json.loads((trained / "run.json").read_text())
    assert said["train"]["totsamples"] == 4 and said["config"]["base_channels"] == 2 and said["train"]["lr"] == 1e-3
    assert said["stage"] == "gan" and said["paths"]["codec_path"] == str(shipped / "ae")
    assert Path(said["log_path"]) == (trained.parent / "logs" / trained.name).resolve()


def test_what_was_trained_generates_music(trained, shipped, tmp_path):
    words = ["--load_path", str(trained), "--dec_path", str(shipped / "ae"), "--save_path", str(tmp_path)]
    assert main("generate", [*words, "--seconds", "0.5", "--seed", "1"]) == 0
    assert len(list(tmp_path.glob("*.wav"))) == 1


def test_the_log_holds_scalars_audio_and_pictures(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(trained.parent / "logs" / trained.name))
    board.Reload()
    tags = board.Tags()
    assert {"loss_generator", "loss_critic", "penalty_weight"} <= set(tags["scalars"])
    assert board.Scalars("loss_critic")[-1].step == 4
    assert set(tags["audio"]) == {f"audio/sample-{k}" for k in range(4)}
    assert set(tags["images"]) == {f"spectrogram/sample-{k}" for k in range(4)}
    image = board.Images("spectrogram/sample-0")[0]
    assert image.encoded_image_string.startswith(b"\x89PNG") and image.height == 258
    assert board.Audio("audio/sample-0")[0].encoded_audio_string[:4] == b"RIFF"


def test_a_fresh_process_goes_on_bit_for_bit(shipped, latents, trained, tmp_path):
    whole = options(shipped, latents, tmp_path / "whole", epochs=2)
    assert train.run(whole) == 0
    part = tmp_path / "part" / trained.name
    part.parent.mkdir()
    os.system(f"cp -r {trained} {part}")
    places = list_words(whole, "train_path", "dec_path", "log_path", "tensorboard", "gradio", "epochs")
    # neither sizes nor seed, rate and batch are said again: the run knows them
    words = command(*places, "--save_path", part.parent, "--load_path", part)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "arning" not in done.stderr, done.stderr
    assert [p.name for p in list_checkpoints(part)] == ["000000004", "000000008"]
    once = checkpoint.read(only_run(tmp_path / "whole") / "000000008", "state")
    twice = checkpoint.read(part / "000000008", "state")
    assert once.keys() == twice.keys()
    for name in once:
        assert once[name].tobytes() == twice[name].tobytes(), name


def test_ctrl_c_saves_and_leaves_with_130(shipped, latents, tmp_path):
    chosen = options(shipped, latents, tmp_path, epochs=1000, totsamples=1000)
    names = ("train_path", "dec_path", "save_path", "log_path", "tensorboard", "gradio", "epochs", "totsamples")
    words = command(*list_words(chosen, *names, "small", "base_channels", "bs", "minutes"))
    code = "import musika.training.stages.gan as g\nold = g.GanStage.__init__\n"
    code += "def new(self, *a, **k):\n    old(self, *a, **k)\n    step, left = self.step, [3]\n"
    code += "    def counted(*x):\n        left[0] -= 1\n        if left[0] == 0: os.kill(os.getpid(), signal.SIGINT)\n"
    code += "        return step(*x)\n    self.step = counted\ng.GanStage.__init__ = new\n"
    code = "import os, signal, sys\n" + code + "from musika.__main__ import main\nsys.exit(main('train', sys.argv[1:]))"
    words = [sys.executable, "-c", code, *words[4:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in list_checkpoints(only_run(tmp_path))] == ["000000006"]
    checkpoint.verify(only_run(tmp_path) / "000000006")


def test_latents_are_known_by_their_paths_in_their_folder(tmp_path):
    def mark(folder: Path) -> str:
        return hash_latents(open_training_set(folder, 128).files, folder)

    (tmp_path / "one").mkdir()
    write_latents(tmp_path / "one" / "a", None)
    (tmp_path / "two").mkdir()
    os.system(f"cp -r {tmp_path}/one/a {tmp_path}/two/a")
    assert mark(tmp_path / "one") == mark(tmp_path / "two")
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "b")
    assert mark(tmp_path / "one") != mark(tmp_path / "two")


def test_a_generator_is_measured_on_what_is_held_out(shipped, latents, tmp_path, capsys):
    identity = load_codec(shipped / "ae").identity
    held_out = write_latents(tmp_path / "held", identity, length=128, files=4)
    for path in held_out.glob("*.npy"):
        np.save(path, np.load(path) * 0.5)
    run = options(shipped, latents, tmp_path / "save", valid_path=held_out, totsamples=2)
    assert train.run(run) == 0
    figures = checkpoint.read_config(only_run(run.save_path) / "000000002")["training"]["figures"]
    values = np.concatenate([np.load(path) for path in held_out.glob("*.npy")])
    assert figures["real_deviation"] == pytest.approx(values.std(axis=0).mean(), rel=1e-4)
    assert figures["frechet_latents"] > 0 and 0 <= figures["coverage"] <= 1
    assert "latents that are trained on" not in capsys.readouterr().out

    above = tmp_path / "all"
    above.mkdir()
    for folder in (latents, held_out):
        (above / folder.name).symlink_to(folder)
    assert_refused(
        "is among the latents to train on, too", options(shipped, above, tmp_path / "other", valid_path=held_out)
    )
