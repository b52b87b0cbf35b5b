"""The published autoencoder: four networks, applied to each audio channel by itself, as pure functions of weights.

    waveform ──spectrogram──▶ enc ──▶ first level ──▶ enc2 ──▶ latents ──▶ dec2 ──▶ first level ──▶ dec ──▶ waveform

The first level has h/4 numbers for every spectrum (h is the hop, in samples), a latent stands for 16 spectra. Encoding
sees spectra one by one, then pieces of 16 of them; decoding sees pieces of `window` spectra, and nothing beyond them:
the weights were trained so. Where these functions say B, audio channels and pieces are on that axis.

Weights go by the names of `weight_shapes`. `prepared` brings them into the form that computes fastest: a transposed
convolution as a plain one with kernel 2 that makes two steps at once, which takes as many multiplications and runs at
the speed of a matrix product (on a CPU without native bfloat16, 3 times the transposed one's in float32, 27 times in
bfloat16).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, spectrum
from musika.config import PublishedCodecConfig

Tensor = Any
Weights = Mapping[str, Tensor]

POWER_FLOOR = 1e-10  # below which power is not told apart
ROOT_FLOOR = 1e-7  # added to power before its root is taken
# lengthening layers, whose kernels are [4, out, in] as the published ones are; all others have [k, in, out]
TRANSPOSED = {"dec2/layer_1", "dec2/layer_3", "dec2/layer_5", "dec2/layer_6"}
TRANSPOSED |= {"dec/up_2", "dec/up_1", "dec/phase_1", "dec/up_0", "dec/phase_0"}
# layers with noise, in the order of their noise inputs: how many times shorter than a piece each one is
NOISE = {f"dec2/layer_{n}": shorter for n, shorter in enumerate((16, 8, 8, 4, 4, 2, 1))}
NOISE |= {"dec/first": 1, "dec/down_1": 2, "dec/down_2": 4, "dec/down_3": 8}
NOISE |= {"dec/up_2": 4, "dec/up_1": 2, "dec/phase_1": 2, "dec/up_0": 1, "dec/phase_0": 1}


def weight_shapes(config: PublishedCodecConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight: what a file is held against."""
    h, depth, first = config.hop, config.latent_depth, config.hop // 4
    widths = {n: n * h // 2 for n in (2, 3, 4, 5, 6)}  # in halves of h
    layers: list[tuple[str, int, int, int]] = []  # name, kernel, in, out

    def chain(part: str, kernels: tuple[int, ...], depths: tuple[int, ...], out: int) -> None:
        for n, kernel in enumerate(kernels):
            layers.append((f"{part}/layer_{n}", kernel, depths[n], depths[n + 1]))
        layers.append((f"{part}/out", 1, depths[-1], out))

    chain("enc", (1,) * 5, (config.bins, *(4 * h,) * 5), first)
    chain("enc2", (3,) * 6 + (1,), (first, *(widths[n] for n in (2, 3, 3, 4, 4, 6, 6))), depth)
    chain("dec2", (3, 4, 3, 4, 3, 4, 4), (depth, *(widths[n] for n in (6, 5, 5, 4, 4, 3, 2))), first)
    layers += [("dec/first", 3, first, 3 * h), ("dec/down_1", 3, 3 * h, 3 * h), ("dec/down_2", 3, 3 * h, 2 * h)]
    layers += [("dec/down_3", 3, 2 * h, h), ("dec/up_2", 4, h, 2 * h), ("dec/up_1", 4, 2 * h, 3 * h)]
    layers += [("dec/phase_1", 4, 2 * h, 3 * h), ("dec/up_0", 4, 3 * h, 3 * h), ("dec/phase_0", 4, 3 * h, 3 * h)]
    layers += [("dec/magnitude", 1, 3 * h, config.bins), ("dec/phase", 1, 3 * h, config.bins)]

    shapes: dict[str, tuple[int, ...]] = {}
    for name, kernel, takes, gives in layers:
        dense, turned = (takes, gives), (kernel, gives, takes)
        shapes[f"{name}/kernel"] = turned if name in TRANSPOSED else (kernel, *dense) if kernel > 1 else dense
        shapes[f"{name}/bias"] = (gives,)
        if name in NOISE:
            shapes[f"{name}/noise"] = (1,)
    return shapes


def noise_lengths(config: PublishedCodecConfig) -> list[int]:
    """Normal numbers that each noise layer takes for a piece of one audio channel, one a step, in order."""
    return [config.window // shorter for shorter in NOISE.values()]


def prepared(weights: Mapping[str, np.ndarray], dtype: str = "float32") -> dict[str, Tensor]:
    """Weights on the device in the form that the networks take; noise weights of zero are left out.

    Args:
        weights: by the names of `weight_shapes`, and in these shapes.
        dtype: to compute in.
    """
    ready = {}
    for name, array in weights.items():
        layer, _, kind = name.rpartition("/")
        value = np.asarray(array, np.float32)
        if kind == "noise" and not value.any():
            continue
        if kind == "kernel" and layer in TRANSPOSED:
            value = _two_steps_at_once(value)
        ready[name] = ops.cast(backend.to_device(value), dtype)
    return ready


def has_noise(weights: Mapping[str, Any]) -> bool:
    """Whether prepared weights use any noise."""
    return any(name.endswith("/noise") for name in weights)


def _two_steps_at_once(kernel: np.ndarray) -> np.ndarray:
    """A transposed convolution's kernel `[4, out, in]` (stride 2) as a plain one's `[2, in, 2 out]`.

    Step 2 t + j - 1 of the result gets kernel[j] x step t. So steps 2 t - 1 and 2 t both come from steps t - 1 and t,
    the first by kernels 2 and 0, the second by kernels 3 and 1.
    """
    earlier = np.concatenate([kernel[2], kernel[3]])  # [2 out, in]
    later = np.concatenate([kernel[0], kernel[1]])
    return np.ascontiguousarray(np.stack([earlier, later]).transpose(0, 2, 1))


# --------------------------------------------------------------------------------------------------- networks


def first_level(weights: Weights, spectra: Tensor) -> Tensor:
    """`enc`: normalised spectrogram `[..., frames, bins]` to the first level `[..., frames, h/4]` in [-1, 1]."""
    x = ops.cast(spectra, _dtype(weights))
    for n in range(5):
        x = ops.silu(_dense(weights, f"enc/layer_{n}", x))
    return ops.tanh(_dense(weights, "enc/out", x))


def second_level(weights: Weights, first: Tensor) -> Tensor:
    """`enc2`: first level of single latents `[B, 16, h/4]` to latents `[B, depth]` in [-1, 1], float32."""
    x = ops.cast(first, _dtype(weights))
    for n, (stride, padding) in enumerate(((1, "same"), (2, "valid"), (1, "same"), (2, "valid"), (1, "same"))):
        x = ops.silu(_convolution(weights, f"enc2/layer_{n}", x, stride, padding))
    x = ops.silu(_convolution(weights, "enc2/layer_5", x, 1, "valid"))  # [B, 1, 3 h]
    x = ops.silu(_dense(weights, "enc2/layer_6", x))
    return ops.cast(ops.tanh(_dense(weights, "enc2/out", x)), "float32")[:, 0]


def first_level_back(weights: Weights, latents: Tensor, noise: list[Tensor] | None = None) -> Tensor:
    """`dec2`: latents of pieces `[B, window / 16, depth]` to their first level `[B, window, h/4]`.

    Args:
        noise: of its seven layers, `[B, steps, 1]` each; None is none.
    """
    x = ops.cast(latents, _dtype(weights))
    for n, (name, given) in enumerate(zip(_noisy("dec2"), noise or [None] * 7, strict=True)):
        layer = _lengthening if name in TRANSPOSED else _convolution
        x = _active(weights, f"dec2/layer_{n}", layer(weights, name, x), given)
    return _dense(weights, "dec2/out", x)


def spectra_back(weights: Weights, first: Tensor, noise: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """`dec`: first level of pieces `[B, window, h/4]` to (magnitude, phase), each `[B, window, bins]` in [-1, 1].

    Args:
        noise: of its nine layers, `[B, steps, 1]` each; None is none.
    """
    given = dict(zip(_noisy("dec"), noise or [None] * 9, strict=True))

    def down(name: str, x: Tensor, stride: int = 2) -> Tensor:
        return _active(weights, name, _convolution(weights, name, x, stride), given[name])

    def up(name: str, x: Tensor) -> Tensor:
        return _active(weights, name, _lengthening(weights, name, x), given[name])

    g0 = down("dec/first", ops.cast(first, _dtype(weights)), stride=1)
    g1 = down("dec/down_1", g0)
    g2 = down("dec/down_2", g1)
    g22 = up("dec/up_2", down("dec/down_3", g2))
    g11 = up("dec/up_1", g22 + g2)
    g00 = up("dec/up_0", g11 + g1)
    phase = up("dec/phase_0", up("dec/phase_1", g22) + g11)
    both = _dense(weights, "dec/magnitude", g00 + g0), _dense(weights, "dec/phase", phase + g00)
    magnitude, phase = (ops.clip(ops.cast(x, "float32"), -1.0, 1.0) for x in both)
    return magnitude, phase


def _noisy(part: str) -> list[str]:
    return [name for name in NOISE if name.startswith(f"{part}/")]


def _dtype(weights: Weights) -> str:
    return keras.backend.standardize_dtype(next(iter(weights.values())).dtype)


def _dense(weights: Weights, name: str, x: Tensor) -> Tensor:
    return ops.matmul(x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]


def _convolution(weights: Weights, name: str, x: Tensor, stride: int = 1, padding: str = "same") -> Tensor:
    return ops.conv(x, weights[f"{name}/kernel"], stride, padding) + weights[f"{name}/bias"]


def _lengthening(weights: Weights, name: str, x: Tensor) -> Tensor:
    """`[B, T, K]` to `[B, 2 T, K']`: a transposed convolution of kernel 4 and stride 2."""
    pairs = ops.conv(ops.pad(x, [(0, 0), (1, 1), (0, 0)]), weights[f"{name}/kernel"], 1, "valid")  # [B, T + 1, 2 K']
    steps = ops.reshape(pairs, (-1, 2 * pairs.shape[1], pairs.shape[2] // 2))
    return steps[:, 1:-1] + weights[f"{name}/bias"]


def _active(weights: Weights, name: str, x: Tensor, noise: Tensor | None) -> Tensor:
    """Noise, where there is some and it counts, and swish."""
    weight = weights.get(f"{name}/noise")
    if noise is not None and weight is not None:
        x = x + weight * ops.cast(noise, x.dtype)
    return ops.silu(x)


# ---------------------------------------------------------------------------------------------------- spectra


def spectrogram(config: PublishedCodecConfig, waveform: Tensor, window: np.ndarray | None = None) -> Tensor:
    """Waveforms of single channels `[..., N]`, N a multiple of the hop, to `[..., N / hop - 3, bins]`, float32.

    Power in dB, floored at -100, minus mu, over sigma. Spectrum f is of samples f h to (f + 4) h.

    Args:
        window: `rounded_hann`, for a caller that compiles this; None makes it.
    """
    window = rounded_hann(4 * config.hop) if window is None else window
    pieces = spectrum.split_frames(waveform, 4 * config.hop, config.hop) * window
    power = spectrum.compute_power(ops.rfft(pieces))
    decibels = ops.log(ops.maximum(power, POWER_FLOOR)) * (10.0 / math.log(10.0))
    return (decibels - config.mu_rescale) * (1.0 / config.sigma_rescale)


def rounded_hann(window: int) -> np.ndarray:
    """The periodic Hann window, each step of its computation rounded to float32, by the backend's own cosine.

    As the original has it: in bins far quieter than their neighbours the rounding of the window shows. With
    TensorFlow's cosine spectrograms agree with the original to 2e-7, with JAX's to 4e-5 of the largest magnitude where
    power exceeds 1e-5. Not to be called within a compiled function.
    """
    turns = np.float32(2 * np.pi) * np.arange(window, dtype=np.float32) / np.float32(window)
    cosine = backend.to_numpy(ops.cos(backend.to_device(turns)))
    return np.float32(0.5) - np.float32(0.5) * cosine


def synthesis(config: PublishedCodecConfig, magnitude: Tensor, phase: Tensor, there: Tensor | None = None) -> Tensor:
    """Magnitude and phase, each `[..., frames, bins]`, to waveforms `[..., (frames + 3) hop]`, float32.

    Spectrum f gives samples f h to (f + 4) h. The first and last 3 h samples lack others that overlap, and fade.

    Args:
        there: `[..., frames, 1]`, 0 where there is no spectrum and 1 elsewhere; None is 1.
    """
    decibels = magnitude * config.sigma_rescale + config.mu_rescale
    size = ops.sqrt(ops.exp(decibels * (math.log(10.0) / 10.0)) + ROOT_FLOOR)
    size = size if there is None else size * there
    angle = phase * math.pi
    return spectrum.inverse_stft((size * ops.cos(angle), size * ops.sin(angle)), config.hop)
