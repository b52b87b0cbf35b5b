"""The codec's stage of training on a tiny codec: it learns, repeats itself, freezes its encoder, goes on exactly."""

import dataclasses
from pathlib import Path

import keras
import librosa
import numpy as np
import pytest
import soundfile

from musika import backend, checkpoint
from musika.codec import critic, losses
from musika.codec.features import POWER_FLOOR
from musika.codec.load import load_codec
from musika.config import CodecTrainConfig
from musika.errors import AudioError
from musika.training import augment, optim, validation
from musika.training.pool import CacheError, Pool
from musika.training.stages.codec import CodecStage
from musika.training.stages.codec_batches import ADVERSARIAL, MAGNITUDES, WAVEFORM, compute_shortest_crop
from musika.training.stages.networks import call_with_weights
from tests.codec.test_codec import ADDING_UP, TINY, TUNED, new_weights

TRAIN = CodecTrainConfig(
    lr=3e-3, warmup=2, bs=4, crop=40, totsamples=40, magnitude_samples=8, decay_samples=4000, adversarial_share=1.0
)


def tones(seconds: float, seed: int) -> np.ndarray:
    rng, time = np.random.default_rng(seed), np.arange(int(seconds * 44_100)) / 44_100
    left = sum(np.sin(2 * np.pi * hz * time) * 0.2 for hz in rng.uniform(200, 4000, 3))
    return np.stack([left, 0.5 * left + 0.02 * rng.standard_normal(len(time))], axis=1)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("audio")
    (folder / "a").mkdir()
    soundfile.write(folder / "a" / "one.wav", tones(2, 1), 44_100)
    soundfile.write(folder / "two.flac", tones(1, 2), 44_100)
    soundfile.write(folder / "short.wav", tones(0.05, 3), 44_100)
    files = sorted(folder.rglob("*.*"))
    return Pool(folder, files, tmp_path_factory.mktemp("cache"), 44_100, 41 * 256)


@pytest.fixture(scope="module")
def stage(pool: Pool) -> CodecStage:
    return CodecStage(TINY, TRAIN, pool, start=new_weights(TINY), previews=[("one", tones(0.3, 1).astype(np.float32))])


def steps(stage: CodecStage, state: dict, first: int, count: int) -> tuple[dict, list[dict]]:
    seen = []
    for index in range(first, first + count):
        state, scalars = stage.step(state, stage.make_batch(index * stage.train.bs))
        seen.append({name: float(value) for name, value in backend.to_numpy(scalars).items()})
    return state, seen


def test_the_pool_reads_what_is_long_enough(pool: Pool) -> None:
    assert [path.name for path in pool.sources] == ["one.wav", "two.flac"]
    assert [path.name for path, _ in pool.skipped] == ["short.wav"]
    assert pool.seconds == pytest.approx(3.0)
    crop = pool.crop(np.array([0.1, 0.5, 0.0, 0.0]), 1000)
    assert crop.shape == (1000, 2)
    assert np.abs(crop).max() > 0.05


def test_sub_folders_are_equally_likely(pool: Pool) -> None:
    picks = [pool.crop(np.array([u, 0.0, 0.0, 0.0]), 2000) for u in np.linspace(0.01, 0.99, 20)]
    firsts = sum(np.array_equal(pick, picks[0]) for pick in picks)
    assert firsts == 10


def test_a_folder_of_nothing_long_enough_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", tones(0.05, 3), 44_100)
    with pytest.raises(AudioError, match="long enough"):
        Pool(tmp_path, [tmp_path / "short.wav"], tmp_path / "cache", 44_100, 41 * 256)


def test_batches_are_a_function_of_position(stage: CodecStage) -> None:
    one, again, next_one = stage.make_batch(8), stage.make_batch(8), stage.make_batch(12)
    np.testing.assert_array_equal(one["waveform"], again["waveform"])
    np.testing.assert_array_equal(one["noise"], again["noise"])
    assert not np.array_equal(one["waveform"], next_one["waveform"])
    assert stage.make_batch(4)["phase"] == MAGNITUDES
    assert one["phase"] == WAVEFORM
    assert np.abs(one["waveform"]).max() <= 1.1001


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "text.mp3").write_text("no music")
    pool = Pool(tmp_path, sorted(tmp_path.glob("*.*")), tmp_path / "cache", 44_100, 1000)
    assert [path.name for path in pool.sources] == ["one.wav"]
    assert sorted(path.name for path, _ in pool.skipped) == ["gone.wav", "text.mp3"]


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(CacheError, match="cannot be made") as caught:
        Pool(tmp_path, [tmp_path / "one.wav"], tmp_path / "cache", 44_100, 1000)
    assert caught.value.about == "save"


