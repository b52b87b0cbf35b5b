"""The generator's training step: one step by hand, precision, resuming, fine-tuning, both backends."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from keras import ops

from musika import backend, checkpoint, draws
from musika.checkpoint.locate import find_newest_checkpoint
from musika.config import GanTrainConfig, GeneratorConfig
from musika.errors import CheckpointError
from musika.gan import losses
from musika.gan.generator import generate_windows
from musika.gan.load import load_generator
from musika.training import loop, optim
from musika.training.stages.gan import GanStage, Start
from tests.helpers.backends import run_on_both_backends

SIZES = GeneratorConfig(channels=4, coordinate_depth=4, base_channels=2, small=True, critic_fields=())
TRAIN = GanTrainConfig(bs=2, totsamples=4, epochs=1, lr=1e-3, seed=3, whitening=0.0)


class Files:
    """Smooth latents in three files."""

    lengths = (128, 160, 300)

    def crop(self, file_index, offset, length):
        assert 0 <= offset <= self.lengths[file_index] - length
        time = np.arange(offset, offset + length)[:, None] / 20 + file_index
        return np.sin(time * np.arange(1, 5)).astype(np.float32)


@functools.cache  # a stage holds no state that changes, and tracing its step takes seconds
def get_stage(train=TRAIN, precision="float32", xla=False, sizes=SIZES):
    return GanStage(sizes, train, Files(), "abc", precision=precision, xla=xla)


def make_stage(**options):
    return GanStage(SIZES, TRAIN, Files(), "abc", **options)


def to_host(state):
    return optim.flatten(backend.to_numpy(state))


# ----------------------------------------------------------------------------------------------------- beginnings


def test_init_is_a_function_of_the_seed():
    first, again, other = (
        to_host(get_stage().init_state(1)),
        to_host(get_stage().init_state(1)),
        to_host(get_stage().init_state(2)),
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["generator/start/kernel"], other["generator/start/kernel"])
    assert all(value.dtype in (np.float32, np.int32) for value in first.values())


def test_the_average_begins_with_the_generators_own_weights():
    state = get_stage().init_state(1)
    assert state["average"].keys() == state["generator"].keys()
    for name, value in state["generator"].items():
        assert np.array_equal(state["average"][name], value)
        assert state["average"][name] is not value


def test_batches_do_not_depend_on_their_size():
    large, small = (get_stage(train=GanTrainConfig(bs=bs, totsamples=8, whitening=0.0)) for bs in (4, 2))
    whole, parts = large.make_batch(4), [small.make_batch(4), small.make_batch(6)]
    for name in ("real", "coordinates"):
        assert np.array_equal(whole[name], np.concatenate([part[name] for part in parts]))
    assert whole["real"].shape == (4, 128, 4) and whole["coordinates"].shape == (4, 128, 8)
    assert [n.shape[0] for n in whole["noise"]] == [8] * len(whole["noise"])


def test_channels_are_swapped_where_a_codec_keeps_them_apart():
    class Halves:
        stereo_halves, hop_total, sample_rate = True, 4096, 44_100

    swapping = make_stage(codec=Halves())
    swapped = []
    for position in range(0, 64, 2):
        plain, batch = get_stage().make_batch(position), swapping.make_batch(position)
        assert np.array_equal(plain["coordinates"], batch["coordinates"])
        same = np.array_equal(plain["real"], batch["real"])
        turned = np.array_equal(plain["real"], batch["real"][..., [2, 3, 0, 1]])
        assert same != turned
        swapped.append(turned)
    assert 8 <= sum(swapped) <= 24
    away = make_stage(stereo_halves=swapping.trained["stereo_halves"])  # a run that goes on without its codec
    assert all(np.array_equal(away.make_batch(n)["real"], swapping.make_batch(n)["real"]) for n in range(0, 64, 2))
    Halves.stereo_halves = False
    together = make_stage(codec=Halves())
    assert all(
        np.array_equal(get_stage().make_batch(n)["real"], together.make_batch(n)["real"]) for n in range(0, 64, 2)
    )


def test_every_place_of_every_file_is_cropped():
    seen = set()

    class Watched(Files):
        def crop(self, file_index, offset, length):
            seen.add((file_index, offset))
            return super().crop(file_index, offset, length)

    watched = GanStage(SIZES, GanTrainConfig(bs=2000, totsamples=2000, whitening=0.0), Watched(), "abc")
    for sample in range(3000):
        watched.batches.crop_window(sample)
    places = [(file, offset) for file, length in enumerate(Files.lengths) for offset in range(length - 127)]
    assert seen == set(places)


# -------------------------------------------------------------------------------------------------- one step


def average_scores(one: GanStage, scores):
    """Mean over the batch of 2 of the window's score, and of the means over each length of patches."""
    counts = [1] + [critic.count_patches(128) for critic in one.critic.local]
    ends = np.cumsum([0, *counts])
    return sum(ops.mean(scores[:, at:end]) for at, end in itertools.pairwise(ends))


