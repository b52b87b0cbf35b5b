"""The `stereo` codec: both channels at once, magnitudes in, magnitudes and phases out.

Encoder. The short-time power of left, right, mid and side, in logarithm, the lowest bins one by one and the rest in
bands; residual blocks at four rates, each half the one before; a dense layer and tanh. Absolute phase is not seen, so
latents are smooth; the four magnitudes together still tell how left and right relate, since
|mid|² - |side|² = 2 |left| |right| cos(phase between them).

Decoder. The same rates upwards; a dense layer gives for every bin the logarithms of the two magnitudes, one phase for
both channels and the phase between them. The common phase is relative to a carrier: bin k turns by its own centre
frequency from frame to frame. So a decoder that has learned nothing about phase makes steady tones instead of noise,
and a tone off its bin's centre is a slow turn. In the lowest bins, tones have carriers of their own beside that, which
a small network tunes (`tones.py`). Inverse STFT of both channels. The phases of the result's own spectra
fit their overlapping neighbours better than those said; the magnitudes are given these and synthesised again
(Griffin and Lim 1984, one step).

A residual block is RMS normalisation (Zhang and Sennrich 2019), a convolution of three steps, SiLU, a dense layer.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, checkpoint, draws, spectrum
from musika.codec import tones
from musika.codec.base import Codec
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # real and imaginary part, or cosine and sine

POWER_FLOOR = 1e-4  # added to powers before the logarithm: -94 dB of a full-scale sine's bin
LOG_MEAN, LOG_DEVIATION = 1.6, 5.4  # roughly centres and scales logarithms of power for the networks
LOG_MAGNITUDE_RANGE = (-9.0, 8.0)  # of the decoder: silence to 15 dB above a full-scale sine
HEAD_PLANES = 6  # log magnitude left, right; common phase (cos, sin); phase between the channels (cos, sin)
CARRIER_AT_FIRST = 3.0  # how much a tone's carrier counts in a new decoder, beside a common phase of length 1


class RMSNorm(keras.layers.Layer):
    """x / root mean square over channels, times a learned scale."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")

    def call(self, x: Tensor) -> Tensor:
        return x * (ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6) * self.scale)


