"""The published codec: agreement with the original, any length in any pieces, noise by place, checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from musika import backend, checkpoint, draws, render, spectrum
from musika.codec.checkpoint import read_weights
from musika.codec.load import load_codec, read_info
from musika.codec.published import networks, spectra
from musika.codec.published.checkpoint import compute_identity, make_checkpoint
from musika.codec.published.codec import PublishedCodec, decode_pieces, split_channels
from musika.codec.published.weights import NOISE, TRANSPOSED, has_noise, list_weight_shapes, prepare_weights
from musika.config import GeneratorConfig, PublishedCodecConfig
from musika.errors import CheckpointError, ConfigError, LatentsError
from tests.helpers import reference, tiny

TINY = PublishedCodecConfig(hop=4, latent_depth=3, block=8)
OTHERS = (
    PublishedCodecConfig(hop=8, latent_depth=2, block=8, sigma_rescale=60.0, mu_rescale=-20.0),
    PublishedCodecConfig(hop=12, latent_depth=5, shape=64, window=32, block=6),
    PublishedCodecConfig(hop=64, latent_depth=32, block=8),
)
# layers in the order in which the published files store them
STORED = {
    "enc": [*(f"enc/layer_{n}" for n in range(5)), "enc/out"],
    "enc2": [*(f"enc2/layer_{n}" for n in range(7)), "enc2/out"],
    "dec2": [*(f"dec2/layer_{n}" for n in range(7)), "dec2/out"],
    "dec": [
        *("dec/first", "dec/down_1", "dec/down_2", "dec/down_3", "dec/up_2", "dec/up_1", "dec/phase_1"),
        *("dec/up_0", "dec/phase_0", "dec/magnitude", "dec/phase"),
    ],
}


def read_reference_config(size: str) -> PublishedCodecConfig:
    told = json.loads((reference.FOLDER / size / "config.json").read_text())
    names = ("hop", "shape", "window", "mu_rescale", "sigma_rescale")
    return PublishedCodecConfig(latent_depth=told["latdepth"], **{name: told[name] for name in names})


def read_reference_weights(size: str, noisy: bool = False) -> dict[str, np.ndarray]:
    """Published weights under our names."""
    found = {}
    for network, layers in STORED.items():
        file = f"{network}_noisy" if noisy and network.startswith("dec") else network
        arrays = reference.read_weights(size, file)
        for kind, ours in (("kernel", "kernel"), ("bias", "bias"), ("noise_weight", "noise")):
            stored = [array for name, array in arrays.items() if name.endswith(f"/{kind}")]
            wanted = [layer for layer in layers if kind != "noise_weight" or layer in NOISE]
            for layer, array in zip(wanted, stored, strict=True):
                dense = array.ndim == 3 and array.shape[0] == 1
                found[f"{layer}/{ours}"] = array[0] if dense else array
    return found


def make_weights(config: PublishedCodecConfig, seed: int = 0, noise: float = 0.0) -> dict[str, np.ndarray]:
    """Random weights under which signals keep their size."""
    weights = {}
    for name, shape in list_weight_shapes(config).items():
        if name.endswith("noise"):
            weights[name] = np.full(shape, noise, np.float32)
        else:
            fan_in = shape[-1] * 2 if name.rpartition("/")[0] in TRANSPOSED else np.prod(shape[:-1])
            deviation = np.sqrt(2.5 / fan_in) if name.endswith("kernel") else 0.1
            deviation *= 0.2 if name.startswith("dec/magnitude") else 1.0  # waveforms within full scale
            weights[name] = (draws.normal(seed, name, 0, shape) * deviation).astype(np.float32)
    return weights


def make_codec(config: PublishedCodecConfig = TINY, noise: float = 0.0, **options: object) -> PublishedCodec:
    return PublishedCodec(config, make_weights(config, noise=noise), "tiny", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def codec() -> PublishedCodec:
    return make_codec()


@pytest.fixture(scope="module")
def noisy() -> PublishedCodec:
    return make_codec(noise=0.5)


def draw_latents(config: PublishedCodecConfig, count: int, seed: int = 0) -> np.ndarray:
    return np.tanh(draws.normal(seed, "latents", 0, (count, config.channels)))


def draw_audio(samples: int, seed: int = 0) -> np.ndarray:
    return 0.1 * draws.normal(seed, "audio", 0, (samples, 2))


# ------------------------------------------------------------------------------------------ the original


def decode_as_the_original(codec: PublishedCodec, latents: np.ndarray) -> np.ndarray:
    """What the original makes of `[T, C]` without noise, all at once: `[16 h T' + 3 h, 2]`, clipped to [-1, 1].

    T' is T without what exceeds a multiple of `shape` / 16 latents.
    """
    config = codec.config
    count = len(latents) // (config.shape // config.frames) * (config.shape // config.frames)
    planar = split_channels(backend.to_device(np.asarray(latents[None, :count], np.float32)))
    pieces = ops.reshape(planar, (-1, config.piece, config.latent_depth))
    both = decode_pieces(config, codec.weights, pieces)
    magnitude, phase = (ops.reshape(x, (2, -1, config.bins)) for x in both)
    return np.clip(backend.to_numpy(spectra.synthesise(config, magnitude, phase)).T, -1.0, 1.0)


@pytest.mark.backend
@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_each_stage_agrees_with_the_original(size: str) -> None:
    config, tensors = read_reference_config(size), reference.read_tensors(size)
    weights = prepare_weights(read_reference_weights(size))
    depth, pieces = config.latent_depth, (-1, config.piece, config.latent_depth)

    found = backend.to_numpy(spectra.compute_spectrogram(config, tensors["waveform"]))
    expected = tensors["spectrogram"]
    power = 10 ** ((expected * config.sigma_rescale + config.mu_rescale) / 10)
    assert found.shape == expected.shape
    limit = 1e-5 if backend.NAME == "tensorflow" else 1e-4
    assert np.abs(found - expected)[power > 1e-5].max() < limit * np.abs(expected).max()
    assert np.abs(found - expected)[power > 1e-2].max() < 1e-5 * np.abs(expected).max()

    first = networks.run_enc(weights, expected)
    assert reference.measure_distance(first, tensors["latents1"]) < 1e-5
    latents = networks.run_enc2(weights, tensors["latents1"].reshape(-1, 16, config.hop // 4))
    assert reference.measure_distance(latents, tensors["latents2"]) < 1e-5
    for channel in (0, 1):
        own = tensors["z"][0, 0, :, channel * depth : (channel + 1) * depth]
        level, magnitude, phase = (tensors[f"{name}_ch{channel}"] for name in ("dec2", "mag", "phase"))
        found = networks.run_dec2(weights, own.reshape(pieces))
        assert reference.measure_distance(ops.reshape(found, level.shape), level) < 1e-5
        both = networks.run_dec(weights, level.reshape(-1, config.window, level.shape[-1]))
        for one, other in zip(both, (magnitude, phase), strict=True):
            assert reference.measure_distance(ops.reshape(one, other.shape), other) < 1e-5


@pytest.mark.backend
@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_whole_coding_agrees_with_the_original(size: str) -> None:
    tensors = reference.read_tensors(size)
    codec = PublishedCodec(read_reference_config(size), read_reference_weights(size), "reference")
    latents = tensors["z"][0, 0]
    assert reference.measure_distance(decode_as_the_original(codec, latents), tensors["wave"]) < 1e-5
    waveform = codec.decode(latents)
    assert waveform.shape == (len(latents) * codec.hop_total, 2)
    assert reference.measure_distance(waveform, tensors["wave_unclipped"][: len(waveform)]) < 1e-5
    # the original takes only what whole spectra cover
    mono = tensors["waveform"][: codec.hop_total * 32 + 3 * codec.config.hop]
    found = codec.encode(np.stack([mono, mono], axis=1))[:32]
    # JAX's cosine rounds the window in another way, which the quietest bins show
    limit = 1e-5 if backend.NAME == "tensorflow" else 2e-4
    assert reference.measure_distance(found[:, : codec.config.latent_depth], tensors["latents2"]) < limit
    assert reference.measure_distance(found[:, codec.config.latent_depth :], tensors["latents2"]) < limit


@pytest.mark.backend
@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_noise_enters_where_it_does_in_the_original(size: str) -> None:
    tensors, weights = reference.read_tensors(size), prepare_weights(read_reference_weights(size, noisy=True))
    assert has_noise(weights)
    numbers = {"dec2": range(7), "dec": range(9)}
    noise = {part: [tensors[f"noisy_{part}_noise_{n:02d}"][:, 0] for n in ns] for part, ns in numbers.items()}
    found = networks.run_dec2(weights, tensors["noisy_dec2_in"][:, 0], noise["dec2"])
    expected = tensors["noisy_dec2_out0"]
    assert reference.measure_distance(ops.reshape(found, expected.shape), expected) < 1e-5
    both = networks.run_dec(weights, tensors["noisy_dec_in"][:, 0], noise["dec"])
    for number, one in enumerate(both):
        expected = tensors[f"noisy_dec_out{number}"]
        assert reference.measure_distance(ops.reshape(one, expected.shape), expected) < 1e-5


@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_networks_have_as_many_parameters_as_the_original(size: str) -> None:
    counts = json.loads((reference.FOLDER / size / "config.json").read_text())["params"]
    shapes = list_weight_shapes(read_reference_config(size))
    for part in ("enc", "enc2", "dec2", "dec"):
        total = sum(int(np.prod(shape)) for name, shape in shapes.items() if name.startswith(f"{part}/"))
        assert total == counts[part]


@reference.needs_reference
def test_a_musika_folder_is_a_codec_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "musika_ae"
    folder.mkdir()
    for network in STORED:
        (folder / f"{network}.h5").write_bytes((reference.FOLDER / "default" / f"{network}.h5").read_bytes())
    codec = load_codec(folder)
    assert (codec.kind, codec.channels, codec.hop_total) == ("musika", 32, 512)
    tensors = reference.read_tensors("default")
    assert reference.measure_distance(codec.decode(tensors["z"][0, 0]), tensors["wave_unclipped"][: 64 * 512]) < 1e-5
    assert codec.identity == compute_identity(read_reference_config("default"), read_reference_weights("default"))
    told = read_info(folder)
    assert (told.kind, told.identity, told.channels) == ("musika", codec.identity, 32)


# ----------------------------------------------------------------------------------------- the networks


@pytest.mark.backend
@pytest.mark.parametrize("sizes", [(5, 3, 7), (1, 1, 2), (16, 12, 4)])
def test_two_steps_at_once_are_a_transposed_convolution(sizes: tuple[int, int, int]) -> None:
    steps, takes, gives = sizes
    x, kernel = draws.normal(0, "x", 0, (2, steps, takes)), draws.normal(0, "kernel", 0, (4, gives, takes))
    weights = prepare_weights({"dec/up_0/kernel": kernel, "dec/up_0/bias": np.ones(gives, np.float32)})
    expected = backend.to_numpy(ops.conv_transpose(x, kernel, 2, "same")) + 1
    np.testing.assert_allclose(
        backend.to_numpy(networks._double_length(weights, "dec/up_0", x)), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("config", OTHERS, ids=lambda config: f"hop-{config.hop}")
def test_nothing_is_tied_to_one_set_of_sizes(config: PublishedCodecConfig) -> None:
    codec = make_codec(config)
    assert (codec.channels, codec.hop_total) == (2 * config.latent_depth, 16 * config.hop)
    waveform = draw_audio(5 * codec.hop_total + 7)
    latents = codec.encode(waveform)
    assert latents.shape == (6, codec.channels) and np.abs(latents).max() <= 1
    back = codec.reconstruct(waveform)
    assert back.shape == waveform.shape and np.isfinite(back).all() and np.abs(back).max() > 1e-3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"hop": 6}, "hop"),
        ({"hop": 0}, "hop"),
        ({"latent_depth": 0}, "latent_depth"),
        ({"window": 40}, "window"),
        ({"shape": 96}, "shape"),
        ({"sigma_rescale": 0.0}, "sigma_rescale"),
        ({"mu_rescale": -1e9}, "mu_rescale"),
        ({"block": 6}, "block"),
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PublishedCodecConfig.from_dict(wrong)


# ------------------------------------------------------------------------------------------- time


def test_sound_comes_back_where_it_was() -> None:
    """Magnitudes and true phases give the waveform again, sample for sample, but for the first 3 h, which fade in."""
    config = PublishedCodecConfig(hop=32, latent_depth=2)
    waveform = draw_audio(40 * 32)[:, 0]
    magnitude = spectra.compute_spectrogram(config, waveform)
    real, imaginary = (backend.to_numpy(part) for part in spectrum.stft(backend.to_device(waveform), 128, 32))
    back = backend.to_numpy(spectra.synthesise(config, magnitude, np.arctan2(imaginary, real) / np.pi))
    assert len(back) == len(waveform)
    inside = slice(3 * 32, -3 * 32)
    assert np.abs(back - waveform)[inside].max() < 2e-3 * np.abs(waveform).max()
    assert np.abs(back[:16]).max() < 0.02 * np.abs(waveform).max()


def test_an_onset_changes_the_latents_of_its_time_and_is_decoded_there(codec: PublishedCodec) -> None:
    at = 11
    waveform = draw_audio(24 * codec.hop_total)
    other = waveform.copy()
    other[at * codec.hop_total + 3 * codec.config.hop : (at + 1) * codec.hop_total] += 0.3
    changed = np.flatnonzero(np.abs(codec.encode(other) - codec.encode(waveform)).max(axis=1) > 1e-6)
    assert changed.tolist() == [at]
    latents = draw_latents(TINY, 24)
    other = latents.copy()
    other[at] = -other[at]
    moved = np.flatnonzero(np.abs(codec.decode(other) - codec.decode(latents)).max(axis=1) > 1e-6)
    piece = at // TINY.piece * TINY.piece  # which sounds until its last spectrum has ended
    assert piece * codec.hop_total <= moved.min() <= (piece + 1) * codec.hop_total
    assert moved.max() < (piece + TINY.piece) * codec.hop_total + 3 * TINY.hop


LONGEST = 45


def test_what_is_compiled_ahead_is_what_decoding_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    codec, decoded = make_codec(), []
    decode, synthesise = codec._decode, codec._synthesise
    monkeypatch.setattr(codec, "_decode", lambda *inputs: decoded.append(inputs[0].shape) or decode(*inputs))
    monkeypatch.setattr(codec, "_synthesise", lambda *inputs: decoded.append(inputs[0].shape) or synthesise(*inputs))
    codec.prepare_decoding()
    codec.prepare_decoding()
    assert len(decoded) == 2
    codec.decode_window(draw_latents(codec.config, codec.context + codec.block)[None])
    assert decoded[:2] == decoded[2:]


def decode_whole(codec: PublishedCodec, latents: np.ndarray) -> np.ndarray:
    """The original's, in one pass, of the sequence with zeros behind it; cut. What follows a piece does not matter."""
    padded = np.pad(latents, ((0, 48 - len(latents)), (0, 0)))  # one length, compiled once
    return decode_as_the_original(codec, padded)[: len(latents) * codec.hop_total]