def compute_by_hand(one: GanStage, state, batch):
    """Losses and gradients from the layers themselves."""
    checkpoint.assign(one.generator, state["generator"])
    checkpoint.assign(one.critic, state["critic"])
    call = one.generator.stateless_call

    def generator_loss(weights):
        fake = generate_windows(lambda c, n: call(weights, [], c, n)[0], batch["coordinates"], batch["noise"])
        return -average_scores(one, one.critic(fake)), fake

    def critic_loss(weights):
        def score(latents):
            return one.critic.stateless_call(weights, [], latents)[0]

        slope = backend.value_and_gradient(lambda x: (2 * average_scores(one, score(x)), ()), batch["real"])[2]
        wrong = (ops.relu(1.0 - score(batch["real"])), ops.relu(1.0 + score(fake)))
        hinge = (average_scores(one, wrong[0]) + average_scores(one, wrong[1])) / 2
        return hinge + 10.0 * state["penalty_weight"] * losses.compute_gradient_penalty(slope), ()

    batch = backend.to_device(batch)
    loss_generator, fake, generator = backend.value_and_gradient(
        generator_loss, backend.to_device(list(state["generator"].values()))
    )
    loss_critic, _, critic = backend.value_and_gradient(critic_loss, backend.to_device(list(state["critic"].values())))
    gradients = {
        "generator": dict(zip(state["generator"], generator, strict=True)),
        "critic": dict(zip(state["critic"], critic, strict=True)),
    }
    return float(loss_generator), float(loss_critic), backend.to_numpy(gradients)


@pytest.mark.parametrize("fields", [(), (1, 4)])
def test_both_networks_step_from_the_same_weights(fields):
    one = get_stage(sizes=dataclasses.replace(SIZES, critic_fields=fields))
    state, batch = one.init_state(1), one.make_batch(0)
    loss_generator, loss_critic, gradients = compute_by_hand(one, state, batch)
    new, scalars = one.step(state, batch)
    assert float(scalars["loss_generator"]) == pytest.approx(loss_generator, abs=1e-6)
    assert float(scalars["loss_critic"]) == pytest.approx(loss_critic, rel=1e-5)
    for name in ("generator", "critic"):
        weights, _ = optim.apply_adam(state[name], gradients[name], optim.init_adam(state[name]), TRAIN.lr, 0.5)
        first = to_host(new[f"{name}_adam"]["m"])
        for path, gradient in to_host(gradients[name]).items():
            scale = np.abs(gradient).max() + 1e-6
            np.testing.assert_allclose(first[path] / scale, 0.5 * gradient / scale, atol=2e-5, err_msg=path)
            # Adam's first step is the gradient's sign: compare it where that is not rounding noise
            sure = np.abs(gradient) > 1e-3 * scale
            moved = np.broadcast_to(sure, to_host(new[name])[path].shape)
            found, wanted = (to_host(tree)[path][moved] for tree in (new[name], weights))
            np.testing.assert_allclose(found, wanted, atol=2e-6, err_msg=path)


