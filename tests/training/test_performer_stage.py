"""The performer's training: batches by position, the step, critics, exact resuming, what a checkpoint holds."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from musika import backend, checkpoint, draws
from musika.checkpoint.locate import find_newest_checkpoint
from musika.config import PerformerConfig, PerformerTrainConfig
from musika.errors import CheckpointError
from musika.gan.performer_load import load_performer
from musika.metrics import performer as figures
from musika.score import Notes
from musika.training import loop, optim
from musika.training.stages.performer import PerformerStage
from tests.helpers.tiny import FakeCodec

SIZES = PerformerConfig(channels=4, track_widths=(3, 2), tracks=("a", "b"), width=12, dilations=(1, 2), styles=2)
TRAIN = PerformerTrainConfig(
    bs=2, totsamples=4, epochs=1, lr=3e-3, crop=16, seed=3, warmup=0, decay_samples=4000, track_dropout=0.0
)
STYLES = ("hall", "studio")


class Files:
    """Latents that are a function of the tracks and the style."""

    lengths = (60, 90, 40)
    styles = (0, 1, 1)

    def compute_tracks(self, file_index, offset, length):
        time = (np.arange(offset, offset + length)[:, None] + 10 * file_index) / 3
        return [np.sin(time * np.arange(1, width + 1) + width).astype(np.float32) for width in SIZES.track_widths]

    def crop(self, file_index, offset, length):
        assert 0 <= offset <= self.lengths[file_index] - length
        both = np.concatenate(self.compute_tracks(file_index, offset, length), axis=1)
        mixed = both @ draws.normal(0, "mix", 0, (5, 4)) * 0.2 + 0.3 * self.styles[file_index]
        return np.tanh(mixed).astype(np.float32)

    def get_absent_values(self):
        return [np.full(3, -1, np.float32), np.full(2, -2, np.float32)]

    def get_notes(self, file_index, offset, length):
        onsets = np.arange(length) * 0.016
        one = np.ones(length, int)
        return Notes(onsets, onsets + 0.01, 60 * one, 80 * one, 0 * one, np.zeros(length, bool))


@functools.cache
def get_stage(train=TRAIN, config=SIZES):
    return make_stage(train, config)


def make_stage(train=TRAIN, config=SIZES, **options):
    return PerformerStage(config, train, Files(), None, "abc", STYLES, **options)


def to_host(tree):
    return optim.flatten(backend.to_numpy(tree))


def train_for(stage, steps, bs=2):
    state = stage.init_state(1)
    for position in range(0, steps * bs, bs):
        state, scalars = stage.step(state, stage.make_batch(position))
    return state, {name: float(value) for name, value in scalars.items()}


# ------------------------------------------------------------------------------------------------------ batches


def test_batches_do_not_depend_on_their_size():
    large, small = (get_stage(dataclasses.replace(TRAIN, bs=bs)) for bs in (4, 2))
    whole, parts = large.make_batch(4), [small.make_batch(4), small.make_batch(6)]
    assert whole["latents"].shape == (4, 16, 4) and whole["tracks"].shape == (4, 16, 5)
    for name in ("latents", "tracks", "styles"):
        assert np.array_equal(whole[name], np.concatenate([part[name] for part in parts])), name


def test_tracks_and_style_belong_to_the_latents():
    one = get_stage()
    for position in range(0, 40, 2):
        batch = one.make_batch(position)
        for row, sample in enumerate((position, position + 1)):
            file, offset = one.batches.choose_place(sample)
            plain = one.basis.invert(batch["latents"][row])
            np.testing.assert_allclose(plain, Files().crop(file, offset, 16), atol=1e-5)
            assert np.array_equal(batch["tracks"][row], np.concatenate(Files().compute_tracks(file, offset, 16), 1))
            assert batch["styles"][row] == Files.styles[file]


def test_every_place_of_every_file_is_cropped():
    places = {get_stage().batches.choose_place(sample) for sample in range(3000)}
    assert places == {(file, at) for file, length in enumerate(Files.lengths) for at in range(length - 15)}


def test_tracks_are_left_out_as_often_as_asked():
    one = make_stage(dataclasses.replace(TRAIN, track_dropout=0.3, bs=500, totsamples=500))
    tracks = one.make_batch(0)["tracks"]
    absent = np.stack([(tracks[:, :, :3] == -1).all((1, 2)), (tracks[:, :, 3:] == -2).all((1, 2))])
    assert np.all(np.abs(absent.mean(axis=1) - 0.3) < 0.08)
    assert abs(absent.all(axis=0).mean() - 0.09) < 0.05, "one by one"
    kept = get_stage(dataclasses.replace(TRAIN, bs=500, totsamples=500)).make_batch(0)["tracks"]
    assert np.array_equal(tracks[:, :, :3][~absent[0]], kept[:, :, :3][~absent[0]])


def test_noise_is_part_of_the_batch():
    one = get_stage(config=dataclasses.replace(SIZES, noise_size=3))
    noise = [one.make_batch(position)["noise"] for position in (0, 2, 0)]
    assert noise[0].shape == (2, 16, 3) and np.array_equal(noise[0], noise[2])
    assert not np.array_equal(noise[0], noise[1])


# ----------------------------------------------------------------------------------------------------- training


def test_it_learns_what_tracks_and_style_say():
    one = get_stage()
    before = one.measure(one.init_state(1))
    state, _ = train_for(one, 300)
    after = one.measure(state)
    assert before["variance_explained"] < 0.2 and after["variance_explained"] > 0.8
    assert after["loss"] < 0.5 * before["loss"]
    styles = to_host(state)["average/styles"]
    assert not np.allclose(styles[0], styles[1])


def test_the_average_soon_forgets_the_initial_weights():
    one = get_stage()
    state = one.init_state(1)
    new, _ = one.step(state, one.make_batch(0))
    old, now, average = (to_host(tree)["out/kernel"] for tree in (state["average"], new["performer"], new["average"]))
    np.testing.assert_allclose(average, 0.1 * old + 0.9 * now, atol=1e-6)


def test_without_a_weight_there_are_no_critics():
    state, scalars = train_for(get_stage(), 1)
    assert "critic" not in state and set(scalars) == {"loss"}


def test_critics_teach_after_their_examples():
    with_critics = dataclasses.replace(TRAIN, adversarial_weight=0.1, critic_samples=4, critic_width=8)
    plain, one = get_stage(), get_stage(with_critics)
    waits, _ = train_for(one, 2)
    alone, _ = train_for(plain, 2)
    assert np.allclose(to_host(waits)["performer/out/kernel"], to_host(alone)["performer/out/kernel"], atol=1e-6)
    first = to_host(one.init_state(1))["critic/local_4/first/kernel"]
    assert not np.array_equal(to_host(waits)["critic/local_4/first/kernel"], first), "critics learn from the beginning"
    taught, scalars = train_for(one, 3)
    alone, _ = train_for(plain, 3)
    assert not np.allclose(to_host(taught)["performer/out/kernel"], to_host(alone)["performer/out/kernel"], atol=1e-6)
    assert set(scalars) == {"loss", "loss_adversarial", "loss_critic", "penalty"}


@pytest.mark.backend
@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_resuming_gives_equal_bits(tmp_path, weight):
    train = dataclasses.replace(TRAIN, adversarial_weight=weight, critic_samples=2, critic_width=8)
    settings = loop.LoopSettings(bs=2, totsamples=4, epochs=2, seed=3)
    loop.run(get_stage(train), settings, tmp_path / "whole")
    loop.run(get_stage(train), dataclasses.replace(settings, epochs=1), tmp_path / "part")
    loop.run(make_stage(train), settings, tmp_path / "part", find_newest_checkpoint(tmp_path / "part"))
    whole, part = (checkpoint.read(tmp_path / run / "000000008", "state") for run in ("whole", "part"))
    assert whole.keys() == part.keys() and whole["adam/step"] == 4
    for name in whole:
        assert whole[name].tobytes() == part[name].tobytes(), name


# --------------------------------------------------------------------------------------------------- checkpoints


def test_a_checkpoint_plays_plain_latents(tmp_path):
    one = get_stage()
    state, _ = train_for(one, 20)
    config, arrays = one.export_weights(state)
    checkpoint.write(tmp_path / "piano", config, arrays)
    loaded = load_performer(tmp_path / "piano")
    assert loaded.config == SIZES and loaded.style_names == STYLES and loaded.codec_identity == "abc"
    batch = one.make_batch(0)
    styles = checkpoint.get_weights(loaded.performer)["styles"][batch["styles"]]
    played = backend.to_numpy(loaded.performer(batch["tracks"], styles))
    wanted = one.basis.invert(backend.to_numpy(one._play(state["average"], batch)))
    np.testing.assert_allclose(played, wanted, atol=1e-4)


def test_fine_tuning_begins_with_the_given_weights():
    one = get_stage()
    state, _ = train_for(one, 5)
    _, arrays = one.export_weights(state)
    again = make_stage(start=arrays["weights"]).init_state(9)
    for name, value in to_host(state["average"]).items():
        np.testing.assert_allclose(again["performer"][name], value, atol=1e-5, err_msg=name)
    with pytest.raises(CheckpointError, match="is expected"):
        make_stage(start={**arrays["weights"], "out/bias": np.zeros(5)}).init_state(9)


def test_previews_are_the_original_and_what_is_played():
    one = PerformerStage(SIZES, TRAIN, Files(), FakeCodec(), "abc", STYLES)
    found = dict(one.render_previews(one.init_state(1)))
    assert list(found) == [f"validation-{n}-{kind}" for n in range(3) for kind in ("original", "played")]
    assert all(waveform.shape == (40 * 16, 2) for waveform in found.values())


# ------------------------------------------------------------------------------------------------------- figures


def test_figures_of_known_latents():
    wanted = draws.normal(0, "wanted", 0, (2, 50, 4))
    perfect = figures.measure_latents(wanted, wanted, lambda x: x)
    assert perfect == {"loss": 0.0, "variance_explained": 1.0}
    mean = np.broadcast_to(wanted.reshape(-1, 4).mean(0), wanted.shape)
    assert figures.measure_latents(wanted, mean, lambda x: x)["variance_explained"] == pytest.approx(0, abs=1e-5)
    assert np.isnan(figures.measure_latents(0 * wanted, wanted, lambda x: x)["variance_explained"])


def test_notes_are_heard_in_what_is_played(monkeypatch):
    heard = []

    def fake(network, notes, waveform, rate):
        heard.append((len(notes), waveform.shape, rate))
        return {"note_f1": [0.25, float("nan"), 0.75][len(heard) - 1]}

    monkeypatch.setattr(figures, "_load_transcriber", lambda: object())
    monkeypatch.setattr(figures.note_onsets, "evaluate", fake)
    notes = [Files().get_notes(file, 0, 10) for file in range(3)]
    assert figures.measure_notes(notes, np.zeros((3, 10, 4), np.float32), FakeCodec()) == pytest.approx(0.5)
    assert heard == [(10, (160, 2), 1000)] * 3
    monkeypatch.setattr(figures, "_load_transcriber", lambda: None)
    assert np.isnan(figures.measure_notes(notes, np.zeros((3, 10, 4), np.float32), FakeCodec()))
