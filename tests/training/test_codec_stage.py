"""The codec's training stage on a tiny codec: it learns, repeats itself, freezes its encoder, resumes exactly."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from musika import backend, checkpoint
from musika.codec.load import load_codec
from musika.config import CodecTrainConfig
from musika.training.pool import Pool
from musika.training.stages.codec import CodecStage
from musika.training.stages.codec_batches import ADVERSARIAL, MAGNITUDES, WAVEFORM, compute_shortest_crop
from tests.codec.test_codec import ADDING_UP, TINY, TUNED, make_weights
from tests.helpers.training_audio import make_tones, write_audio

TRAIN = CodecTrainConfig(
    lr=3e-3, warmup=2, bs=4, crop=40, totsamples=40, magnitude_samples=8, decay_samples=4000, adversarial_share=1.0
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("audio")
    return Pool(folder, write_audio(folder), tmp_path_factory.mktemp("cache"), 44_100, 41 * 256)


@pytest.fixture(scope="module")
def stage(pool: Pool) -> CodecStage:
    return CodecStage(
        TINY, TRAIN, pool, start=make_weights(TINY), previews=[("one", make_tones(0.3, 1).astype(np.float32))]
    )


def run_steps(stage: CodecStage, state: dict, first: int, count: int) -> tuple[dict, list[dict]]:
    seen = []
    for index in range(first, first + count):
        state, scalars = stage.step(state, stage.make_batch(index * stage.train.bs))
        seen.append({name: float(value) for name, value in backend.to_numpy(scalars).items()})
    return state, seen


def test_batches_are_a_function_of_position(stage: CodecStage) -> None:
    one, again, next_one = stage.make_batch(8), stage.make_batch(8), stage.make_batch(12)
    np.testing.assert_array_equal(one["waveform"], again["waveform"])
    np.testing.assert_array_equal(one["noise"], again["noise"])
    assert not np.array_equal(one["waveform"], next_one["waveform"])
    assert stage.make_batch(4)["phase"] == MAGNITUDES
    assert one["phase"] == WAVEFORM
    assert np.abs(one["waveform"]).max() <= 1.1001


@pytest.mark.backend
def test_training_lowers_the_loss_and_ends_with_a_codec(stage: CodecStage, tmp_path: Path) -> None:
    state, seen = run_steps(stage, stage.init_state(0), 0, 14)
    assert "waveform_linear" not in seen[1]
    assert "waveform_linear" in seen[2]
    assert np.mean([s["magnitude_mel"] for s in seen[-3:]]) < 0.8 * seen[0]["magnitude_mel"]
    checkpoint.write(tmp_path / "ae", *stage.export_weights(state), half=True)
    codec = load_codec(tmp_path / "ae")
    assert codec.reconstruct(make_tones(0.1, 1)).shape == (4410, 2)
    names = [name for name, _ in stage.render_previews(state)]
    assert names == ["one-original", "one-decoded"]


def test_the_same_steps_give_the_same_bits(stage: CodecStage) -> None:
    state, _ = run_steps(stage, stage.init_state(0), 0, 3)
    middle, _ = run_steps(stage, stage.init_state(0), 0, 2)
    again, _ = run_steps(stage, backend.to_device(backend.to_numpy(middle)), 2, 1)
    for name, array in backend.to_numpy(state["weights"]["decoder"]).items():
        np.testing.assert_array_equal(array, backend.to_numpy(again["weights"]["decoder"])[name])


def test_a_frozen_encoder_stays_as_it_is(pool: Pool) -> None:
    frozen = CodecTrainConfig(lr=3e-3, warmup=0, bs=2, crop=40, magnitude_samples=0, freeze_encoder=True)
    stage = CodecStage(TINY, frozen, pool, start=make_weights(TINY), xla=False)
    before = stage.init_state(0)
    after, _ = run_steps(stage, before, 0, 2)
    for name, array in backend.to_numpy(after["weights"]["encoder"]).items():
        np.testing.assert_array_equal(array, before["weights"]["encoder"][name])
    assert not np.array_equal(
        backend.to_numpy(after["weights"]["decoder"])["head/bias"], before["weights"]["decoder"]["head/bias"]
    )
    assert stage.export_weights(after)[0]["codec_identity"] == stage.export_weights(before)[0]["codec_identity"]


def test_new_weights_are_fitted_to_the_pool(pool: Pool) -> None:
    fitted = CodecStage(TINY, TRAIN, pool)
    _, seen = run_steps(fitted, fitted.init_state(0), 0, 1)
    plain = CodecStage(TINY, TRAIN, pool, start=make_weights(TINY), xla=False)
    _, untrained = run_steps(plain, plain.init_state(0), 0, 1)
    assert seen[0]["magnitude_linear"] < 0.6 * untrained[0]["magnitude_linear"]


JUDGING = CodecTrainConfig(
    lr=1e-3,
    warmup=0,
    bs=2,
    crop=40,
    magnitude_samples=2,
    critic_samples=4,
    adversarial_share=1.0,
    critic_width=4,
    critic_ramp=2,
    critic_lr=0.01,
)


def test_phases_follow_each_other(stage: CodecStage, pool: Pool) -> None:
    judging = CodecStage(TINY, JUDGING, pool, start=make_weights(TINY), xla=False)
    assert [judging.batches.choose_phase(position) for position in (0, 2, 4, 10**9)] == [
        MAGNITUDES,
        WAVEFORM,
        ADVERSARIAL,
        ADVERSARIAL,
    ]
    assert stage.batches.choose_phase(10**9) == ADVERSARIAL
    mild = CodecStage(
        TINY, dataclasses.replace(JUDGING, adversarial_share=0.0), pool, start=make_weights(TINY), xla=False
    )
    assert mild.batches.choose_phase(10**9) == WAVEFORM


def test_critics_learn_to_tell_decoded_sound_and_are_kept(pool: Pool, tmp_path: Path) -> None:
    train = dataclasses.replace(JUDGING, magnitude_samples=0, critic_samples=0, lr=1e-9)
    judging = CodecStage(TINY, train, pool, start=make_weights(TINY), xla=False)
    before = judging.init_state(0)
    state, seen = run_steps(judging, before, 0, 25)
    losses = [scalars["critic_loss"] for scalars in seen]
    assert np.mean(losses[-4:]) < 0.7 * losses[0]
    checkpoint.write(tmp_path / "ae", *judging.export_weights(state), half=True)
    kept = checkpoint.read(tmp_path / "ae", "critic")
    again = CodecStage(TINY, train, pool, start={**make_weights(TINY), "critic": kept}, xla=False)
    assert set(again.init_state(0)["critic"]) == set(before["critic"])
    _, seen = run_steps(again, again.init_state(0), 100, 1)
    assert seen[0]["critic_loss"] < 0.8 * losses[0]
    assert load_codec(tmp_path / "ae").channels == TINY.channels


def test_critics_move_the_decoder(pool: Pool) -> None:
    """One step from the same state with and without them ends elsewhere; their share rises from nothing."""
    results = []
    for share in (0.0, 1.0):
        train = dataclasses.replace(JUDGING, magnitude_samples=0, critic_samples=0, adversarial_share=share)
        state, _ = run_steps(
            CodecStage(TINY, train, pool, start=make_weights(TINY), xla=False), _init_state(train, pool), 0, 2
        )
        results.append(backend.to_numpy(state["weights"]["decoder"]["head/kernel"]))
    assert np.isfinite(results).all()
    assert not np.allclose(results[0], results[1])


def _init_state(train: CodecTrainConfig, pool: Pool) -> dict:
    return CodecStage(TINY, train, pool, start=make_weights(TINY), xla=False).init_state(0)


def test_a_lower_rate_moves_weights_less(pool: Pool) -> None:
    moved = []
    for rate in (1.0, 0.25):
        stage = CodecStage(
            TINY, dataclasses.replace(JUDGING, magnitude_samples=9), pool, start=make_weights(TINY), xla=False
        )
        state = {**stage.init_state(0), "rate": np.asarray(rate, np.float32)}
        after, _ = run_steps(stage, state, 0, 1)
        change = backend.to_numpy(after["weights"]["decoder"]["head/bias"]) - state["weights"]["decoder"]["head/bias"]
        moved.append(np.abs(change).mean())
    assert moved[1] == pytest.approx(0.25 * moved[0], rel=1e-2)


def test_figures_are_those_of_the_decoded_previews(stage: CodecStage) -> None:
    from musika.metrics.pair import reconstruction

    state = stage.init_state(0)
    found = stage.measure(state)
    (_, original), (_, decoded) = stage.render_previews(state)
    expected = reconstruction.evaluate(original, np.clip(decoded, -1, 1), TINY.sample_rate)
    assert found["log_mel"] == pytest.approx(expected["log_mel"], rel=1e-6)
    assert {"noise_0.1/to_clean", "interpolated/to_clean", "latent_saturation", "latent_cycle_error"} <= found.keys()
    assert found["correlation_error"] == pytest.approx(expected["correlation_error"], rel=1e-6)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.backend
def test_each_checkpoint_is_measured_with_its_own_weights(stage: CodecStage) -> None:
    first, later = stage.init_state(0), stage.init_state(0)
    for part in later["average"].values():
        for name in part:
            part[name] = 1.3 * part[name]
    before, after = stage.measure(first), stage.measure(later)
    assert before["log_mel"] != after["log_mel"]
    (_, _), (_, decoded) = stage.render_previews(later)
    assert stage.measure(later)["level"] == pytest.approx(after["level"])
    assert np.abs(stage.render_previews(first)[1][1] - decoded).max() > 1e-4


def test_the_decoder_learns_the_frequencies_of_tones(pool: Pool) -> None:
    train = dataclasses.replace(TRAIN, magnitude_samples=80, freeze_encoder=True)
    stage = CodecStage(TUNED, train, pool, start=make_weights(TUNED), xla=False)
    state, seen = run_steps(stage, stage.init_state(0), 0, 24)
    before, after = (np.mean([scalars["tuning"] for scalars in part]) for part in (seen[:4], seen[-4:]))
    assert after < 0.9 * before
    assert "waveform_loss" in seen[-1] and np.isfinite(seen[-1]["loss"])
    assert stage.make_batch(0)["place"] == stage.make_batch(0)["place"] < TUNED.block
    assert len({int(stage.make_batch(position)["place"]) for position in range(40)}) == TUNED.block
    (planes, _, _), waveform = (
        stage.step.run_networks(state["weights"], *_prepare_inputs(stage)),
        stage.make_batch(0)["waveform"],
    )
    made = [backend.to_numpy(stage.step.synthesise_inside(planes, place)) for place in (0, 1, 2)]
    np.testing.assert_allclose(made[0], made[2], atol=1e-4)  # carriers repeat every other latent
    assert np.abs(made[0] - made[1]).max() > 0.01 * np.abs(waveform).max()


def test_the_tuner_learns_frequencies_whose_phases_add_up(pool: Pool) -> None:
    train = dataclasses.replace(TRAIN, crop=20, magnitude_samples=80, freeze_encoder=True)
    stage = CodecStage(ADDING_UP, train, pool, start=make_weights(ADDING_UP), xla=False)
    assert stage.make_batch(0)["waveform"].shape[1] == (20 + 2 * 5) * 256 + 192  # the tuner sees five latents further
    state, seen = run_steps(stage, stage.init_state(0), 0, 24)
    for name in ("tuning", "tuning_drift", "tuning_power"):
        before, after = (np.mean([scalars[name] for scalars in part]) for part in (seen[:4], seen[-4:]))
        assert after < 0.9 * before
    assert "waveform_loss" in seen[-1] and np.isfinite(seen[-1]["loss"])
    (planes, tuning, _), waveform = (
        stage.step.run_networks(state["weights"], *_prepare_inputs(stage)),
        stage.make_batch(0)["waveform"],
    )
    assert planes.shape[1] == 20 * ADDING_UP.frames and tuning[0].shape == (4, 20, 1, 40)
    places = (0, ADDING_UP.block, 1)
    made = [backend.to_numpy(stage.step.synthesise_inside(planes, place, tuning)) for place in places]
    np.testing.assert_array_equal(made[0], made[1])  # a crop is a cell of its own
    assert not np.array_equal(made[0], made[2])  # random phases are those of the place in a block
    assert made[0].shape == stage.step.crop_inside(backend.to_device(waveform)).shape


def test_the_tuner_alone_learns_where_all_else_has_no_weight(pool: Pool) -> None:
    only = {f"{name}_weight": 0.0 for name in ("latent", "linear", "mel", "band_energy", "band_bias", "flatness")}
    only |= {"cycle_weight": 0.0, "waveform_weight": 0.0}
    train = dataclasses.replace(TRAIN, **only, adversarial_share=0.0, freeze_encoder=True)
    stage = CodecStage(ADDING_UP, train, pool, start=make_weights(ADDING_UP), xla=False)
    state, _ = run_steps(stage, stage.init_state(0), 0, 2)
    before, after = make_weights(ADDING_UP)["decoder"], backend.to_numpy(state["weights"]["decoder"])
    changed = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert changed and all(name.startswith("tuner/") for name in changed)


def _prepare_inputs(stage: CodecStage) -> tuple[object, object]:
    batch = stage.make_batch(0)
    return stage.step.prepare(backend.to_device(batch["waveform"]))[0], batch["noise"]


def test_the_decoder_learns_cycle_consistency(pool: Pool) -> None:
    """Alone, the loss falls; the latents compared are those of the same spectra, also of the shortest crops."""
    only = {f"{name}_weight": 0.0 for name in ("latent", "linear", "mel", "band_energy", "band_bias", "flatness")}
    train = dataclasses.replace(TRAIN, **only, cycle_weight=1.0, magnitude_samples=0, adversarial_share=0.0)
    stage = CodecStage(TINY, train, pool, start=make_weights(TINY), xla=False)
    waveform, outer = backend.to_device(stage.make_batch(0)["waveform"]), stage.step.cycle.outer * TINY.frames
    whole = backend.to_numpy(stage.step.prepare(waveform)[0])[:, outer:-outer]
    inside = backend.to_numpy(stage.step.cycle.compute_inputs(stage.step.crop_inside(waveform)))
    np.testing.assert_allclose(inside, whole, atol=1e-4)

    _, seen = run_steps(stage, stage.init_state(0), 0, 24)
    before, after = (np.mean([scalars["cycle"] for scalars in part]) for part in (seen[:4], seen[-4:]))
    assert 0 < after < 0.8 * before
    assert seen[0]["waveform_loss"] == pytest.approx(seen[0]["cycle"], rel=1e-5)

    shortest = dataclasses.replace(train, crop=compute_shortest_crop(TINY), waveform_weight=1.0, linear_weight=1.0)
    stage = CodecStage(TINY, shortest, pool, start=make_weights(TINY), xla=False)
    scalars = run_steps(stage, stage.init_state(0), 0, 1)[1][0]
    assert scalars["cycle"] > 0 and np.isfinite(list(scalars.values())).all()


def test_the_rate_falls_with_crops_seen_whatever_the_batch(pool: Pool) -> None:
    seen = []
    for bs in (2, 4):
        train = dataclasses.replace(TRAIN, bs=bs, warmup=0, decay_samples=80, adversarial_share=0.0)
        stage = CodecStage(TINY, train, pool, start=make_weights(TINY), xla=False)
        state = stage.init_state(0)
        seen.append([float(stage.step(state, stage.make_batch(position))[1]["lr"]) for position in (0, 40, 80)])
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-5)
    assert seen[0][0] == pytest.approx(3e-3) and seen[0][2] == pytest.approx(3e-4)
