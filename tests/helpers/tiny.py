"""Tiny networks for tests: real ones, with random weights, and a codec of a few lines of NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika.codec.base import Codec
from musika.config import CodecConfig, GeneratorConfig, PerformerConfig
from musika.render import GeneratorModel, compile_generator

SMALL = GeneratorConfig(channels=4, coordinate_depth=4, base_channels=4, small=True, critic_fields=())
LARGE = GeneratorConfig(channels=4, coordinate_depth=4, base_channels=2, small=False, critic_fields=())
STEREO = CodecConfig(
    channels=4,
    fine_bins=32,
    bands=8,
    encoder_widths=(8, 8, 8, 8),
    encoder_blocks=(1, 1, 1, 1),
    decoder_widths=(8, 8, 8, 8),
    decoder_blocks=(1, 1, 1, 1),
    tuned_bins=0,
    block=8,
)
PERFORMER = PerformerConfig(
    channels=4,
    track_widths=(976, 1),
    width=8,
    dilations=(1, 8, 2),
    styles=3,
    style_size=2,
    tracks=("notes", "loudness"),
)
STYLES = ("hall", "studio", "church")  # of the performer


class FakeCodec(Codec):
    """Each sample is a sum over the latents nearby: enough to notice a missing or a misplaced one."""

    channels, hop_total, sample_rate, identity, block, context = 4, 16, 1000, "fake", 8, 3

    def __init__(self) -> None:
        taps = np.random.default_rng(1).normal(0, 0.1, (2 * self.context + 1, self.channels, 2 * self.hop_total))
        self.taps = taps.astype(np.float32)

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        assert latents.shape[1:] == (self.block + 2 * self.context, self.channels)
        parts = [latents[:, k : k + self.block] @ tap for k, tap in enumerate(self.taps)]
        return np.sum(parts, axis=0, dtype=np.float32).reshape(len(latents), self.block * self.hop_total, 2)


def make_generator(config: GeneratorConfig):
    """A generator whose noise counts, too."""
    from musika.gan.generator import Generator

    layer = Generator(config, seed=1)
    for variable in layer.trainable_variables:
        if variable.name == "noise_weight":
            variable.assign([0.3])
    return layer


def make_model(config: GeneratorConfig, codec: Codec | None = None) -> GeneratorModel:
    generate = compile_generator(make_generator(config))
    return GeneratorModel(config=config, generate=generate, codec=codec or FakeCodec(), name="tiny")


def make_stereo_codec(config: CodecConfig = STEREO) -> Codec:
    from musika.codec.decoder import Decoder
    from musika.codec.encoder import Encoder
    from musika.codec.stereo import StereoCodec
    from musika.codec.weights import initialise

    networks = [kind(config, name=name, dtype="float32") for kind, name in ((Encoder, "encoder"), (Decoder, "decoder"))]
    for network in networks:
        initialise(network, 1)
    return StereoCodec(config, lambda: networks[0], networks[1], "tiny")


def write_checkpoints(folder: Path, config: GeneratorConfig = SMALL) -> Path:
    """A codec in `folder/ae`, a generator in `folder/open`; returns the generator's."""
    from musika import checkpoint
    from musika.codec import load
    from musika.codec.checkpoint import make_checkpoint
    from musika.codec.decoder import Decoder
    from musika.codec.encoder import Encoder
    from musika.codec.weights import initialise
    from musika.gan.load import describe_generator

    weights = {}
    for kind, name in ((Encoder, "encoder"), (Decoder, "decoder")):
        network = kind(STEREO, name=name)
        initialise(network, 1)
        weights[name] = checkpoint.get_weights(network)
    written, arrays = make_checkpoint(STEREO, weights)
    checkpoint.write(folder / "ae", written, arrays)
    identity = load.load_codec(folder / "ae").identity
    described = describe_generator(config, identity, trained={})
    weights = checkpoint.get_weights(make_generator(config))
    checkpoint.write(folder / "open", described, {"weights": weights}, half=True)
    return folder / "open"


def make_performer(config: PerformerConfig = PERFORMER):
    """A performer whose styles differ: modulations begin at zero."""
    from musika import draws
    from musika.gan.performer import Performer

    network = Performer(config, seed=1)
    for variable in network.trainable_variables:
        if "modulation/kernel" in variable.path:
            variable.assign(draws.normal(2, variable.path, 0, tuple(variable.shape)))
    return network


def write_performer(folder: Path, identity: str) -> Path:
    """A performer's checkpoint for the codec of that identity."""
    from musika import checkpoint
    from musika.gan.performer_load import describe_performer

    described = describe_performer(PERFORMER, identity, STYLES)
    checkpoint.write(folder, described, {"weights": checkpoint.get_weights(make_performer())}, half=True)
    return folder
