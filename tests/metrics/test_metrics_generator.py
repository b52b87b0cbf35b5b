"""Figures of a generator in training: generated windows beside real ones."""

from __future__ import annotations

import numpy as np

from musika.metrics import generator


def test_windows_of_another_order_are_told_from_real_ones() -> None:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(200, 64, 6)), axis=1)
    walk = (walk - walk.mean(axis=1, keepdims=True)) / walk.std(axis=1, keepdims=True)
    shuffled = rng.permuted(walk[:64], axis=1)
    same, wrong = (generator.compare_windows(made, walk[72:]) for made in (walk[:64], shuffled))
    assert same["frechet_clips"] < 3 * same["frechet_clips_halves"]
    assert wrong["frechet_clips"] > 30 * same["frechet_clips"]
    assert same["density"] > 0.8 and same["coverage"] > 0.7 and wrong["coverage"] < 0.1
    assert same["autocorrelation_1"] > 0.7 and abs(wrong["autocorrelation_1"]) < 0.1
    few, as_few = (generator.compare_windows(walk[:n], walk[160:]) for n in (64, 20))  # beside halves of 20 windows
    assert few["frechet_clips"] == as_few["frechet_clips"] and few["density"] != as_few["density"]


def test_real_windows_are_from_all_files_and_do_not_overlap() -> None:
    seen: list[tuple[int, int]] = []

    class Long:
        lengths: tuple[int, ...] = (5000, 64, 5000)

        def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
            seen.append((file_index, offset))
            return np.zeros((length, 2), np.float32)

    assert generator.pick_real_windows(Long(), 64).shape == (generator.REAL, 64, 2)
    assert len(set(seen)) == len(seen) == generator.REAL and {file for file, _ in seen} >= {0, 2}
    assert all(offset % 64 == 0 for _, offset in seen)
    few = Long()
    few.lengths = (70, 128)
    assert len(generator.pick_real_windows(few, 64)) == 3
