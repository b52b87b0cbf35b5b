"""The stereo codec: shapes, block-wise equals whole, lengths, what the head's planes mean, checkpoints."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import backend, checkpoint
from musika.codec import tones, tuner
from musika.codec.checkpoint import compute_identity, make_checkpoint
from musika.codec.decoder import Decoder, compute_head_powers, split_head
from musika.codec.encoder import Encoder
from musika.codec.features import (
    LOG_DEVIATION,
    LOG_MEAN,
    POWER_FLOOR,
    compute_channel_spectra,
    compute_features,
    compute_mid_side_powers,
)
from musika.codec.load import load_codec
from musika.codec.stereo import StereoCodec, compute_context, compute_decoder_context
from musika.codec.synthesis import compute_tone_phases, synthesise
from musika.codec.weights import add_tuner, initialise, list_weight_shapes
from musika.config import ADDED_PHASES, CodecConfig
from musika.errors import CheckpointError, ConfigError, LatentsError

pytestmark = pytest.mark.backend

TINY = CodecConfig(
    channels=8,
    window=256,
    hop=64,
    fine_bins=32,
    bands=16,
    encoder_widths=(12, 14, 16),
    encoder_blocks=(1, 0, 1),
    decoder_widths=(12, 14, 16),
    decoder_blocks=(1, 1, 1),
    tuned_bins=0,
    block=6,
)
MOST = 24  # latents of the longest piece that is coded at once
TUNED = dataclasses.replace(TINY, tuned_bins=40, tuning_steps=2)  # carriers that repeat every other latent
ADDING_UP = dataclasses.replace(
    TINY,
    tuned_bins=40,
    phase_cell=3,
    tuner_width=10,
    tuner_dilations=(1, 2),
    consistency_steps=0,
    random_phases=True,
)


def make_weights(config: CodecConfig, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    weights = {}
    for part, kind in (("encoder", Encoder), ("decoder", Decoder)):
        network = kind(config, name=part)
        initialise(network, seed)
        weights[part] = checkpoint.get_weights(network)
    return weights


@pytest.fixture(scope="module", params=[TUNED, ADDING_UP], ids=["fixed carriers", "phases that add up"])
def codec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StereoCodec:
    folder, config = tmp_path_factory.mktemp("codec") / "ae", request.param
    weights = make_weights(config)
    bias = weights["decoder"]["tuner/offset/bias"]  # frequencies that differ
    weights["decoder"]["tuner/offset/bias"] = bias + np.random.default_rng(0).uniform(-1, 1, bias.shape).astype("f4")
    if config.phase_cell:  # and change from latent to latent
        weights["decoder"]["tuner/offset/kernel"] *= 20
    checkpoint.write(folder, *make_checkpoint(config, weights))
    return load_codec(folder)


def make_noise(samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((samples, 2)) * 0.1).astype(np.float32)


@functools.cache
def compile_whole_coding(codec: StereoCodec, around: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Encoding and decoding in one pass, of MOST latents and `around` more on either side."""

    def decode(latents: Any) -> Any:
        phases = None
        if codec.config.phase_cell:
            assert around % codec.config.phase_cell == 0
            phases = compute_tone_phases(codec.config, *codec.decoder.tuner(latents))
        return synthesise(codec.config, codec.decoder(latents), first_latent=-around, tone_phases=phases)

    return backend.compile(lambda waveform: codec.encoder(compute_features(codec.config, waveform))), backend.compile(
        decode
    )


