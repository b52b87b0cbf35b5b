"""Phases that add up: tones go on across cells, all bins of a tone agree, and a cell depends on itself alone."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import backend
from musika.codec.features import LOG_DEVIATION, LOG_MEAN
from musika.codec.phases import accumulate_phases
from musika.codec.synthesis import compute_tone_phases, synthesise
from musika.config import CodecConfig
from tests.helpers import tiny

pytestmark = pytest.mark.backend

BINS, CELL = 40, 4
CONFIG = CodecConfig(
    channels=8,
    window=256,
    hop=64,
    fine_bins=32,
    bands=16,
    encoder_widths=(12, 14, 16, 16),
    encoder_blocks=(1, 0, 1, 1),
    decoder_widths=(12, 14, 16, 16),
    decoder_blocks=(1, 1, 1, 1),
    consistency_steps=0,
    tuned_bins=BINS,
    phase_cell=CELL,
    tuner_values=2,
    block=8,
)
ROUNDING = np.pi / (CELL * CONFIG.frames)  # radians a frame: half a turn over a cell
accumulate = backend.compile(lambda offset, power: accumulate_phases(CONFIG, offset, power, CELL))


def tell(frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a tuner tells of one tone whose frequency in bins is `[2 T]`: offset `[1, T, 2, R]`, power `[1, T, R]`."""
    offset = np.clip(frequency[:, None] - np.arange(BINS), -2, 2).astype(np.float32)
    power = np.exp(-np.square(offset[::2])) * (np.abs(offset[::2]) < 2) + 1e-6
    return offset.reshape(1, -1, 2, BINS), power[None].astype(np.float32)


def follow(frequency: np.ndarray) -> np.ndarray:
    """Phases `[frames]` of a tone, from those of the bin nearest to it and of this bin's carrier."""
    phases = backend.to_numpy(accumulate(*tell(frequency)))[0]
    frames = np.arange(len(phases))
    nearest = np.rint(np.repeat(frequency, CONFIG.frames // 2)).astype(int)
    return phases[frames, nearest] + np.pi / 2 * nearest * (frames + 0.5)


def wrap(angle: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * angle))


@pytest.mark.parametrize("frequency", [10.0, 10.3, 17.49, 25.5001])
def test_a_steady_tone_goes_on_across_cells(frequency: float) -> None:
    turned = np.diff(follow(np.full(2 * 5 * CELL, frequency)))
    error = wrap(turned - np.pi / 2 * frequency)
    assert np.abs(error).max() <= ROUNDING + 1e-3
    np.testing.assert_allclose(error, error[0], atol=2e-3)  # the same within cells and from one to the next


def test_a_tone_glides_from_bin_to_bin() -> None:
    steps = 2 * CELL
    frequency = np.linspace(10.0, 14.0, steps)
    turned = np.diff(follow(frequency))
    at_frames = np.repeat(frequency, CONFIG.frames // 2)
    wanted = np.pi / 2 * 0.5 * (at_frames[1:] + at_frames[:-1])
    assert np.abs(wrap(turned - wanted)).max() <= ROUNDING + 1e-3


def test_bins_of_a_tone_have_one_phase() -> None:
    offset, power = tell(np.full(2 * 3 * CELL, 20.4))
    offset = offset + np.random.default_rng(0).uniform(-0.05, 0.05, offset.shape).astype(np.float32)
    phases = backend.to_numpy(accumulate(offset, power))[0]
    frames = np.arange(len(phases))[:, None]
    bins = np.arange(19, 23)
    whole = phases[:, bins] + np.pi / 2 * bins * (frames + 0.5)
    assert np.abs(wrap(whole - whole[:, 1:2])).max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cells=st.integers(1, 4), changed=st.integers(0, 3))
def test_a_cell_depends_on_itself_alone(seed: int, cells: int, changed: int) -> None:
    """So phases are a function of position: the same cell gives the same bits wherever it stands."""
    rng = np.random.default_rng(seed)
    offset = rng.normal(0, 1, (1, 4 * CELL, 2, BINS)).astype(np.float32)
    power = rng.exponential(1, (1, 4 * CELL, BINS)).astype(np.float32)
    before = backend.to_numpy(accumulate(offset, power))[0].reshape(4, -1, BINS)
    moved = backend.to_numpy(accumulate(*(np.roll(x, cells * CELL, axis=1) for x in (offset, power))))[0]
    np.testing.assert_array_equal(np.roll(before, cells, axis=0), moved.reshape(4, -1, BINS))
    offset[:, changed * CELL : (changed + 1) * CELL] *= -0.7
    after = backend.to_numpy(accumulate(offset, power))[0].reshape(4, -1, BINS)
    for cell in range(4):
        assert np.array_equal(before[cell], after[cell]) == (cell != changed)


@pytest.mark.parametrize("frequency", [10.0, 10.25, 10.5, 20.77])
def test_a_tone_sounds_pure_and_in_tune(frequency: float) -> None:
    """Magnitudes of a sine between two bins and the distance to it, the same in every frame, make that sine."""
    latents, frames = 4 * CELL, CONFIG.frames
    bins = np.arange(CONFIG.bins)
    lobe = np.abs(np.sinc(frequency - bins) / (1 - (frequency - bins) ** 2 + 1e-9))  # of the Hann window
    planes = np.zeros((1, latents * frames, 6, CONFIG.bins), np.float32)
    planes[:, :, :2] = (np.log(lobe + 1e-5) - LOG_MEAN / 2) / (LOG_DEVIATION / 2)
    planes[:, :, 4] = 1.0
    planes = planes.reshape(1, latents * frames, -1)
    planes = np.concatenate([planes, np.full((1, latents * frames, BINS), 5.0, np.float32)], axis=-1)

    def make(planes: Any, offset: Any, power: Any) -> Any:
        phases = compute_tone_phases(CONFIG, offset, power)
        return synthesise(CONFIG, planes, tone_phases=phases)

    offset, power = tell(np.full(2 * latents, frequency))
    waveform = backend.to_numpy(backend.compile(make)(planes, offset, np.log(power)))[0]
    inside = waveform[:, 0].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)))) ** 2
    peak = int(spectrum.argmax())
    rounding = 0.5 / (CELL * CONFIG.hop_total) * len(inside)  # half a turn over a cell, in bins of this spectrum
    assert abs(peak - frequency / 256 * len(inside)) <= 1 + rounding
    assert spectrum[peak - 3 : peak + 4].sum() / spectrum.sum() > 0.995


