"""The checkpoints in the repository: complete, small enough, a matching pair, and as good as their cards say."""

import json
from pathlib import Path

import numpy as np
import pytest

from musika import backend, checkpoint, render
from musika.codec.features import compute_features
from musika.codec.load import load_codec
from musika.codec.stereo import StereoCodec
from musika.codec.synthesis import compute_tone_phases, synthesise
from tests.helpers import shared

ROOT = Path(__file__).resolve().parents[2]
CODEC, GENERATOR = ROOT / "checkpoints" / "ae", ROOT / "checkpoints" / "open"
LARGEST = 35_000_000  # bytes


@pytest.fixture(scope="module")
def codec() -> StereoCodec:
    return load_codec(CODEC)


def make_tones(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 44_100)) / 44_100
    left = sum(np.sin(2 * np.pi * hz * time) * 0.2 * np.exp(-((3 * time) % 1) * 3) for hz in (220.0, 331.0, 1760.0))
    return np.stack([left, 0.7 * left], axis=1).astype(np.float32)


@pytest.mark.parametrize("folder", [CODEC, GENERATOR])
def test_they_are_half_precision_small_and_have_a_card(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    assert weights.stat().st_size <= LARGEST
    header = weights.read_bytes()
    described = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
    assert {entry["dtype"] for name, entry in described.items() if name != "__metadata__"} == {"F16"}
    assert checkpoint.read_config(folder)["licence"] == "CC BY-SA 4.0"
    card = (folder / "README.md").read_text()
    for heading in ("How good it is", "How it was trained", "What it cannot do", "Credits"):
        assert f"## {heading}" in card


def test_blocks_equal_one_pass_over_everything(codec: StereoCodec) -> None:
    """To 1e-4 of full scale, on the shipped weights, across two borders of blocks.

    Some samples may differ more: where a bin lies half-way between two tones, rounding errors decide which it follows.
    """
    waveform = make_tones(13)
    latents = codec.encode(waveform)
    margin, cell = (codec.config.window - codec.config.hop) // 2, codec.config.phase_cell or 1
    around = -(-(codec.context + 2) // cell) * cell
    padded = np.zeros((1, (len(latents) + 2 * around) * codec.hop_total + 2 * margin, 2), np.float32)
    padded[0, margin + around * codec.hop_total :][: len(waveform)] = waveform
    whole = backend.to_numpy(codec.encoder(compute_features(codec.config, backend.to_device(padded))))[0]
    assert np.abs(whole[around:-around] - latents).max() <= 1e-4
    padded = backend.to_device(np.pad(latents, ((around, around + -len(latents) % cell), (0, 0)))[None])
    phases = compute_tone_phases(codec.config, *codec.decoder.tuner(padded)) if codec.config.phase_cell else None
    made = synthesise(codec.config, codec.decoder(padded), first_latent=-around, tone_phases=phases)
    begin = around * codec.hop_total - codec.config.overlap * codec.config.hop
    at_once = backend.to_numpy(made)[0, begin:][: len(latents) * codec.hop_total]
    difference = np.abs(at_once - codec.decode(latents))
    assert np.quantile(difference, 0.99) <= 1e-4 and difference.max() <= 2e-3


def test_stereo_is_preserved(codec: StereoCodec) -> None:
    left = make_tones(6)[:, 0]
    right = np.roll(left, 20_000)
    # in the middle, and to one side, where phases of the weak channel err more (0.75 with the decoder before this)
    for gain, least in ((1.0, 0.95), (0.5, 0.65)):
        waveform = np.stack([left, gain * left], axis=1).astype(np.float32)
        decoded = codec.reconstruct(waveform)
        ratio = [np.sqrt(np.mean(w[:, 1] ** 2) / np.mean(w[:, 0] ** 2)) for w in (waveform, decoded)]
        assert ratio[1] == pytest.approx(ratio[0], abs=0.15)
        assert np.corrcoef(decoded.T)[0, 1] > least
    decoded = codec.reconstruct(np.stack([left, right], axis=1))
    assert np.corrcoef(decoded.T)[0, 1] < 0.6


def test_generator_and_codec_are_a_pair_that_sounds() -> None:
    model = render.load_model(GENERATOR)
    piece = model.piece(seed=1).render(0.0, 4.0)
    assert piece.shape == (4 * 44_100, 2)
    assert 0.01 < np.sqrt(np.mean(piece**2)) < 0.5
    np.testing.assert_array_equal(model.piece(seed=1).render(1.5, 0.5), piece[66_150:88_200])
    assert not np.array_equal(model.piece(seed=2).render(0.0, 0.5), piece[:22_050])


@shared.needs_shared
def test_unknown_music_is_decoded_well(codec: StereoCodec) -> None:
    """The reconstruction figures of the card, on ten seconds of three pieces, with room for the excerpt."""
    script = shared.load_reconstruction_script()
    figures = []
    for name in ("piano-beethoven-moonlight-3", "electronic-crushed-ice-cocktail", "vocal-lets-go-fishin"):
        original = shared.read_excerpt(name, 441_000, 882_000)
        decoded = codec.reconstruct(original)
        figures.append([f(original, decoded) for f in (script.log_mel, script.level)])
    log_mel, level = np.mean(figures, axis=0)
    assert log_mel <= 0.45
    assert abs(level) <= 1.5
