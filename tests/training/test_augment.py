"""Augmentation of crops."""

import numpy as np
import pytest

from musika.training import augment
from tests.helpers.training_audio import make_tones


@pytest.mark.parametrize("index", range(12))
def test_augmented_crops_stay_finite_and_bounded(index: int) -> None:
    u = np.random.default_rng(index).random(augment.NUMBERS).astype(np.float32)
    first, second = make_tones(0.2, 1).astype(np.float32), make_tones(0.2, 2).astype(np.float32)
    made = augment.augment_crop(first, second if index % 2 else None, u, 44_100)
    assert made.shape == first.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0 < np.abs(made).max() <= 1.1001


def test_a_sixth_of_crops_keeps_a_faint_treble() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (44_100, 2)).astype(np.float32)
    u = np.full(12, 0.5, np.float32)  # a flat equaliser
    u[0], u[2] = 0.26, 0.5
    powers = np.abs(np.fft.rfft(augment.equalise(noise, u, 44_100)[:, 0])) ** 2
    powers /= np.abs(np.fft.rfft(noise[:, 0])) ** 2
    low, high = powers[100:900], powers[7_900:8_100]  # bins of 1 Hz
    assert np.median(low) == pytest.approx(1.0, rel=0.01)
    assert 10 * np.log10(np.median(high)) == pytest.approx(-18.0, abs=0.3)  # three octaves of 6 dB