def count_around(codec: StereoCodec) -> int:
    """Latents of silence on either side of a single pass: more than an output depends on, and whole cells."""
    cell = codec.config.phase_cell or 1
    return -(-(codec.context + 3) // cell) * cell


def encode_whole(codec: StereoCodec, waveform: np.ndarray) -> np.ndarray:
    """One pass over everything at once, with silence around it."""
    hop, margin = codec.hop_total, (codec.config.window - codec.config.hop) // 2
    count, around = codec.count_latents(len(waveform)), count_around(codec)
    padded = np.zeros((1, (MOST + 2 * around) * hop + 2 * margin, 2), np.float32)
    padded[0, margin + around * hop :][: len(waveform)] = waveform
    return backend.to_numpy(compile_whole_coding(codec, around)[0](padded))[0, around : around + count]


def decode_whole(codec: StereoCodec, latents: np.ndarray) -> np.ndarray:
    around = count_around(codec)
    padded = np.pad(latents, ((around, around + MOST - len(latents)), (0, 0)))[None]
    waveform = backend.to_numpy(compile_whole_coding(codec, around)[1](padded))[0]
    begin = around * codec.hop_total - codec.config.overlap * codec.config.hop
    return waveform[begin:][: len(latents) * codec.hop_total]


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 6 * 256, 6 * 256 + 1, 5000])
def test_encoding_in_blocks_equals_encoding_at_once(codec: StereoCodec, samples: int) -> None:
    waveform = make_noise(samples)
    latents = codec.encode(waveform)
    assert latents.shape == (-(-samples // 256), 8)
    assert np.abs(latents).max() <= 1
    np.testing.assert_allclose(latents, encode_whole(codec, waveform), atol=1e-5)


@pytest.mark.parametrize("length", [1, 5, 6, 7, 23])
def test_decoding_in_blocks_equals_decoding_at_once(codec: StereoCodec, length: int) -> None:
    latents = np.tanh(np.random.default_rng(length).standard_normal((length, 8))).astype(np.float32)
    waveform = codec.decode(latents)
    assert waveform.shape == (length * 256, 2)
    assert np.abs(waveform).max() > 1e-3
    np.testing.assert_allclose(waveform, decode_whole(codec, latents), atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 4999), max_size=5))