def test_unusual_files_are_reported(tmp_path: Path) -> None:
    time = np.arange(44_100) / 44_100
    sine = np.sin(2 * np.pi * 300 * time)
    wide = np.stack([sine, 0.3 * np.sin(2 * np.pi * 500 * time)], axis=1)
    soundfile.write(tmp_path / "good.wav", 0.5 * wide, 44_100)
    soundfile.write(tmp_path / "silent.wav", np.zeros((44_100, 2)), 44_100)
    soundfile.write(tmp_path / "mono.wav", 0.5 * sine, 44_100)
    soundfile.write(tmp_path / "clipped.wav", np.clip(3 * wide, -0.99, 0.99), 44_100)
    soundfile.write(tmp_path / "offset.wav", 0.4 * wide + 0.2, 44_100)
    soundfile.write(tmp_path / "low.wav", 0.5 * wide[:8000], 8_000)
    files = sorted(tmp_path.glob("*.wav"))
    for _ in range(2):  # decoded, and found again
        pool = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
        told = {path.stem: line for path, line in pool.remarks}
        assert [path.name for path, _ in pool.skipped] == ["silent.wav"]
        assert told.keys() == {"mono", "clipped", "offset", "low"}
        assert "both channels" in told["mono"]
        assert "is clipped" in told["clipped"]
        assert "offset of +0.20" in told["offset"]
        assert "8000 Hz" in told["low"]


def test_files_are_held_out_when_there_are_enough(tmp_path: Path) -> None:
    files = [tmp_path / f"{n:02}.wav" for n in range(40)]
    training, held_out = validation.split_files(files)
    assert len(held_out) == validation.HELD_OUT
    assert sorted(training + held_out) == files
    assert validation.split_files(files) == (training, held_out)
    assert validation.split_files(files[: validation.MIN_FILES - 1]) == (files[: validation.MIN_FILES - 1], [])


def test_excerpts_begin_after_the_beginning(tmp_path: Path) -> None:
    ramp = np.linspace(0, 0.9, 35 * 8_000)
    soundfile.write(tmp_path / "long.wav", ramp, 8_000)
    soundfile.write(tmp_path / "short.wav", ramp[:24_000], 8_000)
    (tmp_path / "text.wav").write_text("no music")
    found, failed = validation.read_excerpts(sorted(tmp_path.glob("*.wav")), 8_000)
    assert [(path.name, len(waveform)) for path, waveform in found] == [("long.wav", 80_000), ("short.wav", 24_000)]
    assert found[0][1][0, 0] == pytest.approx(ramp[20 * 8_000], abs=1e-3)
    assert [path.name for path, _ in failed] == ["text.wav"]


