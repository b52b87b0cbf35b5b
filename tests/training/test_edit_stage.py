"""The editor's training: what it is told, the step, exact resuming, a checkpoint that edits."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from musika import backend, checkpoint, draws
from musika.checkpoint.locate import find_newest_checkpoint
from musika.config import EditorConfig, EditTrainConfig
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.gan.basis import fit_basis, sort_directions
from musika.gan.context import count_kept, make_context, summarize
from musika.gan.editor_load import load_editor
from musika.metrics import editor as figures
from musika.render.editor import EditorModel, compile_editor, draw_noise
from musika.training import loop, optim
from musika.training.stages.edit import EditStage
from musika.training.stages.edit_step import compute_energy_score
from musika.training.stages.edit_tasks import LEAST_KNOWN, draw_detail, draw_length
from tests.helpers.tiny import FakeCodec

SIZES = EditorConfig(width=16, dilations=(1, 2, 4), noise_size=3, longest_gap=16).fit(4)
TRAIN = EditTrainConfig(
    bs=4, totsamples=8, epochs=1, lr=3e-3, crop=40, seed=3, warmup=0, decay_samples=8000, shortest_gap=2,
    adversarial_weight=0.0, track_dropout=0.0,
)  # fmt: skip


class Waves:
    """Latents that go on as they began: slow waves of four phases."""

    lengths = (90, 120)

    def crop(self, file_index, offset, length):
        assert 0 <= offset <= self.lengths[file_index] - length
        time = np.arange(offset, offset + length)[:, None] / 3 + file_index
        mixed = np.sin(time + np.arange(4)) @ draws.normal(0, "mix", 0, (4, 4)) * 0.2
        more = 0.02 * draws.normal(file_index, "more", 0, (120, 4))[offset : offset + length]
        return (mixed + more).astype(np.float32)


@functools.cache
def get_stage(train=TRAIN):
    return make_stage(train)


def make_stage(train=TRAIN, **options):
    return EditStage(SIZES, train, Waves(), None, "abc", **options)


def to_host(tree):
    return optim.flatten(backend.to_numpy(tree))


def train_for(stage, steps):
    state = stage.init_state(1)
    for position in range(0, steps * stage.train.bs, stage.train.bs):
        state, scalars = stage.step(state, stage.make_batch(position))
    return state, {name: float(value) for name, value in scalars.items()}


# --------------------------------------------------------------------------------------------------- what is told


def test_every_kind_of_task_comes_up_and_something_is_always_known():
    details = [draw_detail(1, sample, 100, 5, 40) for sample in range(400)]
    gaps = [detail == 0.0 for detail in details]
    assert all((detail > 0.0).sum() >= LEAST_KNOWN for detail in details if detail.min() == 0.0)
    assert sum(gap[-1] for gap in gaps) > 80 and sum(gap[0] for gap in gaps) > 15
    assert sum(0.0 < detail.min() < 1.0 for detail in details) > 30, "a coarse part"
    starts = [np.count_nonzero(np.diff(gap.astype(int)) == 1) for gap in gaps]
    assert max(starts) > 1 and all(detail.min() < 1.0 for detail in details)
    np.testing.assert_array_equal(draw_detail(1, 7, 100, 5, 40), details[7])


def test_lengths_reach_from_the_shortest_to_the_longest():
    lengths = [draw_length(chance, 5, 40) for chance in np.linspace(0, 0.9999, 200)]
    assert (lengths[0], lengths[-1]) == (5, 40) and draw_length(0.5, 5, 40) == pytest.approx(14, abs=1)


def test_detail_tells_the_largest_directions_first():
    assert list(count_kept(np.array([0.0, 0.01, 0.5, 1.0]), 128)) == [0, 1, 32, 128]
    latents = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(make_context(latents, np.array([0.5, 0.0]))[:, :4], [[1, 0, 0, 0], [0, 0, 0, 0]])
    basis = sort_directions(fit_basis(Waves(), 0.5))
    rows = basis.transform(Waves().crop(1, 0, 120))
    spread = rows.std(axis=0)
    assert np.all(np.diff(spread) <= 0.2 * spread[:-1]) and spread[0] > spread[-1]
    np.testing.assert_allclose(basis.invert(rows), Waves().crop(1, 0, 120), atol=1e-5)


def test_a_summary_is_of_what_is_known():
    batch = get_stage().make_batch(0)
    for row in range(4):
        known = batch["tracks"][row][:, 4] > 0.0
        np.testing.assert_allclose(batch["tracks"][row][0, 5:13], summarize(batch["latents"][row][known]), atol=1e-6)
        np.testing.assert_array_equal(batch["given"][row][:, 0], batch["tracks"][row][:, 4] >= 1.0)
        unknown = batch["tracks"][row][:, 4] == 0.0
        assert not batch["tracks"][row][unknown, :4].any()
    assert not summarize(np.zeros((0, 4), np.float32)).any()


def test_batches_do_not_depend_on_their_size():
    small = get_stage(dataclasses.replace(TRAIN, bs=2))
    whole, parts = get_stage().make_batch(4), [small.make_batch(4), small.make_batch(6)]
    for name in whole:
        np.testing.assert_array_equal(whole[name], np.concatenate([part[name] for part in parts]), err_msg=name)


def test_sizes_that_make_no_sense_are_refused():
    for wrong in ({"style_size": 4}, {"tracks": ("notes",)}):
        with pytest.raises(ConfigError):
            dataclasses.replace(SIZES, **wrong)
    with pytest.raises(ConfigError, match="whitened"):
        dataclasses.replace(TRAIN, whitening=0.0)


# ------------------------------------------------------------------------------------------------------- training


def test_it_learns_to_fill_gaps_and_given_latents_stay():
    one = get_stage()
    state = one.init_state(1)
    before = one.measure(state)
    assert before["loss"] == before["loss_draft"] and before["loss_end"] == before["loss_draft_end"]
    batches = [one.make_batch(10**6 + TRAIN.bs * number) for number in range(20)]  # none of those that it learns from
    score = float(np.mean([one.step(state, batch)[1]["loss_energy"] for batch in batches]))
    state, _ = train_for(one, 400)
    assert np.mean([one.step(state, batch)[1]["loss_energy"] for batch in batches]) < 0.85 * score
    batch = one.make_batch(0)
    played = backend.to_numpy(one._play(state["average"], batch))
    given = batch["given"][..., 0] > 0
    np.testing.assert_array_equal(played[given], batch["latents"][given])


def score(one, two, truth, made):
    return float(compute_energy_score(*(np.asarray(x, np.float32) for x in (one, two, truth, made))))


def test_the_energy_score_is_least_for_answers_spread_as_the_truth_is():
    truth = draws.normal(1, "truth", 0, (40, 32, 4))
    answers = [draws.normal(1, "answers", number, (40, 32, 4)) for number in range(2)]
    made = np.ones((40, 32, 1))
    by_spread = [score(answers[0] * spread, answers[1] * spread, truth, made) for spread in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert np.argmin(by_spread) == 2
    assert score(truth, truth, truth, made) < 0.01 < by_spread[2]


def test_the_energy_score_counts_what_was_made_alone():
    truth, answer = (draws.normal(2, name, 0, (2, 33, 4)) for name in ("truth", "answer"))
    made = np.zeros((2, 33, 1))
    made[0, 5:20] = 1.0
    mixed = made * answer + (1 - made) * truth
    alone = score(mixed[:1], mixed[:1], truth[:1], made[:1])
    assert score(mixed, mixed, truth, made) == pytest.approx(alone, rel=1e-3) and alone > 0.3
    assert score(truth, truth, truth, 0 * made) == 0.0


@pytest.mark.backend
def test_resuming_gives_equal_bits_with_critics(tmp_path):
    train = dataclasses.replace(TRAIN, adversarial_weight=0.1, critic_samples=4, critic_width=8, track_dropout=0.3)
    settings = loop.LoopSettings(bs=4, totsamples=8, epochs=2, seed=3)
    loop.run(get_stage(train), settings, tmp_path / "whole")
    loop.run(get_stage(train), dataclasses.replace(settings, epochs=1), tmp_path / "part")
    loop.run(make_stage(train), settings, tmp_path / "part", find_newest_checkpoint(tmp_path / "part"))
    whole, part = (checkpoint.read(tmp_path / run / "000000016", "state") for run in ("whole", "part"))
    assert whole.keys() == part.keys()
    for name in whole:
        assert whole[name].tobytes() == part[name].tobytes(), name


def test_figures_of_known_gaps():
    examples = figures.pick_examples(Waves(), 40)
    wanted = np.stack([example.latents for example in examples])
    perfect = figures.measure_gaps(examples, wanted, wanted, 0 * wanted)
    assert (
        perfect["loss_draft"] > 0.0
        and perfect["loss"] == perfect["loss_end"] == 0.0
        and perfect["spread"] == pytest.approx(1.0)
    )
    assert perfect["loss_repeated"] > 0.0
    made = wanted.copy()
    for row, example in zip(made, examples, strict=True):
        row[slice(*example.gap)] = row[slice(*example.gap)].mean(axis=0)
    flat = figures.measure_gaps(examples, wanted, made, made)
    assert flat["loss"] == flat["loss_draft"] and flat["loss"] > 0.0 and flat["spread"] == pytest.approx(0.0, abs=1e-5)


# ----------------------------------------------------------------------------------------------------- checkpoints


@functools.cache
def train_once():
    state, _ = train_for(get_stage(), 20)
    return state, *get_stage().export_weights(state)


def load_model(folder) -> EditorModel:
    _, config, arrays = train_once()
    checkpoint.write(folder, config, arrays)
    loaded = load_editor(folder)
    assert loaded.config == SIZES and loaded.codec_identity == "abc"
    return EditorModel(
        config=loaded.config, make=compile_editor(loaded.network), basis=loaded.basis, codec=FakeCodec(), name="edit"
    )


def test_a_checkpoint_fills_as_the_training_does(tmp_path):
    model, stage, state = load_model(tmp_path / "edit"), get_stage(), train_once()[0]
    reach, step = model.reach, model.step
    assert reach == 7 and model.longest == 16
    latents = Waves().crop(1, 0, 120)[: 2 * reach + step]
    detail = np.ones(len(latents), np.float32)
    detail[30:40] = 0.0
    style = model.measure_style(latents[detail > 0])
    told = np.where(detail[:, None] > 0, latents, 0)
    draft = np.where(detail[:, None] > 0, latents, latents[::-1])
    made = model.make_window(100, told, detail, style, draft, seed=5)
    assert made.shape == (step, 4)
    tracks = np.concatenate(
        [
            make_context(model.basis.transform(latents), detail),
            np.broadcast_to(style, (len(latents), 8)),
            model.basis.transform(draft),
        ],
        axis=1,
    )
    batch = {
        "tracks": tracks[None],
        "noise": draw_noise(5, 100 - reach, len(latents), 3)[None],
        "latents": model.basis.transform(latents)[None],
        "given": 0 * detail[None, :, None],
    }
    wanted = stage.basis.invert(backend.to_numpy(stage._play(state["average"], batch)))[0]
    np.testing.assert_allclose(made, np.clip(wanted, -1, 1)[reach : reach + step], atol=1e-4)


def test_noise_is_a_function_of_position():
    whole = draw_noise(3, -10, 200, 4)
    assert not whole[:10].any() and whole[10:].std() == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(draw_noise(3, 50, 30, 4), whole[60:90])
    assert not np.array_equal(draw_noise(4, 50, 30, 4), whole[60:90])


def test_an_editor_has_no_pieces(tmp_path):
    with pytest.raises(UsageError, match="has no pieces"):
        load_model(tmp_path / "edit").piece(seed=1)


def test_fine_tuning_keeps_weights_and_basis():
    _, _, arrays = train_once()
    stage = get_stage()
    weights = {name: array for name, array in arrays["weights"].items() if not name.startswith("basis/")}
    again = make_stage(start=weights, basis=stage.basis)
    state = again.init_state(9)
    for name, value in weights.items():
        np.testing.assert_array_equal(to_host(state)[f"performer/{name}"], value)
    with pytest.raises(CheckpointError, match="is expected"):
        make_stage(start={**weights, "out/bias": np.zeros(5)}, basis=stage.basis).init_state(9)


def test_previews_are_the_original_and_what_fills_it():
    one = EditStage(SIZES, TRAIN, Waves(), FakeCodec(), "abc")
    found = dict(one.render_previews(one.init_state(1)))
    assert list(found) == [f"validation-{n}-{kind}" for n in range(4) for kind in ("original", "filled")]
    assert all(waveform.shape == (40 * 16, 2) for waveform in found.values())


@pytest.mark.parametrize("name", ["basis/matrix", "basis/mean", "out/bias"])
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path, name):
    _, config, arrays = train_once()
    checkpoint.write(tmp_path / "edit", config, {"weights": {k: v for k, v in arrays["weights"].items() if k != name}})
    with pytest.raises(CheckpointError, match=name):
        load_editor(tmp_path / "edit")
