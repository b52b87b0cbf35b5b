"""Where a training begins: fine-tuned, widened, resumed, moved to another codec."""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest

from musika import checkpoint
from musika.checkpoint.locate import find_newest_checkpoint, list_checkpoints
from musika.cli import flags, train
from musika.codec.checkpoint import make_checkpoint, read_weights
from musika.codec.load import load_codec
from musika.config import GanTrainConfig
from musika.errors import MusikaError
from musika.gan.load import load_generator
from musika.training.setup import TrainingRequest
from musika.training.setup.origin import find_origin, resolve_train_config
from tests.helpers.train_runs import assert_refused, only_run, options, prepare, write_latents


def test_fine_tuning_begins_with_the_shipped_generator(shipped, latents, tmp_path, capsys):
    given = load_generator(shipped / "open")
    chosen = options(shipped, latents, tmp_path, load_path=shipped / "open", lr=1e-9)
    assert train.run(chosen) == 0
    assert "are fine-tuned, with a fresh critic" in capsys.readouterr().out
    tuned = load_generator(only_run(tmp_path) / "000000004")
    assert tuned.config == given.config
    for name, value in checkpoint.get_weights(given.generator).items():
        np.testing.assert_allclose(checkpoint.get_weights(tuned.generator)[name], value, atol=1e-3)


def test_a_run_keeps_its_settings_unless_others_are_asked_for(trained):
    def resolve(**settings: object) -> GanTrainConfig:
        request = TrainingRequest("gan", trained, load_path=trained, settings=settings)
        return resolve_train_config(GanTrainConfig, request, find_origin(trained, "gan"), resumes=True)

    kept = resolve()
    assert (kept.bs, kept.totsamples, kept.epochs, kept.lr, kept.save_every) == (2, 4, 1, 1e-3, 1)
    asked = resolve(bs=2, epochs=250, lr=1e-4)  # the default epochs and rate, but asked for
    assert (asked.bs, asked.totsamples, asked.epochs, asked.lr) == (2, 4, 250, 1e-4)
    assert resolve(seed=0).seed == 0
    with pytest.raises(MusikaError, match="seed 1 contradicts"):
        resolve(seed=1)


def test_samples_need_the_codec_of_the_latents(shipped, latents, tmp_path, capsys):
    config, weights = read_weights(shipped / "ae")
    weights["encoder"]["last/bias"] = weights["encoder"]["last/bias"] + 0.1
    checkpoint.write(tmp_path / "other", *make_checkpoint(config, weights))
    chosen = options(shipped, latents, tmp_path, load_path=shipped / "open", dec_path=tmp_path / "other")
    assert prepare(chosen).stage.codec is None
    assert "no samples to listen to" in capsys.readouterr().err


def test_other_latents_than_the_runs_own_are_fine_tuned(shipped, trained, tmp_path, capsys):
    others = write_latents(tmp_path / "more", load_codec(shipped / "ae").identity, files=4)
    assert train.run(options(shipped, others, tmp_path / "out", load_path=trained)) == 0
    assert "other latents" in capsys.readouterr().out
    assert [p.name for p in list_checkpoints(only_run(tmp_path / "out"))] == ["000000004"]
    assert [p.name for p in list_checkpoints(trained)] == ["000000004"]


def test_an_older_checkpoint_branches_into_a_new_run(shipped, latents, trained, tmp_path):
    run = tmp_path / trained.name
    os.system(f"cp -r {trained} {run}")
    os.system(f"cp -r {run}/000000004 {run}/000000008")
    chosen = options(shipped, latents, tmp_path, load_path=run / "000000004", epochs=2)
    assert prepare(chosen).folder not in (run, trained)
    newest = options(shipped, latents, tmp_path, load_path=run, epochs=2)
    assert prepare(newest).folder == run


