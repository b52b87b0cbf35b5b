"""The codec's stage of training on a tiny codec: it learns, repeats itself, freezes its encoder, goes on exactly."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_codec import TINY, new_weights

from musika import backend, checkpoint
from musika.codec.load import load_codec
from musika.config import CodecTrainConfig
from musika.errors import AudioError
from musika.training import augment
from musika.training.codec_stage import JUDGED, MAGNITUDES, WAVEFORM, CodecStage
from musika.training.pool import CacheError, Pool

pytestmark = pytest.mark.backend

TRAIN = CodecTrainConfig(lr=3e-3, warmup=2, bs=4, crop=40, totsamples=40, magnitude_samples=8, decay_samples=4000)


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
        state, scalars = stage.step(state, stage.batch(index * stage.train.bs))
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
    one, again, next_one = stage.batch(8), stage.batch(8), stage.batch(12)
    np.testing.assert_array_equal(one["waveform"], again["waveform"])
    np.testing.assert_array_equal(one["noise"], again["noise"])
    assert not np.array_equal(one["waveform"], next_one["waveform"])
    assert stage.batch(4)["phase"] == MAGNITUDES
    assert one["phase"] == WAVEFORM
    assert np.abs(one["waveform"]).max() <= 1.1001


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "text.mp3").write_text("no music")
    pool = Pool(tmp_path, sorted(tmp_path.glob("*.*")), tmp_path / "cache", 44_100, 1000)
    assert [path.name for path in pool.sources] == ["one.wav"]
    assert sorted(path.name for path, _ in pool.skipped) == ["gone.wav", "text.mp3"]


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(CacheError, match="--save_path"):
        Pool(tmp_path, [tmp_path / "one.wav"], tmp_path / "cache", 44_100, 1000)


def test_the_mark_names_files_and_lengths(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", tones(1, 1), 44_100)
    soundfile.write(tmp_path / "two.wav", tones(2, 2), 44_100)
    files = sorted(tmp_path.glob("*.wav"))
    both = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    again = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    less = Pool(tmp_path, files[:1], tmp_path / "cache", 44_100, 1000)
    assert both.mark == again.mark != less.mark


@pytest.mark.parametrize("index", range(12))
def test_augmented_crops_stay_finite_and_bounded(index: int) -> None:
    u = np.random.default_rng(index).random(augment.NUMBERS).astype(np.float32)
    first, second = tones(0.2, 1).astype(np.float32), tones(0.2, 2).astype(np.float32)
    made = augment.augmented(first, second if index % 2 else None, u, 44_100)
    assert made.shape == first.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0 < np.abs(made).max() <= 1.1001


def test_training_lowers_the_loss_and_ends_with_a_codec(stage: CodecStage, tmp_path: Path) -> None:
    state, seen = steps(stage, stage.init(0), 0, 14)
    assert "wave_linear" not in seen[1]
    assert "wave_linear" in seen[2]
    assert np.mean([s["magnitude_mel"] for s in seen[-3:]]) < 0.8 * seen[0]["magnitude_mel"]
    checkpoint.write(tmp_path / "ae", *stage.weights(state), half=True)
    codec = load_codec(tmp_path / "ae")
    assert codec.reconstruct(tones(0.1, 1)).shape == (4410, 2)
    names = [name for name, _ in stage.preview(state)]
    assert names == ["one-original", "one-decoded"]


def test_the_same_steps_give_the_same_bits(stage: CodecStage) -> None:
    state, _ = steps(stage, stage.init(0), 0, 3)
    middle, _ = steps(stage, stage.init(0), 0, 2)
    again, _ = steps(stage, backend.to_device(backend.to_numpy(middle)), 2, 1)
    for name, array in backend.to_numpy(state["weights"]["decoder"]).items():
        np.testing.assert_array_equal(array, backend.to_numpy(again["weights"]["decoder"])[name])


def test_a_frozen_encoder_stays_as_it_is(pool: Pool) -> None:
    frozen = CodecTrainConfig(lr=3e-3, warmup=0, bs=2, crop=40, magnitude_samples=0, freeze_encoder=True)
    stage = CodecStage(TINY, frozen, pool, start=new_weights(TINY))
    before = stage.init(0)
    after, _ = steps(stage, before, 0, 2)
    for name, array in backend.to_numpy(after["weights"]["encoder"]).items():
        np.testing.assert_array_equal(array, before["weights"]["encoder"][name])
    assert not np.array_equal(
        backend.to_numpy(after["weights"]["decoder"])["head/bias"], before["weights"]["decoder"]["head/bias"]
    )
    assert stage.weights(after)[0]["codec_identity"] == stage.weights(before)[0]["codec_identity"]


def test_new_weights_are_fitted_to_the_pool(pool: Pool) -> None:
    fitted = CodecStage(TINY, TRAIN, pool)
    _, seen = steps(fitted, fitted.init(0), 0, 1)
    plain = CodecStage(TINY, TRAIN, pool, start=new_weights(TINY))
    _, untrained = steps(plain, plain.init(0), 0, 1)
    assert seen[0]["magnitude_linear"] < 0.6 * untrained[0]["magnitude_linear"]
