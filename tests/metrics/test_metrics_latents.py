"""Statistics of latents, robustness and cycle consistency: known answers, pieces of any length."""

from __future__ import annotations

import numpy as np
import pytest

from musika.metrics.latents import robustness, statistics
from musika.metrics.latents.cycle_consistency import CycleConsistency
from tests.helpers import tiny


class Linear(tiny.FakeCodec):
    """Decoding is linear, encoding nearly its inverse: enough for distances to grow with noise."""

    sample_rate = 8000

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        parts = waveform.reshape(len(waveform), -1, self.hop_total * 2)[:, self.context : -self.context]
        return np.tanh(parts[..., : self.channels] * 2).astype(np.float32)


def test_statistics_have_known_answers() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(20_000)
    wave = np.sin(2 * np.pi * time / 64)
    noise = rng.standard_normal(20_000) * 0.5
    hard = np.sign(rng.standard_normal(20_000))
    total = statistics.StatisticsSum(4)
    z = np.stack([np.full(20_000, 0.25), wave, noise, hard], axis=1).astype(np.float32)
    for piece in np.split(z, [5000, 5001, 12_000]):
        total.add(piece)
    figures = total.compute()
    assert figures.count == 20_000
    np.testing.assert_allclose(figures.mean, z.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(figures.deviation, z.std(axis=0, dtype=np.float64), atol=1e-6)
    np.testing.assert_allclose(
        figures.saturation, [0, np.mean(np.abs(z[:, 1]) > 0.99), np.mean(np.abs(noise) > 0.99), 1]
    )
    assert np.isnan(figures.autocorrelation[:, 0]).all()  # never changes
    expected = np.cos(2 * np.pi * np.array(statistics.LAGS) / 64)
    np.testing.assert_allclose(figures.autocorrelation[:, 1], expected, atol=0.01)
    assert np.abs(figures.autocorrelation[:, 2]).max() < 0.03
    overall = figures.summarize()
    assert overall["smallest_deviation"] == pytest.approx(0, abs=1e-6) and overall["largest_saturation"] == 1
    assert np.isfinite(list(overall.values())).all()


def test_pieces_shorter_than_a_lag_count() -> None:
    total = statistics.StatisticsSum(2)
    total.add(np.array([[0.5, -0.5]], np.float32))
    overall = total.compute().summarize()
    assert overall["largest_mean"] == 0.5 and np.isnan(overall["autocorrelation_1"])
    with pytest.raises(ValueError, match="no latents"):
        statistics.StatisticsSum(2).compute()


def test_distances_grow_with_the_change_of_latents() -> None:
    codec = Linear()
    waveform = np.random.default_rng(0).standard_normal((4000, 2)).astype(np.float32) * 0.3
    encoded = codec.encode(waveform)
    figures = robustness.evaluate(codec, waveform, encoded, seed=1)
    noise = [figures[f"noise_{deviation}/to_clean"] for deviation in robustness.NOISE]
    assert noise == sorted(noise) and noise[0] > 0
    bits = [figures[f"bits_{count}/to_clean"] for count in robustness.BITS]
    assert bits == sorted(bits)
    assert figures["interpolated/to_clean"] > 0 and figures["none/to_original"] > 0
    assert figures == robustness.evaluate(codec, waveform, encoded, seed=1)
    assert figures != robustness.evaluate(codec, waveform, encoded, seed=2)


def test_the_decoded_range_is_whole_blocks() -> None:
    codec = Linear()
    for length in (1, 100, 128, 129, 1000):
        low, high = robustness.choose_range(codec, length)
        assert 0 <= low < high <= length and low % codec.block == 0 and high - low <= 128
    assert robustness.evaluate(codec, np.zeros((16, 2), np.float32), codec.encode(np.zeros((16, 2), np.float32))) == {}


def test_changes_do_what_their_names_say() -> None:
    z = np.linspace(-1, 1, 63, dtype=np.float32).reshape(21, 3)
    changes = dict(robustness.change_latents(z, 0, 0))
    assert np.std(changes["noise_0.1"] - z) == pytest.approx(0.1, rel=0.25)
    assert len(np.unique(changes["bits_4"])) <= 16 and np.abs(changes["bits_8"] - z).max() <= 1 / 255 + 1e-6
    np.testing.assert_allclose(changes["interpolated"], z, atol=1e-6)  # a straight line stays one
    bent = z**2
    np.testing.assert_array_equal(dict(robustness.change_latents(bent, 0, 0))["interpolated"][::2], bent[::2])


def test_cycle_consistency_of_a_known_shift_and_scatter() -> None:
    """A deviation of 0.5, a shift of 0.1, a scatter of 0.2, whatever the outermost latents do, in any pieces."""
    rng = np.random.default_rng(1)
    z = rng.normal(3, 0.5, (40_000, 4))
    again = z + np.array([0.1, -0.1, 0.1, -0.1]) + rng.normal(0, 0.2, z.shape)
    cycle = CycleConsistency(4, context=1)
    for low, high in ((0, 10_000), (10_000, 39_996), (39_996, 40_000)):  # the last is nothing but ends
        part = again[low:high].copy()
        part[:2], part[-2:] = 9, -9
        cycle.add(z[low:high], part)
    assert cycle.count == 39_996 - 8
    figures = cycle.compute()
    assert figures["cycle_error"] == pytest.approx(np.hypot(0.1, 0.2) / 0.5, rel=0.02)
    assert figures["cycle_shift"] == pytest.approx(0.1 / 0.5, rel=0.03)


def test_no_latents_have_no_cycle_consistency() -> None:
    short, still = CycleConsistency(4, context=1), CycleConsistency(4, context=0)
    short.add(np.zeros((4, 4)), np.ones((4, 4)))
    still.add(np.full((9, 4), 0.3), np.ones((9, 4)))
    assert short.compute() == still.compute() == {}
