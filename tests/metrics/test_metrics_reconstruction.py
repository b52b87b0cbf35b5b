"""Metrics of a pair of waveforms: known answers, silence, and agreement with the figures of the targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists

from musika.metrics.pair import (
    clicks,
    drift,
    flatness,
    level,
    log_mel,
    log_spectral,
    loudness,
    onsets,
    reconstruction,
    si_sdr,
    stereo,
    tuning,
)
from tests.helpers import shared

RATE = 44_100


def make_music(seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    """Plucked tones and a little noise, `[N, 2]`."""
    time = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    decay = np.exp(-((2 * time) % 1) * 6)
    left = sum(0.15 * np.sin(2 * np.pi * hz * time) for hz in (220.0, 554.4, 1318.5)) * decay
    right = 0.6 * left + 0.1 * np.sin(2 * np.pi * 330 * time)
    return (np.stack([left, right], axis=1) + 0.003 * rng.standard_normal((len(time), 2))).astype(np.float32)


def measure_clicks(original: np.ndarray, decoded: np.ndarray, block_samples: int) -> dict[str, float]:
    return clicks.evaluate([clicks.compute_ratios(original, decoded, block_samples)])


def test_nothing_is_lost_in_a_copy() -> None:
    sound = make_music()
    figures = reconstruction.evaluate(sound, sound, RATE)
    for name in ("log_mel", "log_mel_2048", "log_mel_512", "log_spectral", "band_bias", "level", "loudness_error"):
        assert figures[name] == 0, name
    assert figures["correlation_error"] == figures["width_error"] == 0
    assert figures["onset_f1"] == figures["flatness_ratio"] == 1
    assert figures["tuning_error"] == 0 and figures["phase_drift"] < 1e-6
    assert figures["si_sdr"] > 90
    assert list(figures) == list(reconstruction.FIGURES)
    of_borders = measure_clicks(sound, sound, 20_000)
    assert of_borders["clicks"] == of_borders["clicks_original"]
    assert {*figures, *of_borders} == {*reconstruction.DIGITS}


@pytest.mark.parametrize("cents", [-30.0, 4.0, 20.0])
def test_tuning_is_measured_in_cents(cents: float) -> None:
    time = np.arange(2 * RATE) / RATE

    def chord(factor: float) -> np.ndarray:
        tones = [0.2 * np.sin(2 * np.pi * hz * factor * time) for hz in (220.0, 554.4, 1318.5)]
        return np.tile(sum(tones)[:, None], 2).astype(np.float32)

    figures = tuning.evaluate(chord(1.0), chord(2 ** (cents / 1200)), RATE)["tuning_error"]
    assert figures == pytest.approx(abs(cents), abs=0.3)
    assert tuning.evaluate(chord(1.0), chord(1.0) * 0, RATE)["tuning_error"] == 100
    assert np.isnan(tuning.evaluate(chord(1.0)[:5000], chord(1.0)[:5000], RATE)["tuning_error"])


@pytest.mark.parametrize(("hertz", "turns"), [(0.0, 0.0), (0.25, 0.25), (-2.0, 2.0), (30.0, 5.0)])
def test_phase_drift_counts_turns_in_a_second(hertz: float, turns: float) -> None:
    time = np.arange(3 * RATE) / RATE

    def chord(shift: float, phase: float = 0.0) -> np.ndarray:
        tones = [0.2 * np.sin(2 * np.pi * (hz + shift) * time + phase) for hz in (220.0, 554.4, 1318.5)]
        return np.tile(sum(tones)[:, None], 2).astype(np.float32)

    found = drift.evaluate(chord(0.0), chord(hertz, phase=1.0), RATE)["phase_drift"]
    assert found == pytest.approx(turns, abs=0.02)


def test_phase_drift_needs_steady_tones() -> None:
    noise = np.random.default_rng(0).standard_normal((3 * RATE, 2)).astype(np.float32)
    time = np.arange(3 * RATE) / RATE
    glide = np.tile(np.sin(2 * np.pi * (400 + 40 * time) * time)[:, None], 2).astype(np.float32)
    for sound in (noise, glide, noise[:RATE]):
        assert np.isnan(drift.evaluate(sound, sound, RATE)["phase_drift"])


def test_phase_drift_hears_a_slip_that_comes_back() -> None:
    """Half a turn there and back, though the frequency is right over the whole second."""
    time = np.arange(3 * RATE) / RATE
    slip = np.pi * np.sin(np.pi * time) ** 2
    steady, slipping = (np.tile(np.sin(2 * np.pi * 440 * time + p)[:, None], 2).astype("f4") for p in (0 * slip, slip))
    assert drift.evaluate(steady, slipping, RATE)["phase_drift"] == pytest.approx(0.5, abs=0.05)


def test_si_sdr_measures_noise_at_any_scale() -> None:
    sound = make_music()
    noise = np.random.default_rng(1).standard_normal(sound.shape)
    noise -= sound * (noise.ravel() @ sound.ravel()) / (sound.ravel() @ sound.ravel())  # orthogonal: SDR is exact
    noise *= np.sqrt(np.sum(sound**2) / np.sum(noise**2)) / 10  # 20 dB below
    for factor in (1.0, 0.1, -2.0):
        assert si_sdr.evaluate(sound, factor * (sound + noise))["si_sdr"] == pytest.approx(20, abs=0.01)


def test_half_as_loud_is_six_decibels() -> None:
    sound = make_music()
    figures = reconstruction.evaluate(sound, sound / 2, RATE)
    assert figures["level"] == pytest.approx(-6.0206, abs=1e-3)
    assert figures["band_bias"] == pytest.approx(6.0206, abs=1e-3)
    assert figures["loudness_error"] == pytest.approx(6.02, abs=0.2)  # the gates select the same blocks
    assert figures["correlation_error"] < 1e-6
    assert 0 < figures["log_mel"] <= 0.60206 + 1e-6  # log10 of 4, less where the floor applies


def test_log_mel_of_loud_noise_is_its_gain() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (RATE, 2)).astype(np.float32)
    figures = log_mel.evaluate(noise, noise * np.float32(10**-0.1), RATE)
    assert figures["log_mel"] == pytest.approx(0.2, abs=1e-4)
    assert figures["log_mel"] == pytest.approx((figures["log_mel_2048"] + figures["log_mel_512"]) / 2)
    assert log_spectral.evaluate(noise, noise * np.float32(10**-0.1))["log_spectral"] == pytest.approx(2, abs=1e-3)


def test_stereo_of_mono_opposite_and_independent_channels() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 50_000)).astype(np.float32) * 0.1
    mono, opposite, apart = (np.stack(pair, axis=1) for pair in ((a, a), (a, -a), (a, b)))
    assert [round(stereo.measure_width(w), 2) for w in (mono, opposite, apart)] == [0, 1, 0.5]
    figures = stereo.evaluate(mono, opposite)
    assert figures["correlation_error"] == pytest.approx(2, abs=1e-4) and figures["width_error"] == pytest.approx(1)


def test_loudness_of_the_standard_tone() -> None:
    """BS.1770: a sine of 997 Hz at full scale in one channel of two is -3.01 LUFS."""
    tone = np.zeros((3 * RATE, 2), np.float32)
    tone[:, 0] = np.sin(2 * np.pi * 997 * np.arange(len(tone)) / RATE)
    assert loudness.measure_loudness(tone, RATE) == pytest.approx(-3.01, abs=0.05)
    assert np.isnan(loudness.measure_loudness(tone[:1000], RATE))


def test_onsets_at_other_times_do_not_match() -> None:
    beats = np.zeros((4 * RATE, 2), np.float32)
    beats[RATE // 2 :: RATE // 2] = 0.9
    late = np.roll(beats, RATE // 5, axis=0)
    assert onsets.evaluate(beats, beats, RATE)["onset_f1"] == 1
    assert onsets.evaluate(beats, late, RATE)["onset_f1"] < 0.2


def test_two_onsets_do_not_match_the_same_one() -> None:
    """Three of the decoded within 50 ms of one of the original: one hit, and a figure that cannot exceed 1."""
    assert onsets.count_matches(np.array([1.0]), np.array([0.97, 1.0, 1.03])) == 1
    assert onsets.count_matches(np.array([0.97, 1.0, 1.03]), np.array([1.0])) == 1
    assert onsets.count_matches(np.array([1.0, 1.04]), np.array([1.03, 1.07])) == 2  # not 1.0 with the nearest
    assert onsets.count_matches(np.array([1.0]), np.array([1.06])) == 0
    assert onsets.count_matches(np.zeros(0), np.zeros(0)) == onsets.count_matches(np.ones(1), np.zeros(0)) == 0


@given(*(lists(integers(0, 60), max_size=25, unique=True).map(sorted) for _ in range(2)))
def test_matching_is_the_largest_possible(first: list[int], second: list[int]) -> None:
    """In one dimension, taking the earliest pair that is near enough, again and again, is optimal."""
    x, y = (np.array(times) * 0.012 for times in (first, second))
    hits = i = j = 0
    while i < len(x) and j < len(y):
        if abs(x[i] - y[j]) < onsets.TOLERANCE:
            hits, i, j = hits + 1, i + 1, j + 1
        elif x[i] < y[j]:
            i += 1
        else:
            j += 1
    assert onsets.count_matches(x, y) == hits == onsets.count_matches(y, x)


def test_noise_between_tones_raises_flatness() -> None:
    sound = make_music()
    noisy = sound + 0.05 * np.random.default_rng(2).standard_normal(sound.shape).astype(np.float32)
    assert flatness.evaluate(sound, noisy, RATE)["flatness_ratio"] > 1.5
    assert flatness.evaluate(noisy, sound, RATE)["flatness_ratio"] < 0.7


def test_clicks_where_blocks_meet_are_detected() -> None:
    sound = make_music(6)
    clicking = sound.copy()
    clicking[10_000::20_000] += 0.3
    assert abs(measure_clicks(sound, sound, 10_000)["clicks"]) < 3
    figures = measure_clicks(sound, clicking, 10_000)
    assert figures["clicks"] > 10 > max(abs(figures["clicks_original"]), abs(figures["clicks_inside"]))
    assert abs(measure_clicks(sound, clicking, 7_003)["clicks"]) < 3  # the clicks are not at these borders
    assert np.isnan(measure_clicks(sound, sound, len(sound))["clicks"])


def test_what_repeats_with_every_part_of_a_block_is_no_click() -> None:
    rng = np.random.default_rng(0)
    sound = np.tile(rng.normal(size=(1000, 2)), (40, 1)).astype(np.float32)  # repeats every 1000 samples
    figures = measure_clicks(sound, sound, 8000)
    assert abs(figures["clicks"] - figures["clicks_inside"]) < 0.2
    sound[8000::8000] += 20
    figures = measure_clicks(sound, sound, 8000)
    assert figures["clicks"] > figures["clicks_inside"] + 10
    counts = {name: len(each) for name, each in clicks.compute_ratios(sound, sound, 8000).items()}
    assert counts == {"clicks": 4 * 2, "clicks_inside": 7 * 5 * 2, "clicks_original": 4 * 2}


def test_silence_is_undefined_and_never_an_error() -> None:
    sound, nothing = make_music(1), np.zeros((RATE, 2), np.float32)
    undefined = {
        "level",
        "loudness_error",
        "si_sdr",
        "correlation_error",
        "width_error",
        "onset_f1",
        "flatness_ratio",
        "tuning_error",
        "phase_drift",
    }
    for decoded in (nothing, sound):
        figures = reconstruction.evaluate(nothing, decoded, RATE)
        assert {name for name in undefined if np.isnan(figures[name])} == undefined
        assert np.isfinite([figures[name] for name in ("log_mel", "log_spectral", "band_bias")]).all()
    figures = reconstruction.evaluate(sound, nothing, RATE)
    assert np.isnan(figures["loudness_error"]) and figures["level"] < -100
    assert level.evaluate(sound, sound * 0)["level"] < -100
    assert np.isnan(reconstruction.average_figures([reconstruction.evaluate(nothing, sound, RATE)])["level"])


def test_a_decoder_that_fails_has_no_figures() -> None:
    sound = make_music(1)
    broken = sound.copy()
    broken[5] = np.nan
    assert np.isnan(list(reconstruction.evaluate(sound, broken, RATE).values())).all()


def test_means_leave_out_what_is_undefined() -> None:
    assert reconstruction.average_figures([{"a": 1.0}, {"a": float("nan")}, {"a": 3.0}]) == {"a": 2.0}
    assert reconstruction.average_figures([]) == {}


@pytest.mark.parametrize("samples", [1, 300, 3000])
def test_very_short_pieces_have_figures(samples: int) -> None:
    figures = reconstruction.evaluate(make_music(1)[:samples], make_music(1, seed=2)[:samples], RATE)
    assert np.isfinite(figures["log_mel"]) and np.isfinite(figures["si_sdr"])


@pytest.mark.parametrize("shapes", [((10,), (10,)), ((10, 1), (10, 1)), ((10, 2), (9, 2)), ((0, 2), (0, 2))])
def test_other_shapes_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"pair of waveforms \[N, 2\]"):
        reconstruction.evaluate(np.zeros(shapes[0]), np.zeros(shapes[1]), RATE)


@shared.needs_shared
@pytest.mark.parametrize("name", ["piano-beethoven-moonlight-3", "mono-diarandor-castle", "electronic-vibe-ace"])
def test_figures_are_those_of_the_targets(name: str) -> None:
    original = shared.read_excerpt(name, 441_000, 617_400)
    noise = np.random.default_rng(0).standard_normal(original.shape) * 0.01
    decoded = np.clip(0.8 * np.roll(original, 3, axis=0) + noise, -1, 1).astype(np.float32)
    figures = reconstruction.evaluate(original, decoded, RATE)
    for figure in shared.load_reconstruction_script().FIGURES:
        assert figures[figure.__name__] == pytest.approx(figure(original, decoded), abs=1e-4), figure.__name__