def test_the_mark_names_files_and_lengths(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    soundfile.write(tmp_path / "two.wav", tones(2, 2), 44_100)
    files = sorted(tmp_path.glob("*.wav"))
    both = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    again = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    less = Pool(tmp_path, files[:1], tmp_path / "cache", 44_100, 1000)
    assert both.fingerprint == again.fingerprint != less.fingerprint


@pytest.mark.parametrize("index", range(12))
def test_augmented_crops_stay_finite_and_bounded(index: int) -> None:
    u = np.random.default_rng(index).random(augment.NUMBERS).astype(np.float32)
    first, second = tones(0.2, 1).astype(np.float32), tones(0.2, 2).astype(np.float32)
    made = augment.augment_crop(first, second if index % 2 else None, u, 44_100)
    assert made.shape == first.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0 < np.abs(made).max() <= 1.1001


@pytest.mark.backend
def test_training_lowers_the_loss_and_ends_with_a_codec(stage: CodecStage, tmp_path: Path) -> None:
    state, seen = steps(stage, stage.init_state(0), 0, 14)
    assert "waveform_linear" not in seen[1]
    assert "waveform_linear" in seen[2]
    assert np.mean([s["magnitude_mel"] for s in seen[-3:]]) < 0.8 * seen[0]["magnitude_mel"]
    checkpoint.write(tmp_path / "ae", *stage.export_weights(state), half=True)
    codec = load_codec(tmp_path / "ae")
    assert codec.reconstruct(tones(0.1, 1)).shape == (4410, 2)
    names = [name for name, _ in stage.render_previews(state)]
    assert names == ["one-original", "one-decoded"]


def test_the_same_steps_give_the_same_bits(stage: CodecStage) -> None:
    state, _ = steps(stage, stage.init_state(0), 0, 3)
    middle, _ = steps(stage, stage.init_state(0), 0, 2)
    again, _ = steps(stage, backend.to_device(backend.to_numpy(middle)), 2, 1)
    for name, array in backend.to_numpy(state["weights"]["decoder"]).items():
        np.testing.assert_array_equal(array, backend.to_numpy(again["weights"]["decoder"])[name])


def test_a_frozen_encoder_stays_as_it_is(pool: Pool) -> None:
    frozen = CodecTrainConfig(lr=3e-3, warmup=0, bs=2, crop=40, magnitude_samples=0, freeze_encoder=True)
    stage = CodecStage(TINY, frozen, pool, start=new_weights(TINY), xla=False)
    before = stage.init_state(0)
    after, _ = steps(stage, before, 0, 2)
    for name, array in backend.to_numpy(after["weights"]["encoder"]).items():
        np.testing.assert_array_equal(array, before["weights"]["encoder"][name])
    assert not np.array_equal(
        backend.to_numpy(after["weights"]["decoder"])["head/bias"], before["weights"]["decoder"]["head/bias"]
    )
    assert stage.export_weights(after)[0]["codec_identity"] == stage.export_weights(before)[0]["codec_identity"]


def test_new_weights_are_fitted_to_the_pool(pool: Pool) -> None:
    fitted = CodecStage(TINY, TRAIN, pool)
    _, seen = steps(fitted, fitted.init_state(0), 0, 1)
    plain = CodecStage(TINY, TRAIN, pool, start=new_weights(TINY), xla=False)
    _, untrained = steps(plain, plain.init_state(0), 0, 1)
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
    judging = CodecStage(TINY, JUDGING, pool, start=new_weights(TINY), xla=False)
    assert [judging.batches.choose_phase(position) for position in (0, 2, 4, 10**9)] == [
        MAGNITUDES,
        WAVEFORM,
        ADVERSARIAL,
        ADVERSARIAL,
    ]
    assert stage.batches.choose_phase(10**9) == ADVERSARIAL
    mild = CodecStage(
        TINY, dataclasses.replace(JUDGING, adversarial_share=0.0), pool, start=new_weights(TINY), xla=False
    )
    assert mild.batches.choose_phase(10**9) == WAVEFORM


def test_critics_learn_to_tell_decoded_sound_and_are_kept(pool: Pool, tmp_path: Path) -> None:
    train = dataclasses.replace(JUDGING, magnitude_samples=0, critic_samples=0, lr=1e-9)
    judging = CodecStage(TINY, train, pool, start=new_weights(TINY), xla=False)
    before = judging.init_state(0)
    state, seen = steps(judging, before, 0, 25)
    losses = [scalars["critic_loss"] for scalars in seen]
    assert np.mean(losses[-4:]) < 0.7 * losses[0]
    checkpoint.write(tmp_path / "ae", *judging.export_weights(state), half=True)
    kept = checkpoint.read(tmp_path / "ae", "critic")
    again = CodecStage(TINY, train, pool, start={**new_weights(TINY), "critic": kept}, xla=False)
    assert set(again.init_state(0)["critic"]) == set(before["critic"])
    _, seen = steps(again, again.init_state(0), 100, 1)
    assert seen[0]["critic_loss"] < 0.8 * losses[0]
    assert load_codec(tmp_path / "ae").channels == TINY.channels


def test_critics_move_the_decoder(pool: Pool) -> None:
    """One step from the same state with and without them ends elsewhere; their share rises from nothing."""
    results = []
    for share in (0.0, 1.0):
        train = dataclasses.replace(JUDGING, magnitude_samples=0, critic_samples=0, adversarial_share=share)
        state, _ = steps(
            CodecStage(TINY, train, pool, start=new_weights(TINY), xla=False), _init_state(train, pool), 0, 2
        )
        results.append(backend.to_numpy(state["weights"]["decoder"]["head/kernel"]))
    assert np.isfinite(results).all()
    assert not np.allclose(results[0], results[1])


def _init_state(train: CodecTrainConfig, pool: Pool) -> dict:
    return CodecStage(TINY, train, pool, start=new_weights(TINY), xla=False).init_state(0)


def test_a_lower_rate_moves_weights_less(pool: Pool) -> None:
    moved = []
    for rate in (1.0, 0.25):
        stage = CodecStage(
            TINY, dataclasses.replace(JUDGING, magnitude_samples=9), pool, start=new_weights(TINY), xla=False
        )
        state = {**stage.init_state(0), "rate": np.asarray(rate, np.float32)}
        after, _ = steps(stage, state, 0, 1)
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
    stage = CodecStage(TUNED, train, pool, start=new_weights(TUNED), xla=False)
    state, seen = steps(stage, stage.init_state(0), 0, 24)
    before, after = (np.mean([scalars["tuning"] for scalars in part]) for part in (seen[:4], seen[-4:]))
    assert after < 0.9 * before
    assert "waveform_loss" in seen[-1] and np.isfinite(seen[-1]["loss"])
    assert stage.make_batch(0)["place"] == stage.make_batch(0)["place"] < TUNED.block
    assert len({int(stage.make_batch(position)["place"]) for position in range(40)}) == TUNED.block
    (planes, _, _), waveform = (
        stage.step.run_networks(state["weights"], *_inputs(stage)),
        stage.make_batch(0)["waveform"],
    )
    made = [backend.to_numpy(stage.step.synthesise_inside(planes, place)) for place in (0, 1, 2)]
    np.testing.assert_allclose(made[0], made[2], atol=1e-4)  # carriers repeat every other latent
    assert np.abs(made[0] - made[1]).max() > 0.01 * np.abs(waveform).max()


def test_the_tuner_learns_frequencies_whose_phases_add_up(pool: Pool) -> None:
    train = dataclasses.replace(TRAIN, crop=20, magnitude_samples=80, freeze_encoder=True)
    stage = CodecStage(ADDING_UP, train, pool, start=new_weights(ADDING_UP), xla=False)
    assert stage.make_batch(0)["waveform"].shape[1] == (20 + 2 * 5) * 256 + 192  # the tuner sees five latents further
    state, seen = steps(stage, stage.init_state(0), 0, 24)
    for name in ("tuning", "tuning_drift", "tuning_power"):
        before, after = (np.mean([scalars[name] for scalars in part]) for part in (seen[:4], seen[-4:]))
        assert after < 0.9 * before
    assert "waveform_loss" in seen[-1] and np.isfinite(seen[-1]["loss"])
    (planes, tuning, _), waveform = (
        stage.step.run_networks(state["weights"], *_inputs(stage)),
        stage.make_batch(0)["waveform"],
    )
    assert planes.shape[1] == 20 * ADDING_UP.frames and tuning[0].shape == (4, 20, 1, 40)
    made = [backend.to_numpy(stage.step.synthesise_inside(planes, place, tuning)) for place in (0, 1)]
    np.testing.assert_array_equal(made[0], made[1])  # a crop is a cell of its own
    assert made[0].shape == stage.step.crop_inside(backend.to_device(waveform)).shape


def test_the_tuner_alone_learns_where_all_else_has_no_weight(pool: Pool) -> None:
    only = {f"{name}_weight": 0.0 for name in ("latent", "linear", "mel", "band_energy", "band_bias", "flatness")}
    only |= {"cycle_weight": 0.0, "waveform_weight": 0.0}
    train = dataclasses.replace(TRAIN, **only, adversarial_share=0.0, freeze_encoder=True)
    stage = CodecStage(ADDING_UP, train, pool, start=new_weights(ADDING_UP), xla=False)
    state, _ = steps(stage, stage.init_state(0), 0, 2)
    before, after = new_weights(ADDING_UP)["decoder"], backend.to_numpy(state["weights"]["decoder"])
    changed = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert changed and all(name.startswith("tuner/") for name in changed)


def _inputs(stage: CodecStage) -> tuple[object, object]:
    batch = stage.make_batch(0)
    return stage.step.prepare(backend.to_device(batch["waveform"]))[0], batch["noise"]


def test_the_decoder_learns_cycle_consistency(pool: Pool) -> None:
    """Alone, the loss falls; the latents compared are those of the same spectra, also of the shortest crops."""
    only = {f"{name}_weight": 0.0 for name in ("latent", "linear", "mel", "band_energy", "band_bias", "flatness")}
    train = dataclasses.replace(TRAIN, **only, cycle_weight=1.0, magnitude_samples=0, adversarial_share=0.0)
    stage = CodecStage(TINY, train, pool, start=new_weights(TINY), xla=False)
    waveform, outer = backend.to_device(stage.make_batch(0)["waveform"]), stage.step.cycle.outer * TINY.frames
    whole = backend.to_numpy(stage.step.prepare(waveform)[0])[:, outer:-outer]
    inside = backend.to_numpy(stage.step.cycle.compute_inputs(stage.step.crop_inside(waveform)))
    np.testing.assert_allclose(inside, whole, atol=1e-4)

    _, seen = steps(stage, stage.init_state(0), 0, 24)
    before, after = (np.mean([scalars["cycle"] for scalars in part]) for part in (seen[:4], seen[-4:]))
    assert 0 < after < 0.8 * before
    assert seen[0]["waveform_loss"] == pytest.approx(seen[0]["cycle"], rel=1e-5)

    shortest = dataclasses.replace(train, crop=compute_shortest_crop(TINY), waveform_weight=1.0, linear_weight=1.0)
    stage = CodecStage(TINY, shortest, pool, start=new_weights(TINY), xla=False)
    scalars = steps(stage, stage.init_state(0), 0, 1)[1][0]
    assert scalars["cycle"] > 0 and np.isfinite(list(scalars.values())).all()


def test_the_rate_falls_with_crops_seen_whatever_the_batch(pool: Pool) -> None:
    seen = []
    for bs in (2, 4):
        train = dataclasses.replace(TRAIN, bs=bs, warmup=0, decay_samples=80, adversarial_share=0.0)
        stage = CodecStage(TINY, train, pool, start=new_weights(TINY), xla=False)
        state = stage.init_state(0)
        seen.append([float(stage.step(state, stage.make_batch(position))[1]["lr"]) for position in (0, 40, 80)])
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-5)
    assert seen[0][0] == pytest.approx(3e-3) and seen[0][2] == pytest.approx(3e-4)


