"""The train command for codecs."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os

import numpy as np
import pytest
import soundfile

from musika import checkpoint
from musika.cli import flags, train
from musika.codec.checkpoint import make_checkpoint, read_weights
from musika.codec.load import load_codec
from musika.codec.weights import list_weight_shapes
from musika.config import ADDED_PHASES
from musika.errors import MusikaError
from tests.helpers import tiny
from tests.helpers.train_runs import assert_refused, change, only_run, options, prepare_codec


@pytest.fixture(scope="module")
def codec_run(songs, tmp_path_factory) -> flags.TrainOptions:
    """The options of a codec's run of two steps, which is done."""
    folder = tmp_path_factory.mktemp("codec")
    music = folder / "music"
    music.mkdir()
    for path in songs[:2]:
        (music / f"caf\udce9 {path.name}").symlink_to(path)
    (music / "broken.mp3").write_bytes(b"no music at all")
    tone = 0.4 * np.sin(np.arange(132_300) / 30)
    soundfile.write(music / "silence.wav", np.zeros((132_300, 2)), 44_100)
    soundfile.write(music / "mono.wav", tone, 44_100)
    soundfile.write(music / "narrow.wav", tone[:24_000], 8_000)
    soundfile.write(music / "clipped.wav", np.clip(np.stack([4 * tone, tone], axis=1), -1, 1), 44_100)
    soundfile.write(music / "offset.wav", np.stack([tone, 0.5 * tone], axis=1) + 0.3, 44_100)
    sizes = {
        name: value for name, value in tiny.STEREO.to_dict().items() if name not in ("tuned_bins", "hop", "window")
    }
    sizes = {name: tuple(value) if isinstance(value, list) else value for name, value in sizes.items()}
    chosen = options(folder, folder, folder / "save", stage="codec", files_path=music, dec_path=None, xla="False")
    chosen = change(chosen, small=None, base_channels=None, coordinate_depth=None, magnitude_samples=2, **sizes)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert train.run(chosen) == 0
    (folder / "said").write_text(said.getvalue(), errors="surrogateescape")
    return chosen


def test_a_codec_trains_on_audio_files(codec_run, tmp_path):
    folder = only_run(codec_run.save_path) / "000000004"
    checkpoint.verify(folder)
    assert load_codec(folder).channels == 4
    names = {path.name for path in folder.iterdir()}
    assert {f"validation-{k}-{what}.flac" for k in (0, 1) for what in ("original", "decoded")} <= names
    info = checkpoint.read_config(folder)
    assert len(info["trained"]["audio"]) == 16
    assert np.isfinite(list(info["training"]["figures"].values())).all()
    assert {"log_mel", "flatness_ratio", "loudness_error"} <= info["training"]["figures"].keys()
    state = checkpoint.read(folder, "state")
    assert all(np.isfinite(array).all() for array in state.values())
    assert_refused("--small belongs", change(codec_run, small=True, save_path=tmp_path / "other"))


def test_odd_files_in_a_folder_are_told(codec_run):
    said = (codec_run.files_path.parent / "said").read_text(errors="surrogateescape").splitlines()
    assert any("left out" in line and "broken.mp3" in line for line in said)
    for name, reason in {
        "silence": "is silent",
        "mono": "same sound in both channels",
        "narrow": "8000 Hz",
        "clipped": "is clipped",
        "offset": "offset of +0.30",
    }.items():
        assert any(name in line and reason in line for line in said), (name, said)


def test_a_folder_to_measure_on_that_leaves_nothing_is_refused(codec_run, tmp_path):
    chosen = change(codec_run, valid_path=codec_run.files_path, save_path=tmp_path / "save")
    assert_refused("nothing left to train on", chosen)


def test_a_codec_goes_on_with_its_own_audio_alone(codec_run, tmp_path, capsys):
    run = only_run(codec_run.save_path)
    places = ("--load_path", run, "--save_path", codec_run.save_path)
    prepared = prepare_codec(*places, "--files_path", codec_run.files_path, "--xla", "False")
    stage, train_config = prepared.stage, prepared.train
    assert not stage.xla
    assert (train_config.bs, train_config.magnitude_samples, train_config.epochs) == (2, 2, 1)
    shown = capsys.readouterr()
    assert "fine-tuned" not in shown.out
    assert "not there any more" not in shown.err  # a codec's run has no other codec

    music = tmp_path / "music"
    music.mkdir()
    os.system(f"cp -P {os.fsencode(codec_run.files_path).decode()}/* {music}")
    next(path for path in sorted(music.iterdir()) if path.is_symlink()).unlink()
    prepared = prepare_codec(*places, "--files_path", music, "--gradio")
    shown = capsys.readouterr()
    assert "was trained on other audio" in shown.out and "fine-tuned, with fresh optimizers" in shown.out
    assert "no preview page" not in shown.err
    assert prepared.stage.start is not None and prepared.stage.xla
    assert (prepared.train.bs, prepared.train.magnitude_samples) == (8, 0)
    prepared = prepare_codec(*places, "--files_path", music, "--magnitude_samples", 40000)
    assert prepared.train.magnitude_samples == 40_000
    assert "no preview page" not in capsys.readouterr().err