def test_what_is_compiled_ahead_is_what_decoding_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    codec, seen = tiny.make_stereo_codec(CONFIG), []

    def synthesise(planes: Any, tuning: Any) -> Any:
        seen.append([(tuple(part.shape), keras.backend.standardize_dtype(part.dtype)) for part in (*planes, *tuning)])
        return np.zeros((1, codec.block * codec.hop_total, 2), np.float32)

    monkeypatch.setattr(codec, "run_synthesis", synthesise)
    codec.prepare_decoding()
    codec.prepare_decoding()
    codec.decode_window(np.zeros((1, codec.block + 2 * codec.context, codec.channels), np.float32))
    assert len(seen) == 2 and seen[0] == seen[1]


@pytest.mark.parametrize("trim", [1, 3, 8, 13])
def test_frames_that_nobody_hears_do_not_change_the_others(trim: int) -> None:
    decoder = tiny.make_stereo_codec(CONFIG).decoder
    latents = backend.to_device(np.random.default_rng(0).standard_normal((1, 16, CONFIG.channels)).astype(np.float32))
    for whole, part in zip(decoder.compute_planes(latents), decoder.compute_planes(latents, trim), strict=True):
        expected = backend.to_numpy(whole)[:, trim:-trim]
        np.testing.assert_allclose(backend.to_numpy(part), expected, rtol=1e-4, atol=1e-4)


def test_phases_of_longer_cells_are_nearer_to_the_frequency() -> None:
    errors = []
    for cell in (2, 8):
        config = dataclasses.replace(CONFIG, phase_cell=cell, block=8)
        rounding = np.pi / (cell * config.frames)
        offset, power = tell(np.full(32, 12.37))
        phases = backend.to_numpy(
            backend.compile(lambda o, p, c=config: accumulate_phases(c, o, p, c.phase_cell))(offset, power)
        )
        turned = wrap(np.diff(phases[0, :, 12]) - np.pi / 2 * 0.37)
        errors.append(np.abs(turned).max())
        assert errors[-1] <= rounding + 1e-3
    assert errors[1] < errors[0]