def test_pieces_of_any_length_give_the_same_bits(codec: StereoCodec, cuts: list[int]) -> None:
    waveform = make_noise(5000)
    pieces = np.split(waveform, sorted(set(cuts)))
    joined = np.concatenate(list(codec.encode_blocks(pieces)))
    np.testing.assert_array_equal(joined, codec.encode(waveform))
    latents = np.split(joined, sorted({cut * len(joined) // 5000 for cut in cuts}))
    np.testing.assert_array_equal(np.concatenate(list(codec.decode_blocks(latents))), codec.decode(joined))


def test_a_reconstruction_has_the_originals_length(codec: StereoCodec) -> None:
    assert codec.reconstruct(make_noise(1000)).shape == (1000, 2)
    assert codec.encode(np.zeros((0, 2), np.float32)).shape == (0, 8)
    assert codec.decode(np.zeros((0, 8), np.float32)).shape == (0, 2)


def test_wrong_shapes_are_refused(codec: StereoCodec) -> None:
    with pytest.raises(LatentsError, match=r"\[length, 2\]"):
        codec.encode(np.zeros((100, 3), np.float32))
    with pytest.raises(LatentsError, match=r"\[length, 8\]"):
        codec.decode(np.zeros((100, 9), np.float32))


def test_powers_of_mid_and_side_are_those_of_the_sum_and_difference() -> None:
    waveform = make_noise(4096)
    spectra = compute_channel_spectra(TINY, backend.to_device(waveform[None]))
    made = backend.to_numpy(compute_mid_side_powers(spectra))[0]
    both = [(waveform[:, 0] + waveform[:, 1]) / np.sqrt(2), (waveform[:, 0] - waveform[:, 1]) / np.sqrt(2)]
    swapped = backend.to_device(np.stack(both, axis=1).astype(np.float32)[None])
    expected = backend.to_numpy(compute_mid_side_powers(compute_channel_spectra(TINY, swapped)))[0]
    np.testing.assert_allclose(made[2:], expected[:2], rtol=1e-3, atol=1e-4)


def test_the_heads_powers_are_those_of_its_two_channels() -> None:
    planes = np.random.default_rng(1).standard_normal((1, 8, 6 * TINY.bins)).astype(np.float32)
    magnitudes, _, (cosine, sine) = split_head(TINY, backend.to_device(planes))
    left, right = backend.to_numpy(magnitudes)[0]
    right = right * (backend.to_numpy(cosine)[0] + 1j * backend.to_numpy(sine)[0])
    powers = backend.to_numpy(compute_head_powers(TINY, backend.to_device(planes)))[0]
    np.testing.assert_allclose(powers[2], np.abs(left + right) ** 2 / 2, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(powers[3], np.abs(left - right) ** 2 / 2, rtol=1e-3, atol=1e-3)


def test_a_steady_tone_at_a_bins_centre_needs_no_learned_phase() -> None:
    """Constant planes with one loud bin make a pure sine: the carrier turns from frame to frame as it should."""
    planes = np.zeros((1, 32, 6, TINY.bins), np.float32)
    planes[:, :, :2] = -20.0
    planes[:, :, :2, 10] = 1.0
    planes[:, :, [2, 4]] = 1.0
    waveform = backend.to_numpy(synthesise(TINY, backend.to_device(planes.reshape(1, 32, -1))))[0]
    inside = waveform[:, 0].astype(np.float64)
    power = np.abs(np.fft.rfft(inside * np.hanning(len(inside)))) ** 2
    peak = int(power.argmax())
    assert peak == round(10 / 256 * len(inside))
    assert power[peak - 3 : peak + 4].sum() / power.sum() > 0.999


@pytest.mark.parametrize("frequency", [10.0, 10.25, 10.5, 20.75])
@pytest.mark.parametrize("latent", [0, 5])
def test_a_tuned_tone_is_pure_and_in_tune(frequency: float, latent: int) -> None:
    """Magnitudes of a sine between two bins and the distance to it, the same in every frame, make that sine."""
    config = dataclasses.replace(TINY, tuned_bins=40, tuning_steps=4, block=8)
    bins = np.arange(config.bins)
    lobe = np.abs(np.sinc(frequency - bins) / (1 - (frequency - bins) ** 2 + 1e-9))  # of the Hann window
    planes = np.zeros((1, 64, 6, config.bins), np.float32)
    planes[:, :, :2] = (np.log(lobe + 1e-5) - LOG_MEAN / 2) / (LOG_DEVIATION / 2)
    planes[:, :, 4] = 1.0
    tuning = np.stack([np.full(40, 5.0), frequency - bins[:40]])
    planes = np.concatenate([planes.reshape(1, 64, -1), np.tile(tuning.reshape(1, 1, -1), (1, 64, 1))], axis=-1)
    waveform = backend.to_numpy(synthesise(config, backend.to_device(planes.astype("f4")), first_latent=latent))[0]
    inside = waveform[:, 0].astype(np.float64)
    power = np.abs(np.fft.rfft(inside * np.hanning(len(inside)))) ** 2
    peak = int(power.argmax())
    assert abs(peak - frequency / 256 * len(inside)) <= 1
    assert power[peak - 3 : peak + 4].sum() / power.sum() > 0.995


def test_tones_are_found_in_both_channels() -> None:
    config = dataclasses.replace(TINY, tuned_bins=40, tuning_steps=2)
    time = np.arange(4096)
    left, right = (np.sin(2 * np.pi * frequency / 256 * time) for frequency in (12.3, 25.6))
    waveform = backend.to_device(np.stack([left, 0.1 * right], 1)[None].astype("f4"))
    offset, weight = tones.measure_tones(config, waveform, compute_channel_spectra(config, waveform))
    offset, weight = backend.to_numpy(offset)[0, 5:-8], backend.to_numpy(weight)[0, 5:-8]
    for frequency, bins in ((12.3, range(11, 15)), (25.6, range(24, 28))):
        for k in bins:
            np.testing.assert_allclose(offset[:, k], frequency - k, atol=0.05)
    assert weight[:, 12].min() > 2 * weight[:, 25].max() > 4 * weight[:, 18].max() / 2
    assert (weight[np.abs(offset) >= 2] == 0).all()


def test_a_decoder_that_learns_to_tune_reads_the_same_latents(tmp_path: Path) -> None:
    weights = make_weights(TINY)
    for number, config in enumerate((TUNED, ADDING_UP)):  # the second has another tuner than the first
        weights = {**weights, "decoder": add_tuner(config, weights["decoder"])}
        assert compute_identity(config, weights) == compute_identity(TINY, make_weights(TINY))
        checkpoint.write(tmp_path / f"ae{number}", *make_checkpoint(config, weights))
        assert np.isfinite(load_codec(tmp_path / f"ae{number}").reconstruct(make_noise(3000))).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"phase_cell": 4},  # of which a block holds no whole number
        {"phase_cell": -1},
        {"tuned_bins": 0},
        {"tuner_width": 0},
        {"tuner_dilations": (0,)},
        {"tuner_values": 2},  # each would last two frames
        {"tuner_values": 0},
        {"phase_cell": 0, "tuning_steps": 2},  # and dilations
    ],
)
def test_phases_that_cannot_add_up_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"tuner|phase"):
        dataclasses.replace(ADDING_UP, **wrong)