def test_a_step_updates_average_and_penalty_weight():
    one = get_stage()
    state = one.init_state(1)
    new, scalars = one.step(state, one.make_batch(0))
    old, now, averaged = to_host(state["generator"]), to_host(new["generator"]), to_host(new["average"])
    for path, value in averaged.items():
        np.testing.assert_allclose(value, 0.999 * old[path] + 0.001 * now[path], atol=1e-6)
    assert float(scalars["certainty"]) < 0.9
    assert float(new["penalty_weight"]) == pytest.approx(0.9999)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_close_to_float32(precision):
    found = []
    for policy in ("float32", precision):
        one = get_stage(precision=policy)
        state = one.init_state(1)
        state["loss_scale"]["scale"] = np.asarray(64.0, np.float32)
        for position in (0, 2):
            state, scalars = one.step(state, one.make_batch(position))
        found.append((to_host(state), {name: float(value) for name, value in scalars.items()}))
    (exact, wanted), (rough, losses_found) = found
    for name, value in wanted.items():
        assert losses_found[name] == pytest.approx(value, rel=0.1, abs=0.05), name
    assert all(value.dtype == exact[name].dtype for name, value in rough.items())
    difference = max(np.abs(rough[name] - exact[name]).max() for name in exact if name.startswith("generator/"))
    assert difference < 4.1 * TRAIN.lr


def test_an_overflow_in_float16_changes_nothing_but_the_scale():
    one = get_stage(precision="mixed_float16")
    state = one.init_state(1)
    state["loss_scale"]["scale"] = np.asarray(2.0**24, np.float32)
    before = to_host(state)
    state, scalars = one.step(state, one.make_batch(0))
    after = to_host(state)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"loss_scale/scale"} and after["loss_scale/scale"] == 2.0**23
    assert np.isfinite([float(value) for value in scalars.values()]).all()
    for position in range(2, 42, 2):  # the scale comes down by itself, then training goes on
        state, _ = one.step(state, one.make_batch(position))
    found = to_host(state)
    assert found["generator_adam/step"] > 0 and found["loss_scale/scale"] < 2.0**24
    assert not np.array_equal(found["generator/out/kernel"], before["generator/out/kernel"])


def test_float32_does_not_touch_the_loss_scale():
    one = get_stage()
    state, scalars = one.step(one.init_state(1), one.make_batch(0))
    assert float(state["loss_scale"]["scale"]) == 2.0**15 and "loss_scale" not in scalars


@pytest.mark.skipif(backend.NAME != "tensorflow", reason="JAX always compiles with XLA")
def test_xla_gives_the_same_losses():
    rows = []
    for xla in (False, True):
        one = get_stage(xla=xla)
        _, scalars = one.step(one.init_state(1), one.make_batch(0))
        rows.append([float(scalars[name]) for name in sorted(scalars)])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------- through the training loop


def make_settings(epochs):
    return loop.LoopSettings(bs=2, totsamples=4, epochs=epochs, seed=3)


@pytest.mark.backend
def test_resuming_gives_equal_bits(tmp_path):
    loop.run(get_stage(), make_settings(2), tmp_path / "whole")
    loop.run(get_stage(), make_settings(1), tmp_path / "part")
    loop.run(make_stage(), make_settings(2), tmp_path / "part", find_newest_checkpoint(tmp_path / "part"))
    whole, part = (checkpoint.read(tmp_path / run / "000000008", "state") for run in ("whole", "part"))
    assert whole.keys() == part.keys()
    for name in whole:
        assert whole[name].tobytes() == part[name].tobytes(), name
    assert whole["generator_adam/step"] == 4 and whole["position"] == 8