def test_a_generator_moves_to_another_codec_that_is_named(shipped, trained, tmp_path, capsys):
    config, weights = read_weights(shipped / "ae")
    weights["encoder"]["last/bias"] = weights["encoder"]["last/bias"] + 0.1
    checkpoint.write(tmp_path / "ae", *make_checkpoint(config, weights))
    identity = load_codec(tmp_path / "ae").identity
    moved = write_latents(tmp_path / "latents", identity)
    assert_refused("were made by codec", options(shipped, moved, tmp_path / "none", load_path=trained))
    run = options(shipped, moved, tmp_path / "save", load_path=trained, dec_path=tmp_path / "ae")
    assert train.run(run) == 0
    assert "the latents are of another codec" in capsys.readouterr().out
    made = load_generator(only_run(run.save_path) / "000000004")
    assert made.codec_identity == identity and len(list((only_run(run.save_path) / "000000004").glob("*.flac"))) == 4


def test_fine_tuning_keeps_the_weight_of_the_critics_penalty(shipped, latents, trained, tmp_path):
    source = trained / "000000004"
    config = checkpoint.read_config(source)
    assert config["penalty_weight"] == pytest.approx(1.0 - 2e-4)  # two steps of a critic that was not certain
    arrays = {"weights": checkpoint.read(source), "critic": checkpoint.read(source, "critic")}
    for name, said in (("kept", {"penalty_weight": 0.25}), ("none", {}), ("text", {"penalty_weight": "much"})):
        del config["penalty_weight"]
        config |= said
        checkpoint.write(tmp_path / name, config, arrays)
        config["penalty_weight"] = None
    chosen = functools.partial(options, shipped, latents, tmp_path / "save")
    assert prepare(chosen(load_path=tmp_path / "kept")).stage.init_state(0)["penalty_weight"] == 0.25
    assert prepare(chosen(load_path=tmp_path / "none")).stage.init_state(0)["penalty_weight"] == 1.0
    assert_refused("penalty_weight is not a number", chosen(load_path=tmp_path / "text"))


