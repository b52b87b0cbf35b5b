"""Weights of the `stereo` codec: names and shapes, initial values, and those of a tuner that is added later."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from musika import checkpoint, draws
from musika.codec import tuner
from musika.codec.decoder import HEAD_PLANES, Decoder
from musika.codec.encoder import Encoder
from musika.config import CodecConfig

INITIAL_STRENGTH = 3.0  # of a tone's fixed carrier in a new decoder, beside a common phase of length 1
INITIAL_PHASE_STRENGTH = 12.0  # of a tone's phase where phases add up, beside that of a trained decoder, too
SMALL_KERNELS = ("/out/", "head", "strength", "offset", "power")  # residual blocks begin as almost nothing


def list_weight_shapes(config: CodecConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of both networks, without building them: what a file is compared with."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add_dense(name: str, channels: int, units: int) -> None:
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (channels, units), (units,)

    def add_residual_block(name: str, width: int) -> None:
        shapes[f"{name}/norm/scale"] = (width,)
        shapes[f"{name}/mix/kernel"], shapes[f"{name}/mix/bias"] = (3, width, width), (width,)
        add_dense(f"{name}/out", width, width)

    def add_residual_blocks(part: str, rate: int, width: int, count: int) -> None:
        for number in range(count):
            add_residual_block(f"{part}/block_{rate}_{number}", width)

    channels = 4 * (config.fine_bins + config.bands)
    for rate, width in enumerate(config.encoder_widths):
        add_dense(f"encoder/down_{rate}" if rate else "encoder/first", channels, width)
        add_residual_blocks("encoder", rate, width, config.encoder_blocks[rate])
        channels = 2 * width
    add_dense("encoder/last", channels // 2, config.channels)

    channels, lowest_rate = config.channels, len(config.decoder_widths) - 1
    for rate in range(lowest_rate, -1, -1):
        width = config.decoder_widths[rate]
        if rate == lowest_rate:
            add_dense("decoder/first", channels, width)
        else:
            add_dense(f"decoder/up_{rate}", channels, 2 * width)
        add_residual_blocks("decoder", rate, width, config.decoder_blocks[rate])
        channels = width
    add_dense("decoder/head", channels, HEAD_PLANES * config.bins)
    if config.tuned_bins:
        add_dense("decoder/strength", channels, config.tuned_bins)
        width = config.tuner_width
        shapes["decoder/tuner/near/kernel"] = (2 * tuner.NEAR_REACH + 1, config.channels, width)
        shapes["decoder/tuner/near/bias"] = (width,)
        add_dense("decoder/tuner/far", width, width)
        for number in range(len(config.tuner_dilations)):
            add_residual_block(f"decoder/tuner/block_{number}", width)
        add_dense("decoder/tuner/offset", width, config.tuner_values * config.tuned_bins)
        if config.phase_cell:
            add_dense("decoder/tuner/power", width, config.tuned_bins)
    return shapes


def initialise(network: Encoder | Decoder, seed: int) -> None:
    """Sets initial weights, the same on every backend: LeCun-normal kernels, small last layers, steady phases."""
    if not network.built:
        network.build()
    for index, variable in enumerate(network.trainable_variables):
        name, shape = variable.path, tuple(variable.shape)
        if name.endswith("kernel"):
            deviation = math.sqrt(1.0 / np.prod(shape[:-1]))
            deviation *= 0.1 if any(part in name for part in SMALL_KERNELS) else 1.0
            variable.assign(draws.normal(seed, "weights/" + type(network).__name__, index, shape) * deviation)
    if isinstance(network, Decoder):
        network.head.bias.assign(_draw_steady_phases(network.config, seed))
        if network.config.tuned_bins:
            adds_up = network.config.phase_cell and not network.config.random_phases
            strength = INITIAL_PHASE_STRENGTH if adds_up else INITIAL_STRENGTH
            network.strength.bias.assign(np.full(network.config.tuned_bins, strength, np.float32))


def _draw_steady_phases(config: CodecConfig, seed: int) -> np.ndarray:
    """The head's bias `[6 K]`: a random common phase for each bin, so that carriers do not add up to clicks.

    Both channels are in phase.
    """
    angle = 2 * np.pi * draws.uniform(seed, "weights/phase", 0, (config.bins,))
    zeros, ones = np.zeros(config.bins), np.ones(config.bins)
    return np.concatenate([zeros, zeros, np.cos(angle), np.sin(angle), ones, zeros]).astype(np.float32)


def add_tuner(config: CodecConfig, weights: Mapping[str, np.ndarray], seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of a decoder of these sizes, which tunes tones, from the weights of one that has another tuner or none.

    A tuner that is made for other sizes is replaced. The strengths of tones begin anew: how much a tone's phase
    should count depends on how good it is.
    """
    network = Decoder(config, name="decoder")
    initialise(network, seed)
    initial = checkpoint.get_weights(network)
    kept = {name: array for name, array in weights.items() if not name.startswith(("tuner/", "strength/"))}
    return {name: kept.get(name, array) for name, array in initial.items()}