def test_a_checkpoint_is_a_generator_with_the_averaged_weights(tmp_path):
    loop.run(get_stage(), make_settings(1), tmp_path)
    loaded = load_generator(tmp_path / "000000004")
    assert loaded.config == SIZES and loaded.codec_identity == "abc"
    state = checkpoint.read(tmp_path / "000000004", "state")
    for name, value in checkpoint.get_weights(loaded.generator).items():
        assert np.array_equal(value, state[f"average/{name}"].astype(np.float16)), name


def test_fine_tuning_begins_with_the_given_generator():
    given = to_host(get_stage().init_state(7)["generator"])
    state = make_stage(start=Start(given)).init_state(1)
    random = get_stage().init_state(1)
    for name, value in given.items():
        assert np.array_equal(state["generator"][name], value) and np.array_equal(state["average"][name], value)
    assert all(np.array_equal(state["critic"][name], value) for name, value in random["critic"].items())
    critic = to_host(get_stage().init_state(7)["critic"])
    state = make_stage(start=Start(given, critic)).init_state(1)
    assert all(np.array_equal(state["critic"][name], value) for name, value in critic.items())


def test_fine_tuning_refuses_other_sizes():
    other = GanStage(GeneratorConfig(4, 4, 4, True, critic_fields=()), TRAIN, Files(), "abc").init_state(1)["generator"]
    with pytest.raises(CheckpointError, match="is expected"):
        make_stage(start=Start(to_host(other))).init_state(1)


def test_previews_are_music_of_the_right_length():
    from tests.helpers.tiny import FakeCodec

    one = make_stage(codec=FakeCodec())
    found = list(one.render_previews(one.init_state(1)))
    assert [name for name, _ in found] == ["sample-0", "sample-1", "sample-2", "sample-3"]
    for _, waveform in found:
        assert waveform.shape == (128 * 16, 2) and np.isfinite(waveform).all()
    assert not np.array_equal(found[0][1], found[1][1])
    again = list(one.render_previews(one.init_state(1)))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(found, again, strict=True))


BOTH = """
    import json
    from tests.training.test_gan_stage import get_stage
    one = get_stage()
    state, rows = one.init_state(1), []
    for position in range(0, 12, 2):
        state, scalars = one.step(state, one.make_batch(position))
        rows.append({name: float(value) for name, value in scalars.items()})
    print(json.dumps(rows))
"""


def test_both_backends_give_the_same_losses():
    for step, (one, other) in enumerate(zip(*run_on_both_backends(BOTH), strict=True)):
        for name, value in one.items():
            assert other[name] == pytest.approx(value, rel=1e-4, abs=1e-4), f"{name} at step {step}"


def test_known_draws_behind_the_windows():
    number = int(draws.integers(TRAIN.seed, "training/window", 5, 1)[0])
    places = [(file, offset) for file, length in enumerate(Files.lengths) for offset in range(length - 127)]
    file, offset = places[number % len(places)]
    assert np.array_equal(get_stage().batches.crop_window(5), Files().crop(file, offset, 128))


# ----------------------------------------------------------------------------------------------------- figures


def test_figures_compare_what_averages_generate_with_what_is_held_out():
    class Loud(Files):
        def crop(self, file_index, offset, length):
            return 3 * super().crop(file_index, offset, length)

    near, far = make_stage(), make_stage(held_out=Loud())
    state = near.init_state(1)
    for weights in (state["generator"], state["critic"]):  # which figures must not look at
        for name in weights:
            weights[name] = np.full_like(weights[name], np.nan)
    found, again, other = near.measure(state), near.measure(state), far.measure(state)
    assert found == again
    assert np.isfinite(list(found.values())).all()
    assert found["deviation"] == other["deviation"]
    assert other["real_deviation"] == pytest.approx(3 * found["real_deviation"], rel=1e-5)
    assert found["real_saturation"] < 0.2 < other["real_saturation"]
    assert other["frechet_latents"] > 1.2 * found["frechet_latents"]
    assert GanStage(SIZES, TRAIN, None, "abc").measure(state) == {}