def test_widened_by_flags_and_then_resumed(shipped, latents, trained, tmp_path, capsys) -> None:
    own = {"load_path": trained, "critic_channels": 2, "epochs": 2}  # said, and as it is: kept from now on
    kept = prepare(options(shipped, latents, tmp_path / "own", **own)).stage
    assert "is widened" not in capsys.readouterr().out
    assert kept.config.critic_channels == 2 and kept.start is None  # the same run goes on

    wider = {"load_path": trained, "base_channels": 6, "critic_channels": 3}
    assert train.run(options(shipped, latents, tmp_path, **wider)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "is widened: generator 2 to 6 channels, critic 2 to 3" in said
    run = only_run(tmp_path)
    sizes = checkpoint.read_config(find_newest_checkpoint(run))["config"]
    assert (sizes["base_channels"], sizes["critic_channels"]) == (6, 3)

    assert train.run(options(shipped, latents, tmp_path, load_path=run, base_channels=6, epochs=2)) == 0
    assert "is widened" not in capsys.readouterr().out
    assert len(list_checkpoints(only_run(tmp_path))) == 2
    for name, value, own in (("critic_channels", 2, 3), ("base_channels", 4, 6), ("small", False, True)):
        with pytest.raises(MusikaError, match=f"{name} {value} contradicts .*, which has {own}"):
            train.run(options(shipped, latents, tmp_path, **{"load_path": run, "base_channels": 8, name: value}))


def test_local_critics_are_there_from_the_start_or_come_later(shipped, latents, trained, tmp_path, capsys) -> None:
    def fields(name: str, **values: object) -> list[int]:
        return list(prepare(options(shipped, latents, tmp_path / name, **values)).stage.config.critic_fields)

    assert checkpoint.read_config(find_newest_checkpoint(trained))["config"]["critic_fields"] == [1, 4, 16]
    assert fields("published", local_critics=False) == []
    assert fields("kept", load_path=shipped / "open") == []
    assert "gets local critics" not in capsys.readouterr().out
    save = tmp_path / "added"
    assert train.run(options(shipped, latents, save, load_path=shipped / "open", local_critics=True)) == 0
    assert "gets local critics" in " ".join(capsys.readouterr().out.split())
    assert checkpoint.read_config(find_newest_checkpoint(only_run(save)))["config"]["critic_fields"] == [1, 4, 16]
    again = {"load_path": only_run(save), "local_critics": True, "epochs": 2}
    assert train.run(options(shipped, latents, save, **again)) == 0
    assert len(list_checkpoints(only_run(save))) == 2  # the same run went on
    with pytest.raises(MusikaError, match=r"critic_fields none contradicts .*, which has 1,4,16"):
        train.run(options(shipped, latents, tmp_path / "none", load_path=trained, local_critics=False))


def test_a_run_that_goes_on_keeps_its_codec_and_what_it_is_measured_on(shipped, latents, tmp_path, capsys):
    held_out = write_latents(tmp_path / "held", load_codec(shipped / "ae").identity, length=128, files=2)
    own = (tmp_path / "codecs" / "own").resolve()
    own.parent.mkdir()
    own.symlink_to(shipped / "ae")
    save = tmp_path / "save"
    assert train.run(options(shipped, latents, save, dec_path=own, valid_path=held_out, totsamples=2)) == 0
    words = [
        "--train_path",
        latents,
        "--load_path",
        only_run(save),
        "--freeze_encoder",
        "--gradio",
        "False",
        "--average_decay",
        0.99,
    ]
    prepared = prepare(flags.parse_train([*map(str, words)]))
    stage = prepared.stage
    assert (prepared.codec_path, stage.train.average_decay) == (own, 0.99)
    assert prepared.record["paths"]["valid_path"] == str(held_out)
    assert stage.codec is not None and stage.held_out is not stage.batches.files
    assert "--freeze_encoder does nothing with --stage gan" in capsys.readouterr().err

    own.unlink()
    prepare(flags.parse_train([*map(str, words)]))
    assert f"{own}, which this run was started with, is not there any more" in " ".join(capsys.readouterr().err.split())


def test_lowered_rates_are_told(trained, tmp_path, latents, shipped, capsys):
    lowered = tmp_path / "save" / "run" / "000000004"
    source = find_newest_checkpoint(trained)
    arrays = {name: checkpoint.read(source, name) for name in ("weights", "critic", "state")}
    arrays["state"]["rate"] = np.asarray(0.25, np.float32)
    checkpoint.write(lowered, checkpoint.read_config(source), arrays)
    assert train.run(options(shipped, latents, tmp_path / "save", load_path=lowered)) == 0
    assert "learning rates are 0.25 of their settings" in " ".join(capsys.readouterr().out.split())


def test_a_run_goes_on_in_its_own_basis(shipped, latents, trained, tmp_path, capsys):
    words = ["--train_path", latents, "--dec_path", shipped / "ae", "--gradio", "False", "--load_path"]
    stage = prepare(flags.parse_train([*map(str, words), str(trained)])).stage
    assert stage.train.whitening == 0.5 and stage.start is None
    stage = prepare(flags.parse_train([*map(str, words), str(trained), "--whitening", "0"])).stage
    assert "whitening 0.0 differs from the run of" in " ".join(capsys.readouterr().out.split())
    assert stage.basis is None and stage.start is not None

    older = tmp_path / "run" / "000000004"  # from before there was a choice
    source = find_newest_checkpoint(trained)
    config = checkpoint.read_config(source)
    config["training"]["course"] = config["training"].pop("settings")  # as it used to be called
    del config["training"]["course"]["whitening"]
    checkpoint.write(older, config, {name: checkpoint.read(source, name) for name in ("weights", "critic", "state")})
    stage = prepare(flags.parse_train([*map(str, words), str(older)])).stage
    assert stage.basis is None and stage.start is None