@pytest.mark.parametrize("wrong", [{"tuned_bins": 130}, {"tuned_bins": -1}, {"tuning_steps": 0}, {"block": 5}])
def test_carriers_that_no_block_holds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"tun|block"):
        dataclasses.replace(TUNED, **wrong)


def measure_lines(config: CodecConfig) -> float:
    """How far single frequencies of a sound whose latents are all alike stand out of their neighbours, on average."""
    planes = np.zeros((1, 4 * config.block * config.frames, 6 * config.bins), np.float32)
    planes[..., 2 * config.bins : 3 * config.bins] = planes[..., 4 * config.bins : 5 * config.bins] = 1.0
    sound = backend.to_numpy(synthesise(config, planes))[0, :, 0]
    length = 4 * config.window
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[:: length // 2] * np.hanning(length)
    level = np.log(np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) + 1e-12)[100:-100]
    return float(np.std(level))


def test_random_phases_keep_noise_from_becoming_tones() -> None:
    lines = measure_lines(TINY), measure_lines(dataclasses.replace(TINY, random_phases=True))
    assert lines[1] < 0.6 * lines[0]


def test_random_phases_follow_the_absolute_number_of_a_frame() -> None:
    config = dataclasses.replace(TINY, random_phases=True)
    planes = np.random.default_rng(0).standard_normal((1, 2 * config.block * config.frames, 6 * config.bins))
    planes = planes.astype(np.float32) * 0.3
    whole = backend.to_numpy(synthesise(config, planes))
    first = 2  # latents
    for place in (first, first + config.block, first - 3 * config.block):  # all blocks have the same phases
        part = backend.to_numpy(synthesise(config, planes[:, first * config.frames :], first_latent=place))
        expected = whole[:, first * config.hop_total :]
        np.testing.assert_allclose(part, expected, atol=1e-6)
    moved = backend.to_numpy(synthesise(config, planes[:, first * config.frames :], first_latent=first + 1))
    assert np.abs(moved - whole[:, first * config.hop_total :]).max() > 1e-3


def test_initial_weights_are_a_function_of_the_seed() -> None:
    one, same, other = make_weights(TINY, 1), make_weights(TINY, 1), make_weights(TINY, 2)
    for part in one:
        for name, array in one[part].items():
            np.testing.assert_array_equal(array, same[part][name])
    assert not np.array_equal(one["encoder"]["first/kernel"], other["encoder"]["first/kernel"])


def test_identity_is_the_encoders_not_the_decoders() -> None:
    weights = make_weights(TINY)
    before = compute_identity(TINY, weights)
    weights["decoder"]["head/bias"] = weights["decoder"]["head/bias"] + 1
    assert compute_identity(TINY, weights) == before
    weights["encoder"]["first/bias"] = weights["encoder"]["first/bias"] + 1
    assert compute_identity(TINY, weights) != before


def test_the_default_sizes_keep_to_their_budget() -> None:
    """At most 8 million parameters each, 3.5 million of the tuner, and decoding at most 1.5 GFLOP a second of audio."""
    config = CodecConfig(**ADDED_PHASES)
    weights = make_weights(config)
    tuner_size = sum(array.size for name, array in weights["decoder"].items() if name.startswith("tuner/"))
    parameters = {part: sum(array.size for array in arrays.values()) for part, arrays in weights.items()}
    assert parameters["encoder"] <= 8_000_000 and parameters["decoder"] - tuner_size <= 8_000_000
    assert tuner_size <= 3_500_000
    latents_a_second = config.sample_rate / config.hop_total
    operations = 0.0
    for rate, (width, blocks) in enumerate(zip(config.decoder_widths, config.decoder_blocks, strict=True)):
        steps = latents_a_second * config.frames / 2**rate
        below = config.decoder_widths[rate + 1] if rate + 1 < len(config.decoder_widths) else 0
        operations += 2 * steps * (blocks * 4 * width**2 + below * width)
    spectra = latents_a_second * config.frames
    operations += 2 * spectra * config.decoder_widths[0] * (6 * config.bins + config.tuned_bins)
    transforms = 2 * (1 + 2 * config.consistency_steps)  # FFTs of both channels
    operations += transforms * spectra * 2.5 * config.window * np.log2(config.window)
    operations *= 1 + 2 * compute_decoder_context(config) / config.block  # each window throws its context away
    operations += 2 * latents_a_second * tuner_size * (1 + 2 * compute_context(config) / config.block)
    assert operations <= 1.5e9