@settings(max_examples=40)
@given(length=st.integers(0, LONGEST), block=st.sampled_from([4, 8, 12, 20]))
def test_no_latent_is_lost_at_any_length(length: int, block: int) -> None:
    codec = CODECS.setdefault(block, make_codec(PublishedCodecConfig(hop=4, latent_depth=3, block=block)))
    latents = draw_latents(TINY, length)
    waveform = codec.decode(latents)
    assert waveform.shape == (length * codec.hop_total, 2)
    np.testing.assert_allclose(np.clip(waveform, -1, 1), decode_whole(codec, latents), atol=2e-4)


CODECS: dict[int, PublishedCodec] = {}  # by block: compiled once


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 13), min_size=1, max_size=8), samples=st.integers(0, 1500))
def test_pieces_of_any_length_give_the_same_bits(noisy: PublishedCodec, cuts: list[int], samples: int) -> None:
    latents = draw_latents(TINY, sum(cuts))
    pieces = np.split(latents, np.cumsum(cuts)[:-1])
    blocks = [np.zeros((0, 2), np.float32), *noisy.decode_blocks(pieces)]
    np.testing.assert_array_equal(np.concatenate(blocks), noisy.decode(latents))
    waveform = draw_audio(samples)
    parts = np.split(waveform, sorted(cut * 97 % (samples + 1) for cut in cuts))
    coded = [np.zeros((0, noisy.channels), np.float32), *noisy.encode_blocks(parts)]
    np.testing.assert_array_equal(np.concatenate(coded), noisy.encode(waveform))
    assert len(np.concatenate(coded)) == -(-samples // noisy.hop_total)


def test_windows_in_batches_are_those_one_by_one(noisy: PublishedCodec) -> None:
    latents = draw_latents(TINY, 48)
    span = noisy.block + 2 * noisy.context
    spans = np.stack([latents[n * 8 : n * 8 + span] for n in range(3)])
    together = noisy.decode_window_at(5, spans)
    for n in range(3):
        np.testing.assert_allclose(together[n], noisy.decode_window_at(5 + n, spans[n : n + 1])[0], atol=1e-3)


def test_no_more_is_held_than_a_window(codec: PublishedCodec) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield draw_latents(TINY, 1, taken)

    blocks = codec.decode_blocks(endless())
    for count in range(1, 5):
        assert len(next(blocks)) == codec.block * codec.hop_total
        assert taken <= count * codec.block + 2 * codec.context


def test_halves_of_a_latent_are_the_channels(codec: PublishedCodec) -> None:
    assert codec.stereo_halves
    latents = draw_latents(TINY, 9)
    swapped = np.concatenate([latents[:, 3:], latents[:, :3]], axis=1)
    np.testing.assert_array_equal(codec.decode(swapped), codec.decode(latents)[:, ::-1])
    waveform = draw_audio(500)
    one, other = codec.encode(waveform), codec.encode(waveform[:, ::-1])
    np.testing.assert_array_equal(one, np.concatenate([other[:, 3:], other[:, :3]], axis=1))


def test_wrong_shapes_are_refused(codec: PublishedCodec) -> None:
    with pytest.raises(LatentsError, match=r"\[length, 6\]"):
        codec.decode(np.zeros((4, 5), np.float32))
    with pytest.raises(LatentsError, match=r"\[length, 2\]"):
        codec.encode(np.zeros(100, np.float32))


# ------------------------------------------------------------------------------------------- noise


def test_noise_is_audible_and_repeats(codec: PublishedCodec, noisy: PublishedCodec) -> None:
    latents = draw_latents(TINY, 20)
    once = noisy.decode(latents)
    np.testing.assert_array_equal(once, noisy.decode(latents))
    assert np.abs(once - codec.decode(latents)).max() > 0.01
    other = PublishedCodec(TINY, make_weights(TINY, noise=0.5), "tiny", noise_seed=1)
    assert np.abs(once - other.decode(latents)).max() > 0.01
    np.testing.assert_array_equal(once, make_codec(noise=0.5).decode(latents))


def test_noise_differs_from_piece_to_piece_and_between_channels(noisy: PublishedCodec) -> None:
    one = np.tile(draw_latents(TINY, 1)[:, :3], (32, 2))
    waveform = noisy.decode(one).reshape(-1, TINY.piece * noisy.hop_total, 2)
    assert np.abs(waveform[2] - waveform[3]).max() > 0.01
    assert np.abs(waveform[2, :, 0] - waveform[2, :, 1]).max() > 0.01


def test_noise_weights_of_zero_draw_nothing(codec: PublishedCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not codec.noisy
    monkeypatch.setattr(draws, "normal", lambda *_: pytest.fail("numbers were drawn"))
    assert codec.decode(np.full((3, 6), 0.5, np.float32)).shape == (3 * codec.hop_total, 2)


@pytest.mark.backend
@settings(max_examples=8)
@given(first=st.integers(0, 4000), count=st.integers(1, 3000))
def test_rendering_is_a_function_of_position(noisy: PublishedCodec, first: int, count: int) -> None:
    model = MODELS.setdefault("it", tiny.make_model(GeneratorConfig(6, 4, 4, small=True), noisy))
    whole = model.piece(7).render_samples(0, 7000)
    np.testing.assert_array_equal(model.piece(7).render_samples(first, count), whole[first : first + count])


MODELS: dict[str, render.Model] = {}  # compiled once


def test_rendering_decodes_what_decoding_does(noisy: PublishedCodec) -> None:
    model = tiny.make_model(GeneratorConfig(6, 4, 4, small=True), noisy)
    latents = model.make_latents(model.piece(3)).get_span(0, 24)
    waveform = np.concatenate(list(model.piece(3).stream_without_levels(0, 24 * noisy.hop_total)))
    np.testing.assert_allclose(waveform, noisy.decode(latents), atol=1e-3)


# ------------------------------------------------------------------------------------------- precision


def test_bfloat16_stays_close() -> None:
    """The bound of the documents, with random weights."""
    config = PublishedCodecConfig(hop=64, latent_depth=16, block=8)
    exact, half = make_codec(config), make_codec(config, precision="mixed_bfloat16")
    waveform, latents = draw_audio(20_000), draw_latents(config, 32)
    assert np.abs(half.encode(waveform) - exact.encode(waveform)).max() < 0.05
    one, two = exact.decode(latents), half.decode(latents)
    assert np.sqrt(np.mean((one - two) ** 2) / np.mean(one**2)) < 0.25
    decibels = [backend.to_numpy(spectra.compute_spectrogram(config, x.T.copy())) * 75 for x in (one, two)]
    loud = decibels[0] > decibels[0].max() - 60
    assert loud.mean() > 0.2 and np.abs(decibels[0] - decibels[1])[loud].mean() < 1.0  # dB


@pytest.mark.backend
def test_xla_stays_close() -> None:
    plain, xla = make_codec(), make_codec(xla=True)
    waveform, latents = draw_audio(700), draw_latents(TINY, 11)
    np.testing.assert_allclose(xla.encode(waveform), plain.encode(waveform), atol=1e-4)
    np.testing.assert_allclose(xla.decode(latents), plain.decode(latents), atol=1e-4)


# ------------------------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("half", [False, True])
def test_a_checkpoint_gives_the_codec_again(tmp_path: Path, noisy: PublishedCodec, half: bool) -> None:
    weights = make_weights(TINY, noise=0.5)
    checkpoint.write(tmp_path / "ae", *make_checkpoint(TINY, weights), half=half)
    codec = load_codec(tmp_path / "ae")
    assert isinstance(codec, PublishedCodec) and codec.kind == "musika"
    assert codec.identity == compute_identity(TINY, weights) == read_info(tmp_path / "ae").identity
    assert read_info(tmp_path / "ae").channels == codec.channels == 6
    latents = draw_latents(TINY, 10)
    one, two = codec.decode(latents), noisy.decode(latents)
    if half:
        assert np.sqrt(np.mean((one - two) ** 2) / np.mean(two**2)) < 0.05
    else:
        np.testing.assert_array_equal(one, two)


def test_identity_is_the_encoders_not_the_decoders() -> None:
    weights = make_weights(TINY)
    before = compute_identity(TINY, weights)
    for name in weights:
        other = {**weights, name: weights[name] + 1}
        assert (compute_identity(TINY, other) == before) == name.startswith(("dec/", "dec2/")), name
    assert compute_identity(PublishedCodecConfig(hop=4, latent_depth=3, block=16), weights) == before
    assert compute_identity(PublishedCodecConfig(hop=4, latent_depth=3, mu_rescale=-24.0), weights) != before


@pytest.mark.parametrize("spoil", ["missing", "shape", "stranger", "turned", "kind"])
def test_a_misfitting_checkpoint_is_refused(tmp_path: Path, spoil: str) -> None:
    written, arrays = make_checkpoint(TINY, make_weights(TINY))
    weights = arrays["weights"]
    if spoil == "missing":
        del weights["dec/phase/bias"]
    elif spoil == "shape":
        weights["enc/out/bias"] = np.zeros(3, np.float32)
    elif spoil == "stranger":
        weights["dec/up_3/bias"] = np.zeros(3, np.float32)
    elif spoil == "turned":
        weights["dec/up_1/kernel"] = weights["dec/up_1/kernel"].transpose(0, 2, 1)
    else:
        written["kind"] = "generator"
    checkpoint.write(tmp_path / "ae", written, arrays)
    with pytest.raises(CheckpointError):
        load_codec(tmp_path / "ae")


@pytest.mark.parametrize("sizes", [None, [], {"hop": 2**12}, {"latent_depth": 10**9}, {"block": 7}, {"bins": 3}])
def test_sizes_that_no_file_has_are_refused(tmp_path: Path, sizes: object) -> None:
    written, arrays = make_checkpoint(TINY, make_weights(TINY))
    written["config"] = {**written["config"], **sizes} if isinstance(sizes, dict) else sizes
    checkpoint.write(tmp_path / "ae", written, arrays)
    with pytest.raises(CheckpointError):
        load_codec(tmp_path / "ae")


def test_a_published_codec_is_not_taken_for_one_to_train(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "ae", *make_checkpoint(TINY, make_weights(TINY)))
    with pytest.raises(CheckpointError, match="published codec"):
        read_weights(tmp_path / "ae")
