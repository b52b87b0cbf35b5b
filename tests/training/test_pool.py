"""Audio that a codec is trained on: decoded once, cropped by sub-folder, inspected."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.errors import AudioError
from musika.training.pool import CacheError, Pool
from tests.helpers.training_audio import make_tones, write_audio


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("audio")
    return Pool(folder, write_audio(folder), tmp_path_factory.mktemp("cache"), 44_100, 41 * 256)


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
    soundfile.write(tmp_path / "short.wav", make_tones(0.05, 3), 44_100)
    with pytest.raises(AudioError, match="long enough"):
        Pool(tmp_path, [tmp_path / "short.wav"], tmp_path / "cache", 44_100, 41 * 256)


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", make_tones(1, 1), 44_100)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "text.mp3").write_text("no music")
    pool = Pool(tmp_path, sorted(tmp_path.glob("*.*")), tmp_path / "cache", 44_100, 1000)
    assert [path.name for path in pool.sources] == ["one.wav"]
    assert sorted(path.name for path, _ in pool.skipped) == ["gone.wav", "text.mp3"]


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", make_tones(1, 1), 44_100)
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


def test_the_fingerprint_is_of_files_and_lengths(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", make_tones(1, 1), 44_100)
    soundfile.write(tmp_path / "two.wav", make_tones(2, 2), 44_100)
    files = sorted(tmp_path.glob("*.wav"))
    both = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    again = Pool(tmp_path, files, tmp_path / "cache", 44_100, 1000)
    less = Pool(tmp_path, files[:1], tmp_path / "cache", 44_100, 1000)
    assert both.fingerprint == again.fingerprint != less.fingerprint