@pytest.mark.backend
def test_powers_of_the_head_are_never_negative() -> None:
    """Loud, left all but equal to right: rounding alone would make some of side negative, which has no logarithm."""
    rng = np.random.default_rng(0)
    planes = np.zeros((1, 2000, 6, TINY.bins), np.float32)
    planes[:, :, :2] = 1.6 + rng.uniform(0, 1e-6, (1, 2000, 2, TINY.bins))
    planes[:, :, 4], planes[:, :, 5] = rng.uniform(1, 6, (1, 2000, TINY.bins)), rng.normal(0, 3e-4, TINY.bins)
    powers = backend.to_numpy(compute_head_powers(TINY, planes.reshape(1, 2000, -1)))
    assert powers.shape == (1, 4, 2000, TINY.bins) and powers.min() >= 0
    assert np.isfinite(np.log(powers + POWER_FLOOR)).all()


def test_context_holds_all_that_tones_depend_on() -> None:
    """Few blocks see less than the network that tunes."""
    narrow = dataclasses.replace(TUNED, encoder_blocks=(1, 0, 0), decoder_blocks=(1, 0, 0))
    assert compute_context(narrow) >= tuner.NEAR_REACH + -(-narrow.overlap // narrow.frames)
    with pytest.raises(ConfigError, match="even number"):
        dataclasses.replace(TINY, hop=63, window=252)


@pytest.mark.parametrize("spoil", ["missing", "shape", "stranger", "kind"])
def test_a_misfitting_checkpoint_is_refused(tmp_path: Path, spoil: str) -> None:
    written, arrays = make_checkpoint(TINY, make_weights(TINY))
    if spoil == "missing":
        del arrays["weights"]["decoder/head/bias"]
    elif spoil == "shape":
        arrays["weights"]["decoder/head/bias"] = np.zeros(3, np.float32)
    elif spoil == "stranger":
        arrays["weights"]["critic/bias"] = np.zeros(3, np.float32)
    else:
        written["kind"] = "generator"
    checkpoint.write(tmp_path / "ae", written, arrays)
    with pytest.raises(CheckpointError):
        load_codec(tmp_path / "ae")


@pytest.mark.parametrize(
    "sizes", [None, [], {"encoder_widths": [10**9] * 3}, {"encoder_blocks": [10**9] * 3}, {"block": 10**9}, {"bins": 3}]
)
def test_sizes_that_no_file_has_are_refused_before_memory_is_taken(tmp_path: Path, sizes: object) -> None:
    written, arrays = make_checkpoint(TINY, make_weights(TINY))
    written["config"] = {**written["config"], **sizes} if isinstance(sizes, dict) else sizes
    checkpoint.write(tmp_path / "ae", written, arrays)
    with pytest.raises(CheckpointError):
        load_codec(tmp_path / "ae")


def test_listed_shapes_are_those_of_the_networks() -> None:
    for config in (TINY, TUNED, ADDING_UP, CodecConfig(tuned_bins=0), CodecConfig(), CodecConfig(**ADDED_PHASES)):
        built = {}
        for part, kind in (("encoder", Encoder), ("decoder", Decoder)):
            network = kind(config, name=part)
            network.build()
            built |= {f"{part}/{name}": array.shape for name, array in checkpoint.get_weights(network).items()}
        assert list_weight_shapes(config) == built


@pytest.mark.parametrize(("precision", "xla", "tolerance"), [("float32", True, 1e-4), ("mixed_bfloat16", False, 0.03)])
def test_other_ways_to_compute_stay_close(
    codec: StereoCodec, tmp_path: Path, precision: str, xla: bool, tolerance: float
) -> None:
    """XLA to 1e-4; bfloat16 networks to 3 % of the largest latent, and of the largest magnitude of a spectrum."""
    weights = {name: checkpoint.get_weights(getattr(codec, name)) for name in ("encoder", "decoder")}
    checkpoint.write(tmp_path / "ae", *make_checkpoint(codec.config, weights))
    other = load_codec(tmp_path / "ae", precision, xla)
    waveform = make_noise(3000)
    latents = codec.encode(waveform)
    assert np.abs(other.encode(waveform) - latents).max() <= tolerance * np.abs(latents).max()
    one, two = (np.abs(np.fft.rfft(c.decode(latents)[:, 0])) for c in (codec, other))
    assert np.abs(one - two).mean() <= tolerance * one.max()
