"""Losses of the codec: what spectral flatness and band bias react to."""

import numpy as np
import pytest

from musika import backend
from musika.codec import losses
from musika.codec.features import POWER_FLOOR


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
