"""Figures of a codec over pieces: means, borders of all pieces together, and what does not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.errors import AudioError
from musika.metrics.codec import CodecFigures, CodedPiece, code_piece, read_excerpt
from musika.metrics.latents import robustness
from musika.metrics.pair import clicks
from tests.helpers import tiny


class Linear(tiny.FakeCodec):
    """Decodes what it encodes, a little too loud."""

    sample_rate = 44_100

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        parts = waveform.reshape(len(waveform), -1, self.hop_total * 2)[:, self.context : -self.context]
        return np.tanh(parts[..., : self.channels] * 2).astype(np.float32)


def make_noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal((round(seconds * 44_100), 2))).astype(np.float32)


def test_every_piece_counts_once_and_every_border_counts_once() -> None:
    codec = Linear()
    figures = CodecFigures(codec, changes=("noise_0.1",))
    pieces = [code_piece(codec, make_noise(seconds, seed)) for seed, seconds in enumerate((1.0, 0.3))]
    rows = [figures.add(piece) for piece in pieces]
    mean = figures.average()
    assert mean["log_mel"] == pytest.approx((rows[0]["log_mel"] + rows[1]["log_mel"]) / 2)
    ratios = [
        clicks.compute_ratios(piece.original, piece.audible, codec.block * codec.hop_total)["clicks"]
        for piece in pieces
    ]
    assert len(ratios[0]) > 2 * len(ratios[1]) > 0
    assert mean["clicks"] == pytest.approx(10 * np.log10(np.concatenate(ratios).mean()))
    assert set(figures.average_robustness()) == {"none/to_original", "noise_0.1/to_clean", "noise_0.1/to_original"}
    statistics = figures.describe_latents()
    assert statistics is not None and statistics.count == sum(len(piece.latents) for piece in pieces)
    assert all(speed > 0 for speed in figures.measure_speed().values())


def test_a_log_gets_everything_that_is_defined() -> None:
    codec = Linear()
    figures = CodecFigures(codec, changes=("interpolated",))
    assert figures.summarize() == {}
    piece = code_piece(codec, make_noise(1.0))
    figures.add(piece)
    found = figures.summarize()
    assert np.isfinite(list(found.values())).all()
    assert {"log_mel", "clicks_inside", "interpolated/to_clean", "latent_mean_deviation", "latent_cycle_error"} <= set(
        found
    )
    expected = robustness.evaluate(codec, piece.original, piece.latents, names=("interpolated",))
    assert found["interpolated/to_clean"] == expected["interpolated/to_clean"]


def test_what_is_not_finite_has_no_figures_and_its_latents_do_not_count() -> None:
    codec = Linear()
    figures = CodecFigures(codec)
    good = code_piece(codec, make_noise(0.5))
    figures.add(good)
    bad = CodedPiece(good.original, good.latents, np.full_like(good.decoded, np.nan))
    assert np.isnan(list(figures.add(bad).values())).all()
    alone = CodecFigures(codec)
    alone.add(good)
    np.testing.assert_equal(figures.average(), alone.average())  # noise has no phase_drift: NaN in both
    assert figures.measure_cycle() == alone.measure_cycle()


def test_without_latents_nothing_is_known_about_them() -> None:
    codec = Linear()
    figures = CodecFigures(codec, latents=False)
    figures.add(code_piece(codec, make_noise(0.5)))
    assert figures.describe_latents() is None and figures.average_robustness() == figures.measure_cycle() == {}


def test_an_excerpt_has_context_behind_it(tmp_path: Path) -> None:
    codec = Linear()
    sound = make_noise(2.0)
    audio.write(tmp_path / "a.wav", sound, 44_100)
    waveform, samples = read_excerpt(tmp_path / "a.wav", 1.0, codec)
    assert samples == 44_100
    piece = code_piece(codec, waveform, samples)
    assert len(piece.original) == samples <= len(piece.decoded) and len(piece.latents) == codec.count_latents(samples)
    whole = codec.reconstruct(audio.read(tmp_path / "a.wav"))[:samples]
    np.testing.assert_array_equal(piece.decoded[:samples], whole)
    assert read_excerpt(tmp_path / "a.wav", 9.0, codec)[1] == len(sound)
    audio.write(tmp_path / "short.wav", sound[:9000], 44_100)
    with pytest.raises(AudioError, match=r"0\.20 s of sound"):
        read_excerpt(tmp_path / "short.wav", 1.0, codec)