class ResidualBlock(keras.layers.Layer):
    """x + dense(silu(convolution(norm(x)))), `[B, T, width]`."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.norm = RMSNorm(name="norm", dtype=self.dtype_policy)
        self.mix = keras.layers.Conv1D(width, 3, padding="same", name="mix", dtype=self.dtype_policy)
        self.out = keras.layers.Dense(width, name="out", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in (self.norm, self.mix, self.out):
            layer.build(shape)

    def call(self, x: Tensor) -> Tensor:
        return x + self.out(ops.silu(self.mix(self.norm(x))))


class Network(keras.layers.Layer):
    """Layers one after another; subclasses fill in `_layers_of`."""

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        self.sequence: list[tuple[keras.layers.Layer, tuple[int | None, ...]]] = []

    def _add(self, layer: keras.layers.Layer, depth: int) -> keras.layers.Layer:
        setattr(self, layer.name, layer)
        self.sequence.append((layer, (None, None, depth)))
        return layer

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        for layer, takes in self.sequence:
            layer.build(takes)


class Encoder(Network):
    """Features `[B, T frames, F]` to latents `[B, T, C]`."""

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(config, **options)
        depth = 4 * (config.fine_bins + config.bands)
        for rate, (width, blocks) in enumerate(zip(config.encoder_widths, config.encoder_blocks, strict=True)):
            name = "first" if rate == 0 else f"down_{rate}"
            self._add(keras.layers.Dense(width, name=name, dtype=self.dtype_policy), depth)
            for block in range(blocks):
                self._add(ResidualBlock(width, name=f"block_{rate}_{block}", dtype=self.dtype_policy), width)
            depth = 2 * width
        self._add(keras.layers.Dense(config.channels, name="last", dtype=self.dtype_policy), width)

    def call(self, x: Tensor, bounded: bool = True) -> Tensor:
        for layer, (_, _, depth) in self.sequence:
            if layer.name.startswith("down"):  # two steps side by side become one
                x = ops.reshape(x, (-1, x.shape[1] // 2, depth))
            x = layer(x)
        x = ops.cast(x, "float32")
        return ops.tanh(x) if bounded else x


class Decoder(Network):
    """Latents `[B, T, C]` to planes `[B, T frames, 6 K + 2 R]`: six pieces of K bins, two of R tuned ones."""

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(config, **options)
        depth, top = config.channels, len(config.decoder_widths) - 1
        for rate in range(top, -1, -1):
            width = config.decoder_widths[rate]
            name = "first" if rate == top else f"up_{rate}"
            units = width if rate == top else 2 * width
            self._add(keras.layers.Dense(units, name=name, dtype=self.dtype_policy), depth)
            for block in range(config.decoder_blocks[rate]):
                self._add(ResidualBlock(width, name=f"block_{rate}_{block}", dtype=self.dtype_policy), width)
            depth = width
        self._add(keras.layers.Dense(HEAD_PLANES * config.bins, name="head", dtype=self.dtype_policy), width)
        if config.tuned_bins:
            self._add(keras.layers.Dense(config.tuned_bins, name="strength", dtype=self.dtype_policy), width)
            self.tuner = tones.Tuner(config, name="tuner", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        super().build(shape)
        if self.config.tuned_bins:
            self.tuner.build((None, None, self.config.channels))

    def call(self, latents: Tensor) -> Tensor:
        x, planes = latents, []
        for layer, _ in self.sequence:
            if layer.name in ("head", "strength"):
                planes.append(layer(x))
                continue
            x = layer(x)
            if layer.name.startswith("up"):  # one step becomes two
                x = ops.reshape(x, (-1, 2 * x.shape[1], x.shape[2] // 2))
        if self.config.tuned_bins:
            planes.append(ops.repeat(self.tuner(latents), self.config.frames, axis=1))
        return ops.concatenate(planes, axis=-1)


def weight_shapes(config: CodecConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of both networks, without building them: what a file is held against."""
    shapes: dict[str, tuple[int, ...]] = {}

    def dense(name: str, depth: int, units: int) -> None:
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (depth, units), (units,)

    def residual(part: str, rate: int, width: int, count: int) -> None:
        for block in range(count):
            name = f"{part}/block_{rate}_{block}"
            shapes[f"{name}/norm/scale"] = (width,)
            shapes[f"{name}/mix/kernel"], shapes[f"{name}/mix/bias"] = (3, width, width), (width,)
            dense(f"{name}/out", width, width)

    depth = 4 * (config.fine_bins + config.bands)
    for rate, width in enumerate(config.encoder_widths):
        dense(f"encoder/down_{rate}" if rate else "encoder/first", depth, width)
        residual("encoder", rate, width, config.encoder_blocks[rate])
        depth = 2 * width
    dense("encoder/last", depth // 2, config.channels)

    depth, top = config.channels, len(config.decoder_widths) - 1
    for rate in range(top, -1, -1):
        width = config.decoder_widths[rate]
        dense(*(("decoder/first", depth, width) if rate == top else (f"decoder/up_{rate}", depth, 2 * width)))
        residual("decoder", rate, width, config.decoder_blocks[rate])
        depth = width
    dense("decoder/head", depth, HEAD_PLANES * config.bins)
    if config.tuned_bins:
        dense("decoder/strength", depth, config.tuned_bins)
        width = tones.TUNER_WIDTH
        shapes["decoder/tuner/near/kernel"] = (2 * tones.TUNER_REACH + 1, config.channels, width)
        shapes["decoder/tuner/near/bias"] = (width,)
        dense("decoder/tuner/far", width, width)
        dense("decoder/tuner/offset", width, config.tuned_bins)
    return shapes


def features(config: CodecConfig, waveform: Tensor) -> Tensor:
    """`[B, T hop_total + window - hop, 2]` to the encoder's input `[B, T frames, 4 (fine_bins + bands)]`."""
    return features_of_powers(config, mid_side_powers(channel_spectra(config, waveform)))


def features_of_powers(config: CodecConfig, powers: Tensor) -> Tensor:
    """Powers of left, right, mid and side `[B, 4, frames, K]` to the encoder's input."""
    fine, rest = powers[..., : config.fine_bins], powers[..., config.fine_bins :]
    bands = ops.matmul(rest, band_average(config))
    scaled = (ops.log(ops.concatenate([fine, bands], axis=-1) + POWER_FLOOR) - LOG_MEAN) / LOG_DEVIATION
    scaled = ops.transpose(scaled, (0, 2, 1, 3))  # [B, frames, 4, F / 4]
    return ops.reshape(scaled, (scaled.shape[0], scaled.shape[1], -1))


def channel_spectra(config: CodecConfig, waveform: Tensor) -> spectrum.Spectrum:
    """Spectra of left and right, each part `[B, 2, frames, K]`."""
    return spectrum.stft(ops.transpose(waveform, (0, 2, 1)), config.window, config.hop)


def mid_side_powers(spectra: spectrum.Spectrum) -> Tensor:
    """Powers of left, right, mid and side `[B, 4, frames, K]`; mid and side are (left ± right) / √2."""
    half_sum = 0.5 * ops.sum(spectrum.power(spectra), axis=1, keepdims=True)
    real, imaginary = spectra
    cross = real[:, :1] * real[:, 1:] + imaginary[:, :1] * imaginary[:, 1:]
    side = ops.maximum(half_sum - cross, 0.0)
    return ops.concatenate([spectrum.power(spectra), ops.maximum(half_sum + cross, 0.0), side], axis=1)


def band_average(config: CodecConfig) -> np.ndarray:
    """`[K - fine_bins, bands]`: means over bands whose widths grow in equal ratios."""
    first, last = config.fine_bins, config.bins
    edges = np.round(np.geomspace(first, last, config.bands + 1)).astype(int)
    for i in range(config.bands):  # every band holds at least one bin
        edges[i + 1] = max(edges[i + 1], edges[i] + 1)
    edges = np.minimum(edges, last - np.arange(config.bands, -1, -1))
    matrix = np.zeros((last - first, config.bands), np.float32)
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        matrix[low - first : high - first, band] = 1.0 / (high - low)
    return matrix


def head_parts(config: CodecConfig, planes: Tensor) -> tuple[Tensor, Pair, Pair]:
    """Planes `[B, frames, ..]` to magnitudes `[B, 2, frames, K]`, pairs of phases (common), (between, of length 1)."""
    planes = ops.cast(planes[..., : HEAD_PLANES * config.bins], "float32")
    planes = ops.transpose(ops.reshape(planes, (*planes.shape[:2], HEAD_PLANES, config.bins)), (0, 2, 1, 3))
    log_magnitude = planes[:, :2] * (LOG_DEVIATION / 2) + LOG_MEAN / 2
    magnitudes = ops.exp(ops.clip(log_magnitude, *LOG_MAGNITUDE_RANGE))
    return magnitudes, (planes[:, 2], planes[:, 3]), spectrum.unit(planes[:, 4], planes[:, 5])


def tuning_parts(config: CodecConfig, planes: Tensor) -> Pair:
    """Of each tuned bin `[B, frames, R]`: how much its tone's carrier counts; bins up to the tone's frequency."""
    planes = ops.cast(planes[..., HEAD_PLANES * config.bins :], "float32")
    return planes[..., : config.tuned_bins], planes[..., config.tuned_bins :]


def head_powers(config: CodecConfig, planes: Tensor) -> Tensor:
    """Powers of left, right, mid and side `[B, 4, frames, K]` that the planes stand for, before any synthesis."""
    magnitudes, _, (cosine, _) = head_parts(config, planes)
    powers = ops.square(magnitudes)
    half_sum = 0.5 * ops.sum(powers, axis=1, keepdims=True)
    cross = (magnitudes[:, 0] * magnitudes[:, 1] * cosine)[:, None]
    mid, side = ops.maximum(half_sum + cross, 0.0), ops.maximum(half_sum - cross, 0.0)  # rounding may pass 0
    return ops.concatenate([powers, mid, side], axis=1)


def synthesis(config: CodecConfig, planes: Tensor, latent: Tensor = 0, trim: int = 0) -> Tensor:
    """Planes `[B, T frames, ..]` of latents `latent`, `latent` + 1 ... to waveform `[B, n hop, 2]`.

    The outermost `config.overlap` hops lack spectra further out. Of tuned bins, it counts which latents they are of.

    Args:
        trim: frames at either end that are not synthesised: n = T frames - 2 trim.
    """
    keep = slice(trim, planes.shape[1] - trim)
    magnitudes, common, between = head_parts(config, planes[:, keep])
    if config.tuned_bins:
        common = _with_tones(config, planes, common, latent, keep)
    left = spectrum.turn(spectrum.unit(*common), _carrier(config, trim, magnitudes.shape[2]))
    right = spectrum.turn(left, between)
    phases = ops.stack([left[0], right[0]], axis=1), ops.stack([left[1], right[1]], axis=1)  # [B, 2, n, K] each
    waveform = _from_polar(config, magnitudes, phases)  # [B, 2, n hop + window - hop]
    for _ in range(config.consistency_steps):
        phases = spectrum.unit(*spectrum.stft(waveform, config.window, config.hop))
        waveform = _from_polar(config, magnitudes, phases)
    margin = (config.window - config.hop) // 2
    return ops.transpose(waveform[..., margin:-margin], (0, 2, 1))


def _with_tones(config: CodecConfig, planes: Tensor, common: Pair, latent: Tensor, keep: slice) -> Pair:
    """Common phases `[B, n, K]` relative to bins' carriers, with those of tones added in the tuned bins."""
    count = config.tuned_bins
    strength, offset = tuning_parts(config, planes)
    power = ops.sum(ops.square(head_parts(config, planes)[0]), axis=1)[..., :count]
    own = tones.carriers(config, tones.agreed(config, offset, power), latent, keep)
    mixed = (part[..., :count] + strength[:, keep] * tone for part, tone in zip(common, own, strict=True))
    cosine, sine = (ops.concatenate([m, p[..., count:]], axis=-1) for m, p in zip(mixed, common, strict=True))
    return cosine, sine


def _from_polar(config: CodecConfig, magnitudes: Tensor, phases: Pair) -> Tensor:
    return spectrum.inverse_stft((magnitudes * phases[0], magnitudes * phases[1]), config.hop)


def _carrier(config: CodecConfig, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each bin's phase at a frame's first sample when it turns at its centre frequency, as (cos, sin) `[count, K]`.

    Frame n's centre is at sample (n + 1/2) hop, half a window after its first one: with a hop of a quarter of the
    window that is k (2 n + 1) - 4 k eighths of a turn. It repeats every four frames, and a latent has a multiple of
    four, so it does not matter at which latent a block begins.
    """
    bins, steps = np.arange(config.bins), first + np.arange(count)[:, None]
    angle = (bins * (2 * steps + 1) - 4 * bins) % 8 * (np.pi / 4)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def tuned(
    config: CodecConfig, weights: Mapping[str, np.ndarray], bins: int, seed: int = 0
) -> tuple[CodecConfig, dict[str, np.ndarray]]:
    """Sizes and weights of a decoder that tunes so many bins, from those of one that does not."""
    config = dataclasses.replace(config, tuned_bins=bins)
    network = Decoder(config, name="decoder")
    initialise(network, seed)
    return config, {name: weights.get(name, array) for name, array in checkpoint.get_weights(network).items()}


def initialise(network: Network, seed: int) -> None:
    """Initial weights, the same on every backend: LeCun-normal kernels, small last layers of blocks, steady phases."""
    if not network.built:
        network.build()
    for index, variable in enumerate(network.trainable_variables):
        name, shape = variable.path, tuple(variable.shape)
        if name.endswith("kernel"):
            deviation = math.sqrt(1.0 / np.prod(shape[:-1]))
            small = ("/out/", "head", "strength", "offset")  # blocks begin as almost nothing
            deviation *= 0.1 if any(part in name for part in small) else 1.0
            variable.assign(draws.normal(seed, "weights/" + type(network).__name__, index, shape) * deviation)
    if isinstance(network, Decoder):
        network.head.bias.assign(_steady_phases(network.config, seed))
        if network.config.tuned_bins:
            network.strength.bias.assign(np.full(network.config.tuned_bins, CARRIER_AT_FIRST, np.float32))


def _steady_phases(config: CodecConfig, seed: int) -> np.ndarray:
    """Head bias: a random common phase for each bin, so that carriers do not add up to clicks; channels in phase."""
    angle = 2 * np.pi * draws.uniform(seed, "weights/phase", 0, (config.bins,))
    zeros, ones = np.zeros(config.bins), np.ones(config.bins)
    return np.concatenate([zeros, zeros, np.cos(angle), np.sin(angle), ones, zeros]).astype(np.float32)


class StereoCodec(Codec):
    """Encoder and decoder behind the codec's interface, coding windows of one fixed shape."""

    kind = "stereo"

    def __init__(
        self, config: CodecConfig, encoder: Encoder, decoder: Decoder, identity: str, xla: bool = False
    ) -> None:
        self.config, self.encoder, self.decoder, self.identity = config, encoder, decoder, identity
        self.xla = xla
        self.channels, self.hop_total, self.sample_rate = config.channels, config.hop_total, config.sample_rate
        self.block, self.context = config.block, context_of(config)

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        margin = (self.config.window - self.config.hop) // 2
        padded = np.pad(np.asarray(waveform, np.float32), ((0, 0), (margin, margin), (0, 0)))
        return backend.to_numpy(self._encode(padded))

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return backend.to_numpy(self._decode(np.asarray(latents, np.float32)))

    @cached_property
    def _encode(self) -> Callable[[Tensor], Tensor]:
        inside = slice(self.context, self.context + self.block)
        return backend.compile(lambda waveform: self.encoder(features(self.config, waveform))[:, inside], self.xla)

    @cached_property
    def _decode(self) -> Callable[[Tensor], Tensor]:
        # synthesis needs some spectra beyond either end; what lies further out is not synthesised
        overlap = self.config.overlap
        trim, margin = self.context * self.config.frames - overlap, overlap * self.config.hop

        def decode(latents: Tensor) -> Tensor:
            return synthesis(self.config, self.decoder(latents), -self.context, trim)[:, margin:-margin]

        return backend.compile(decode, self.xla)


def context_of(config: CodecConfig) -> int:
    """Latents on either side that an output can depend on: one step a residual block, and overlapping spectra."""

    def reach(blocks: tuple[int, ...], spectra: int) -> int:
        return math.ceil((spectra + sum(count * 2**rate for rate, count in enumerate(blocks))) / config.frames)

    reached = max(reach(config.encoder_blocks, 2), reach(config.decoder_blocks, config.overlap))
    if not config.tuned_bins:
        return reached
    whole = config.frames - 1  # a tone's frequency depends on all of a latent's spectra
    tuner = math.ceil(config.overlap / config.frames) + tones.TUNER_REACH
    return max(reached, reach(config.decoder_blocks, config.overlap + whole), tuner)