def test_an_encoder_that_shall_rest_needs_fresh_optimizers(codec_run, capsys):
    places = ("--load_path", only_run(codec_run.save_path), "--save_path", codec_run.save_path)
    stage = prepare_codec(*places, "--files_path", codec_run.files_path, "--freeze_encoder").stage
    assert "freeze_encoder True differs" in capsys.readouterr().out
    assert stage.start is not None and stage.step.trained_parts == ("decoder",)


def test_a_run_from_before_a_loss_goes_on_without_it(codec_run, tmp_path):
    source = only_run(codec_run.save_path) / "000000004"
    config, older = checkpoint.read_config(source), tmp_path / "run" / "000000004"
    assert config["training"]["settings"].pop("cycle_weight") == 1.0
    checkpoint.write(older, config, {name: checkpoint.read(source, name) for name in ("weights", "state")})
    places = ("--files_path", codec_run.files_path, "--save_path", codec_run.save_path, "--load_path", older)
    assert prepare_codec(*places).stage.train.cycle_weight == 0.0
    assert prepare_codec(*places, "--cycle_weight", "2").stage.train.cycle_weight == 2.0


def test_a_crop_that_no_loss_can_hear_is_refused(codec_run, tmp_path):
    with pytest.raises(MusikaError, match="crop 2 is too short for the losses: 3 latents are the least"):
        prepare_codec("--files_path", codec_run.files_path, "--save_path", tmp_path, "--crop", "2")


def test_a_codec_learns_to_tune_when_told(codec_run, tmp_path, capsys):
    places = ("--files_path", codec_run.files_path, "--save_path", tmp_path)
    run = only_run(codec_run.save_path)
    assert checkpoint.read_config(run / "000000004")["config"]["tuned_bins"] == 256  # as new ones do
    with pytest.raises(MusikaError, match=r"tuned_bins 0 contradicts .* which has 256"):
        prepare_codec(*places, "--load_path", run, "--tuning", "False")
    stage = prepare_codec(*places, "--tuning", "False").stage
    assert stage.config.tuned_bins == 0

    config, weights = read_weights(run / "000000004")
    config = dataclasses.replace(config, tuned_bins=0)
    weights["decoder"] = {
        name: array for name, array in weights["decoder"].items() if not name.startswith(("strength", "tuner"))
    }
    checkpoint.write(tmp_path / "older", *make_checkpoint(config, weights))
    capsys.readouterr()
    stage = prepare_codec(*places, "--load_path", tmp_path / "older").stage
    assert stage.config.tuned_bins == 0 and "learns to tune" not in capsys.readouterr().out
    stage = prepare_codec(*places, "--load_path", tmp_path / "older", "--set", "tuned_bins=256").stage
    assert stage.config.tuned_bins == 256 and "learns to tune tones" in capsys.readouterr().out
    assert stage.start["decoder"].keys() - weights["decoder"].keys() == {
        f"{layer}/{kind}"
        for layer in ("strength", "tuner/near", "tuner/far", "tuner/offset")
        for kind in ("kernel", "bias")
    }


def test_phases_of_tones_learn_to_add_up_when_told(codec_run, tmp_path, capsys):
    run = only_run(codec_run.save_path)  # tones have fixed carriers
    places = ("--files_path", codec_run.files_path, "--save_path", tmp_path)
    chosen = ("--tuning", "True", "--set", "phase_cell=4")  # a block has 8 latents
    stage = prepare_codec(*places, "--load_path", run, *chosen).stage
    assert "which its decoder has fixed carriers for" in capsys.readouterr().out
    for config in (stage.config, prepare_codec(*places, *chosen).stage.config):
        assert {name: getattr(config, name) for name in ADDED_PHASES} == ADDED_PHASES | {"phase_cell": 4}
    _, weights = read_weights(run / "000000004")
    new = {name for name in stage.start["decoder"] if name.startswith(("strength/", "tuner/"))}
    assert all(
        np.array_equal(stage.start["decoder"][name], weights["decoder"][name])
        for name in stage.start["decoder"].keys() - new
    )
    assert list_weight_shapes(stage.config).keys() == {
        f"{part}/{name}" for part, arrays in stage.start.items() for name in arrays
    }

    checkpoint.write(tmp_path / "added", *make_checkpoint(stage.config, stage.start))
    stage = prepare_codec(*places, "--load_path", tmp_path / "added", *chosen).stage
    assert stage.config.phase_cell == 4 and "learns to tune" not in capsys.readouterr().out
    with pytest.raises(MusikaError, match=r"phase_cell 8 contradicts .* which has 4"):
        prepare_codec(*places, "--load_path", tmp_path / "added", "--set", "phase_cell=8")


def test_a_missing_folder_to_measure_on_is_refused(codec_run, tmp_path):
    chosen = change(codec_run, valid_path=tmp_path / "nothing", save_path=tmp_path / "save")
    assert_refused("nothing, does not exist", chosen)
    assert_refused("hop belongs to published codecs", dataclasses.replace(chosen, hop=256))