@pytest.mark.backend
def test_flatness_tells_noise_from_tones_and_equal_bins() -> None:
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=(1, 4, 400, 64)).astype(np.float32)
    tone = np.full((1, 4, 400, 64), 1e-3, np.float32)
    tone[..., ::16] = 1.0
    found = {
        name: losses._compute_log_flatness(power, 16)
        for name, power in {"noise": noise, "tone": tone, "plain": tone * 0 + 1}.items()
    }
    means = {name: float(backend.to_numpy(texture).mean()) for name, texture in found.items()}
    assert found["noise"].shape == (1, 4, 4)
    assert means["noise"] == pytest.approx(-0.577, abs=0.05)  # less Euler's constant, and a little for short bands
    expected = 15 / 16 * np.log(1e-3 + POWER_FLOOR) - np.log((1 + 15e-3) / 16)
    assert means["tone"] == pytest.approx(expected, abs=0.01)
    assert means["plain"] == pytest.approx(0.0, abs=1e-6)


def test_a_sixth_of_crops_keeps_a_faint_treble() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (44_100, 2)).astype(np.float32)
    u = np.full(12, 0.5, np.float32)  # a flat equaliser
    u[0], u[2] = 0.26, 0.5
    powers = np.abs(np.fft.rfft(augment.equalise(noise, u, 44_100)[:, 0])) ** 2
    powers /= np.abs(np.fft.rfft(noise[:, 0])) ** 2
    low, high = powers[100:900], powers[7_900:8_100]  # bins of 1 Hz
    assert np.median(low) == pytest.approx(1.0, rel=0.01)
    assert 10 * np.log10(np.median(high)) == pytest.approx(-18.0, abs=0.3)  # three octaves of 6 dB


@pytest.mark.backend
def test_band_bias_sees_faint_treble_and_no_single_cells() -> None:
    rng = np.random.default_rng(0)
    real = np.exp(rng.normal(size=(1, 4, 50, 16))).astype(np.float32) * 10.0
    real[..., 8:] *= 1e-4  # a range of eight bands that is faint, and heard

    def measure_bias(made: np.ndarray) -> float:
        return float(backend.to_numpy(losses._compute_band_bias(made, real)))

    doubled, jittered = real.copy(), real.copy()
    doubled[..., 8:] *= 2.0
    jittered *= np.where(np.arange(50) % 2, 2.0, 0.5)[:, None].astype(np.float32)
    assert measure_bias(real) == pytest.approx(0.0, abs=1e-6)
    assert measure_bias(doubled) == pytest.approx(np.log(2) / 2, rel=0.03)  # one of two ranges
    assert measure_bias(jittered) < 0.01
    real[..., 8:] *= 1e-5  # now inaudible
    doubled[..., 8:] *= 1e-5
    assert measure_bias(doubled) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.backend
def test_critics_have_a_slope_everywhere() -> None:
    """Of their own weights and of the sound, silence included; and one step down it is better."""
    critics = critic.Critics(4, name="critic")
    critic.initialise(critics, 0)
    weights = backend.to_device(checkpoint.get_weights(critics))
    real = np.stack([tones(0.1, seed).T for seed in (1, 2)]).astype(np.float32)
    made = np.stack([real[0] * 0, real[1][:, ::-1]])

    def judge(weights: dict, waveform: np.ndarray) -> tuple:
        return call_with_weights(critics, weights, critic.compute_views(waveform))

    def loss_of_critics(weights: dict) -> tuple:
        return critic.compute_critic_loss(judge(weights, real)[0], judge(weights, made)[0]), 0

    def loss_of_codec(waveform: np.ndarray) -> tuple:
        (scores, features), (_, real_features) = judge(weights, waveform), judge(weights, real)
        return critic.compute_adversarial_loss(scores) + critic.compute_feature_matching_loss(
            real_features, features
        ), 0

    for loss_of, start in ((loss_of_critics, weights), (loss_of_codec, backend.to_device(made))):
        sloped = backend.compile(lambda x, f=loss_of: backend.value_and_gradient(f, x))
        before, _, slope = sloped(start)
        norm = optim.compute_global_norm(slope)
        assert all(np.isfinite(backend.to_numpy(leaf)).all() for leaf in keras.tree.flatten(slope))
        assert 0 < float(norm) < np.inf
        after, _, _ = sloped(keras.tree.map_structure(lambda x, g, n=norm: x - 1e-3 * g / n, start, slope))
        assert float(after) < float(before)


@pytest.mark.backend
def test_views_of_critics_are_compressed_spectra() -> None:
    waveform = np.stack([tones(0.4, 1).T[0], tones(0.4, 2).T[0]])[None].astype(np.float32)
    seen = [backend.to_numpy(view) for view in critic.compute_views(waveform)]
    assert [view.shape[2:] for view in seen] == [
        (w // 2 // critic.PATCH, 8 * critic.PATCH) for w, _ in critic.RESOLUTIONS
    ]
    planes = seen[0].reshape(*seen[0].shape[:3], critic.PLANES, critic.PATCH)
    spectrum = librosa.stft(waveform[0, 0], n_fft=2048, hop_length=512, center=False)[:-1] * 4 / 2048
    expected = spectrum * (np.abs(spectrum) ** 2 + critic.POWER_FLOOR) ** -0.35
    left = (planes[0, :, :, 0] + 1j * planes[0, :, :, 4]).reshape(len(planes[0]), -1)
    np.testing.assert_allclose(left, expected.T, atol=2e-4)
